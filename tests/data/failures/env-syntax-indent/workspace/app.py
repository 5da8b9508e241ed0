from flask import Flask

def make():
app = Flask(__name__)
