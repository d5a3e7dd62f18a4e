"""The Celery application: `celery -A workers.celery.app …` and `rxledger worker` run it."""

from __future__ import annotations

import gc

from celery import Celery
from celery.signals import worker_process_init

from workers.celery.transport import register

__all__ = ["app", "spare_the_collector"]

register()
app = Celery("rxledger")
app.config_from_object("celeryconfig")


@worker_process_init.connect(weak=False)
def spare_the_collector(**_: object) -> None:
    """What was imported stays, and a batch makes tens of thousands of objects without a cycle among them.

    Walking them over and over cost 6 % of applying; frozen pages also stay shared with the parent.
    """
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)
