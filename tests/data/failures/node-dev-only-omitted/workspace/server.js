const morgan = require('morgan');
