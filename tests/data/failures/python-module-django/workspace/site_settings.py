SECRET_KEY = 'x'
INSTALLED_APPS = ['rest_framework']
