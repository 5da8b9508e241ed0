import redis

redis.StrictReddis(host='localhost')
