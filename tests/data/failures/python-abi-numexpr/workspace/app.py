import numexpr

print(numexpr.evaluate('1+1'))
