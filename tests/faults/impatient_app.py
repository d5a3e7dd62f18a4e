"""The worker's application, trying again as often as ever without a pause between its tries."""

from __future__ import annotations

import stamina

from partners.wire import ATTEMPTS
from workers.celery.app import app

__all__ = ["app"]

stamina.set_testing(True, attempts=ATTEMPTS)
