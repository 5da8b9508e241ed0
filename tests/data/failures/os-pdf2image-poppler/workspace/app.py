from pdf2image import convert_from_path

convert_from_path("app.py")
