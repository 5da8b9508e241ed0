import redis

redis.Redis(host='cache.internal.example').ping()
