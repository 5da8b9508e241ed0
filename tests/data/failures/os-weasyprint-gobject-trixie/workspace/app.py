import weasyprint
