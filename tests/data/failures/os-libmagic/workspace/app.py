import magic

print(magic.from_file("app.py"))
