import psycopg

psycopg.connect('postgresql://postgres:right@127.0.0.1:55439/shop')
