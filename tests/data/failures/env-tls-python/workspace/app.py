import urllib.request

urllib.request.urlopen('https://localhost:8443/')
