import shop
import jwt
