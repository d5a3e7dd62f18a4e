"""Which messages may reach Celery: those whose form is a task's.

Anything can come to stand in our queue: of another application whose queue has its name, of a script, of a
newer version of ours. Celery refuses some of that, and over the rest the worker ends. Where the broker keeps
a message until it is acknowledged, the next worker is given it, and ends too.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

__all__ = ["trouble"]


def trouble(message: Any, tasks: Collection[str]) -> str | None:
    """Why this message (kombu's) is none of these tasks' by its form; None when it is.

    Looks at what a worker's main process reads. Says nothing of what stands in it, which may be another's.
    """
    headers = message.headers
    if not isinstance(headers, dict) or not isinstance(headers.get("task"), str):
        return "it is no task"
    if headers["task"] not in tasks:
        return "its task is not one of ours"
    if not isinstance(headers.get("id"), str):
        return "it has no id"
    if not _are_limits(headers.get("timelimit")):
        return "its time limits are none"
    if headers.get("stamped_headers") or headers.get("stamps"):
        return "it is stamped, which ours are not"
    try:
        payload = message.payload  # kept by the message: Celery reads it next
    except Exception:  # of whatever reads its kind of content
        return "its content cannot be read"
    return None if _is_call(payload) else "its content is no call"


def _are_limits(limits: Any) -> bool:
    """Two, hard and soft, in seconds, each of them or both missing."""
    if limits is None:
        return True
    return (
        isinstance(limits, list | tuple)
        and len(limits) == 2
        and all(limit is None or isinstance(limit, int | float) for limit in limits)
    )


def _is_call(payload: Any) -> bool:
    """Arguments, named arguments, and what is to be called then."""
    if not isinstance(payload, list | tuple) or len(payload) != 3:
        return False
    arguments, named, then = payload
    return isinstance(arguments, list) and isinstance(named, dict) and isinstance(then, dict | None)
