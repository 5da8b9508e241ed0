const Hapi = require('@hapi/hapi');
