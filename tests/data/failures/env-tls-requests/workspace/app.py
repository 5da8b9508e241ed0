import requests

requests.get('https://localhost:8443/')
