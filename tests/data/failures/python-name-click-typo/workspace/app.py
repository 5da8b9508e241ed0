from flask import Flask, jsonfiy
