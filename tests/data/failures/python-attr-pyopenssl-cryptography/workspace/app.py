import OpenSSL.crypto
