"""Inside a Celery worker: transport, consumer, fair queues, batching, hooks."""
