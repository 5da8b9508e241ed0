import aioredis
