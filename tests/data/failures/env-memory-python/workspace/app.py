kept = [bytearray(10**8) for _ in range(100)]
