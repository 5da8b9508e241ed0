require('http').createServer().listen(8000, '127.0.0.1');
