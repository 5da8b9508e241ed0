const config = require('./config.json');
