from flask import Flask

app = Flask(__name__)


@app.get('/')
async def index():
    return 'x'


with app.test_client() as client:
    client.get('/')
