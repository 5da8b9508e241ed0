import httpx

httpx.Client(proxy='socks5://127.0.0.1:9')
