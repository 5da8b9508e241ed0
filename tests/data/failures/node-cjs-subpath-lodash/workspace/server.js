const { groupBy } = require('lodash/fp');
console.log(groupBy);
