"""The Celery application: `celery -A workers.app …` and `rxledger worker` run it."""

from __future__ import annotations

from celery import Celery

__all__ = ["app"]

app = Celery("rxledger")
app.config_from_object("celeryconfig")
