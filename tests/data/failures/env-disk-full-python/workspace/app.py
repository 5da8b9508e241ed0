with open('/dev/full', 'w') as out:
    out.write('x')
