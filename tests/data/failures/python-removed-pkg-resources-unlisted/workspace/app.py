import gunicorn.util
