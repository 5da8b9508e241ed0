const users = require('./routes/uesrs');
