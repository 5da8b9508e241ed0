model = bytearray(10**9)
for i in range(0, 10**9, 4096):
    model[i] = 1
