"""The Celery application: its tasks, attempts, hints, and how it speaks to the broker."""
