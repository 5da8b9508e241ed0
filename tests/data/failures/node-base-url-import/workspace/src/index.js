const mail = require('services/mail');
