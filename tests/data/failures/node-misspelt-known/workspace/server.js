const _ = require('loadsh');
