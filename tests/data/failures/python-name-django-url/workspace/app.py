import django
from django.conf.urls import url
