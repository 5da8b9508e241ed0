require('fs').mkdirSync('/srv/data/uploads');
