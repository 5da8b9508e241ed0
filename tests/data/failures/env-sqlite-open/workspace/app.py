import sqlite3

sqlite3.connect('/srv/nowhere/shop.db')
