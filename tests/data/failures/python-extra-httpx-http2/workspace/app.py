import httpx

httpx.Client(http2=True)
