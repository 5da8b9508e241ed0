const { DatabaseSync } = require('node:sqlite');
