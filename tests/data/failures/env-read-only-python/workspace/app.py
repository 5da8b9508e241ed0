open('/srv/cache.json', 'w')
