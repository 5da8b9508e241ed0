const users = require('./routes/users');
