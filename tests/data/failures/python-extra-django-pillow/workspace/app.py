import django
from django.conf import settings

settings.configure(INSTALLED_APPS=['shop'], DATABASES={})
django.setup()
from django.core.management import call_command

call_command('check')
