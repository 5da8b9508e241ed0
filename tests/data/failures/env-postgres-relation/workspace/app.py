import psycopg

with psycopg.connect('postgresql://postgres:right@127.0.0.1:55439/postgres') as db:
    db.execute('SELECT * FROM orders')
