from fastapi import FastAPI, WebSocket

app = FastAPI()


@app.websocket('/ws')
async def feed(socket: WebSocket):
    await socket.accept()
