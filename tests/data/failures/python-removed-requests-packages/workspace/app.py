from urllib3.contrib.appengine import AppEngineManager
