"""The Celery application and what its tasks do: apply, sweep, keep the partitions ahead."""
