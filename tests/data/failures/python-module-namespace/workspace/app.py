from google.cloud import pubsub_v1
