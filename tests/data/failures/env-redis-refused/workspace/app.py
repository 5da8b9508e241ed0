import redis

redis.Redis(port=6379).ping()
