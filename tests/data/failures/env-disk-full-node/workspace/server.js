require('fs').writeFileSync('/dev/full', 'x');
