import django
from django.conf import settings

settings.configure(DATABASES={'default': {'ENGINE': 'django.db.backends.postgresql', 'NAME': 'x'}}, INSTALLED_APPS=['django.contrib.contenttypes'])
django.setup()
from django.db import connection

connection.ensure_connection()
