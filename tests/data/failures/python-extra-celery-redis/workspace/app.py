from celery import Celery

app = Celery('shop', backend='redis://localhost/0', broker='memory://')
print(app.backend.client)
