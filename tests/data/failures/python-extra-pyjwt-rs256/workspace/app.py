import jwt

print(jwt.encode({}, 'key', algorithm='RS256'))
