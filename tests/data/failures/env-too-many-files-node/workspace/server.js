const fs = require('fs');
for (let i = 0; i < 100; i++) fs.openSync('server.js');
