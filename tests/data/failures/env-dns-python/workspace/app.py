import socket

socket.create_connection(('db.internal.example', 5432))
