require('native')
