from celery.task import task
