from celery import Celery
import requests

app = Celery('shop', broker='memory://')
