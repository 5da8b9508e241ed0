import asyncio

from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine('sqlite+aiosqlite://')


async def main():
    async with engine.connect() as connection:
        print(connection)


asyncio.run(main())
