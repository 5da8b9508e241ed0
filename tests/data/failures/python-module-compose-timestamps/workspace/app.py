import json

from bs4 import BeautifulSoup
