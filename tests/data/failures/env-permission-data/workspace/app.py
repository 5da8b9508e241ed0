open('/srv/data/shop.db', 'ab')
