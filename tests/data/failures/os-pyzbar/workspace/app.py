from pyzbar import pyzbar
