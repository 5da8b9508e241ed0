import asyncio


@asyncio.coroutine
def main():
    yield
