"""Celery's configuration: hints that may be lost or doubled at no cost, and must never loop.

PostgreSQL is the queue of record; a message only says "look at these ids". So nothing here tries to make
messages safe: a lost one is found by the sweeper, which is also the only retry there is.
"""

from __future__ import annotations

from settings import Settings

_settings = Settings.load()

broker_url = _settings.broker_url or "memory://"
result_backend = None
task_ignore_result = True
task_store_errors_even_if_ignored = False

imports = ("workers.celery.tasks",)
task_default_queue = "rxledger"
# Ids and numbers only: nothing else can be said in a message.
task_serializer = "json"
accept_content = ["json"]
enable_utc = True
timezone = "UTC"

# A hint is done when its work is. When a worker dies with one, it is not sent again: the lease in the
# queue table passes and the sweeper counts the attempt, so that a body which kills workers is buried.
task_acks_late = True
task_reject_on_worker_lost = False
task_acks_on_failure = True
task_acks_on_timeout = True
worker_prefetch_multiplier = 1
task_publish_retry = False

worker_consumer = "workers.celery.consumer:SparingConsumer"
worker_send_task_events = True
# Every hint would cost a second message, and say nothing that the worker's own events do not.
task_send_sent_event = False
worker_redirect_stdouts = False
worker_cancel_long_running_tasks_on_connection_loss = False

# On SIGTERM (taken as SIGQUIT under `rxledger worker`) a batch under way has this long to end, in seconds. A
# busy worker always takes the whole time, so it is short: a batch that is cut off is rolled back and swept.
worker_soft_shutdown_timeout = 3
worker_enable_soft_shutdown_on_idle = False
# A batch takes tens of milliseconds. What takes minutes hangs, and holds locks.
task_time_limit = 180
task_soft_time_limit = 150
# The pool's children are replaced before a slow leak becomes the machine's problem.
worker_max_memory_per_child = 512_000

# Workers outlive any outage of the broker; a publisher gives up at once, since its hint can be lost.
broker_connection_retry_on_startup = True
broker_connection_retry = True
broker_connection_max_retries = None
# A broker that answers with an error (it became a replica, is out of memory or cannot write) is away as well.
broker_channel_error_retry = True
broker_connection_timeout = 2
broker_heartbeat = 30

_REDIS = broker_url.startswith(("redis", "valkey", "rediss"))
broker_transport_options: dict[str, object] = (
    {
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 30,
        # To note in Redis which hints are under way took two round trips of each, before and after its work;
        # the note brings back a dead worker's hint after an hour, the sweeper its events within seconds.
        "ack_emulation": False,
        "global_keyprefix": _settings.broker_prefix,
    }
    if _REDIS
    else {"confirm_publish": False, "read_timeout": 5, "write_timeout": 5}
)
# What a worker is asked comes by a queue of its name. It is exclusive by default: on a RabbitMQ a second
# worker of one host would wait until the first is gone, and one that was cut off for its own old connection.
# This one goes when nobody has used it for ten seconds. In a Redis it goes with its connection.
_RABBITMQ = broker_url.startswith(("amqp", "pyamqp"))
control_queue_exclusive = not _RABBITMQ
control_queue_durable = _RABBITMQ

beat_scheduler = "workers.celery.beat:EnduringScheduler"
beat_schedule = {
    # A sweep that waited behind a backlog is stale: the next one is due anyway. A worker says so by its own
    # clock, which may be ahead of beat's.
    "sweep": {"task": "rxledger.sweep", "schedule": 5.0, "options": {"expires": 60.0}},
    "pull": {
        "task": "rxledger.pull",
        "schedule": _settings.pull.every,
        "options": {"expires": _settings.pull.every},
    },
    "watch": {"task": "rxledger.watch", "schedule": 300.0, "options": {"expires": 300.0}},
    "losses": {"task": "rxledger.losses", "schedule": 600.0, "options": {"expires": 600.0}},
    "partitions": {"task": "rxledger.partitions", "schedule": 3600.0, "options": {"expires": 600.0}},
}
