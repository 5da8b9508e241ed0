import ctypes

usb = ctypes.CDLL("libusb-1.0.so")
