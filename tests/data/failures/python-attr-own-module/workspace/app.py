import redis
import config

print(config.REDIS_HOST)
