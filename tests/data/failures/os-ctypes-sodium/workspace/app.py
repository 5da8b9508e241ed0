import ctypes

sodium = ctypes.CDLL("libsodium.so.23")
print(sodium.sodium_init())
