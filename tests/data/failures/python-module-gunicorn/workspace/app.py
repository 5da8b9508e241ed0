from flask import Flask
import redis

app = Flask(__name__)
