import psycopg

psycopg.connect('postgresql://shop@db.internal.example/shop')
