require('fs').writeFileSync('/app/cache.json', '{}');
