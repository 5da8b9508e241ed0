kept = [open('app.py') for _ in range(100)]
