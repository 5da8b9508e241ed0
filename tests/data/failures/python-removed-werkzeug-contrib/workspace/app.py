from werkzeug.contrib.cache import SimpleCache
