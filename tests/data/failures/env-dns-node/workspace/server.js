require('net').connect(5432, 'db.internal.example');
