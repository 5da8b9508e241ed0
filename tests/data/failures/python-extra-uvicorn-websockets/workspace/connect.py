import base64, os, socket, subprocess, sys, time

server = subprocess.Popen([sys.executable, "-m", "uvicorn", "app:app", "--port", "18765"])
for _ in range(100):
    try:
        client = socket.create_connection(("127.0.0.1", 18765))
        break
    except OSError:
        time.sleep(0.1)
key = base64.b64encode(os.urandom(16)).decode()
client.sendall(f"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
client.recv(1000)
server.terminate()
server.wait()
