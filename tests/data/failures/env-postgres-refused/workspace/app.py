import psycopg

psycopg.connect('postgresql://shop:wrong@127.0.0.1:5432/shop')
