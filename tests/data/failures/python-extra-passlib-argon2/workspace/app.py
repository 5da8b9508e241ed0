from passlib.hash import argon2

print(argon2.hash('x'))
