"""Celery's settings as data; tasks by name only. The file's name is load-bearing: Celery's default app loads it too."""

from kombu import entity as _entity
from kombu import transport as _transport

from workers.base.settings import settings

_SETTINGS = settings()


def _queue(name: str) -> _entity.Queue:
    # its own exchange and key: a queue without them shares the default exchange and gets copies of others' messages
    return _entity.Queue(name, _entity.Exchange(name, type="direct"), routing_key=name)


# --- where ------------------------------------------------------------------------------------------------------------
broker_url = _SETTINGS.broker().get_secret_value()
# results stay on Redis: the database result backend falls back to pickle and is eleven times slower
result_backend = broker_url

# --- queues: one per kind of hurry, so that nobody waits behind what is slow ------------------------------------------
# `celery` is where producers that know no routes (Node, Go, PHP) put their messages; the inference worker takes it too
task_queues = tuple(
    _queue(name) for name in ("celery", "inference", "ingest", "batch", "learning", "training", "media")
)
task_default_queue = "celery"
task_default_exchange = "celery"
task_default_routing_key = "celery"
# the queue that the task's decorator names. Callers send the batch form of leads.score and churn.predict to `batch`
task_routes = "tasks.runtime.routing:route"
# False breaks a `link=` to the CRM's own queue; misspelt names of ours are caught by the wiring test
task_create_missing_queues = True

# --- messages: JSON only, in and out: a pickle is somebody else's code ------------------------------------------------
task_serializer = "json"
result_serializer = "json"
accept_content = ["json"]
result_accept_content = ["json"]
task_protocol = 2
# stored results and tracebacks carry no arguments
result_extended = False
task_remote_tracebacks = False
# whoever sent the message, its arguments and results are hidden from logs, events, remote control and Flower
# … and one that takes its process with it again and again, or never ends, is held in the quarantine
task_annotations: dict[str, dict[str, object]] = {
    "*": {"Request": "workers.worker.poison_request:GuardedRequest"},
    # events that wait for their tenant's turn share a commit, which costs more than they do
    "hearth.events.ingest": {"Strategy": "workers.worker.batching:strategy"},
}

# --- time: UTC everywhere ---------------------------------------------------------------------------------------------
timezone = "UTC"
enable_utc = True

# --- broker -----------------------------------------------------------------------------------------------------------
# an unacknowledged message comes back after this many seconds: above task_time_limit, or a long task would run twice
visibility_timeout = 900
broker_transport_options = {
    "visibility_timeout": visibility_timeout,
    "unacked_restore_interval": 5,  # look for messages to bring back every 5 s …
    "unacked_restore_throttle": 1,  # … each time, not every tenth (100 s)
    "socket_timeout": 10,  # a frozen broker is an error, not a wait for ever
    "socket_connect_timeout": 3,
    "socket_keepalive": True,  # a half-open connection is noticed
    "health_check_interval": 10,
}
result_backend_transport_options = {"visibility_timeout": visibility_timeout}
# the stock transport ends its worker when the broker is full, and can lose what it gives back
_transport.TRANSPORT_ALIASES.update(
    redis="workers.worker.transport:Transport", rediss="workers.worker.transport:Transport"
)
broker_connection_timeout = 3
# a worker outlives any restart of its broker
broker_connection_retry = True
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
# … and any refusal of it: it connects anew instead of ending
broker_channel_error_retry = True
# a producer gets its error within seconds and decides for itself; the outbox publishes again what it must
task_publish_retry_policy = {"max_retries": 3, "interval_start": 0, "interval_step": 0.2, "interval_max": 1}
redis_socket_timeout = 10
redis_socket_connect_timeout = 3
redis_socket_keepalive = True
redis_retry_on_timeout = True
redis_backend_health_check_interval = 10

# --- results ----------------------------------------------------------------------------------------------------------
result_expires = 24 * 3600  # domain results live in our tables; these are for callers who wait
result_chord_expires = 3600  # an abandoned chord's counters go away; far above the run time of a chord
task_ignore_result = False  # the members of a chord must store theirs

# --- execution --------------------------------------------------------------------------------------------------------
# a message is acknowledged when its work is done, and goes back when the process that did it was killed
task_acks_late = True
task_reject_on_worker_lost = True
# … a few times: a task that kills its process every time fails after its retries instead of looping for ever
task_retry_on_worker_lost = True
# cancelling on a lost connection made recovery slower on Redis (21 s against 6 s)
worker_cancel_long_running_tasks_on_connection_loss = False
task_soft_time_limit = 540  # the task says so itself …
task_time_limit = 600  # … or its process is replaced
# batch, training and media take one message at a time; inference and ingest ask for more on their command line
worker_prefetch_multiplier = 1
# due times live in the database; a flood of countdowns must not fill a worker's memory
worker_eta_task_limit = 1000
# a leak cannot grow for ever; fewer than 2,000 costs more than half the throughput
worker_max_tasks_per_child = 5000
worker_max_memory_per_child = 1_000_000  # KiB, shared pages included
worker_soft_shutdown_timeout = _SETTINGS.soft_shutdown
# holds what is undecodable, unknown or invalid instead of dropping it
worker_consumer = "workers.worker.consumer:Consumer"
# a child of a busy machine may need longer than 4 s to report
worker_proc_alive_timeout = 30

# --- logs and events --------------------------------------------------------------------------------------------------
# workers.telemetry.logs owns the root logger and writes JSON to stderr
worker_hijack_root_logger = False
worker_redirect_stdouts = False
worker_log_color = False
# events only where Flower runs (workers get -E there), and never the producer's, which carry arguments
worker_send_task_events = False
task_send_sent_event = False

# --- schedule: every entry expires just before its next tick, so that a late worker does the newest once --------------
beat_schedule: dict[str, dict[str, object]] = {
    "pipelines-sweep": {
        "task": "hearth.pipelines.sweep",
        "schedule": 15.0,
        "options": {"expires": 14, "ignore_result": True},
    },
    # an event is on the worklist within seconds; what is due stays due in the database
    "live-sweep": {
        "task": "hearth.leads.sweep",
        "schedule": 2.0,
        "options": {"expires": 1.9, "ignore_result": True},
    },
    # whose risk is due is in the database; the work itself goes to `batch`
    "churn-sweep": {
        "task": "hearth.churn.sweep",
        "schedule": 15.0,
        "options": {"expires": 14, "ignore_result": True},
    },
    # actions that waited for a day's hours, their delay or a turn of the frequency cap
    "interventions-dispatch": {
        "task": "hearth.interventions.dispatch",
        "schedule": 15.0,
        "options": {"expires": 14, "ignore_result": True},
    },
    "interventions-expire": {
        "task": "hearth.interventions.expire",
        "schedule": 60.0,
        "options": {"expires": 59, "ignore_result": True},
    },
    # once a day, by its slot, as the privacy purge
    "interventions-follow-up": {
        "task": "hearth.interventions.follow_up",
        "schedule": 3600.0,
        "options": {"expires": 3599, "ignore_result": True},
    },
    # each tenant's counts once a day; asked every hour, for those that have few replies and those that erased a lead
    "reply-clocks": {
        "task": "hearth.leads.refresh_reply_clocks",
        "schedule": 3600.0,
        "options": {"expires": 3599, "ignore_result": True},
    },
    # what nobody came to learn, checkpoints that are due, and new snapshots without an online score
    "online-sweep": {
        "task": "hearth.online.sweep",
        "schedule": 10.0,
        "options": {"expires": 9, "ignore_result": True},
    },
    # what did not happen to scored leads by the end of a horizon of days; each tenant once an hour, by its slot
    "online-mature": {
        "task": "hearth.online.mature",
        "schedule": 3600.0,
        "options": {"expires": 3599, "ignore_result": True},
    },
    # once a day, by its slot, as the privacy purge
    "drift-sweep": {
        "task": "hearth.drift.sweep",
        "schedule": 3600.0,
        "options": {"expires": 3599, "ignore_result": True},
    },
    "backfill-sweep": {
        "task": "hearth.backfill.sweep",
        "schedule": 15.0,
        "options": {"expires": 14, "ignore_result": True},
    },
    # each tenant's turn of the week, and runs that were lost
    "models-retrain": {
        "task": "hearth.models.retrain_sweep",
        "schedule": 300.0,
        "options": {"expires": 299, "ignore_result": True},
    },
    # what models that do not answer say of what was served …
    "models-shadow": {
        "task": "hearth.models.shadow",
        "schedule": 60.0,
        "options": {"expires": 59, "ignore_result": True},
    },
    # … and what follows from it when labels land
    "models-watch": {
        "task": "hearth.models.watch",
        "schedule": 3600.0,
        "options": {"expires": 3599, "ignore_result": True},
    },
    # folds of killed workers, and searches whose budget is spent
    "tune-sweep": {
        "task": "hearth.models.tune_sweep",
        "schedule": 5.0,
        "options": {"expires": 4.9, "ignore_result": True},
    },
    "canaries": {
        "task": "hearth.system.canaries",
        "schedule": 15.0,
        "options": {"expires": 14, "ignore_result": True},
    },
    "audit-anchor": {
        "task": "hearth.system.anchor",
        "schedule": 60.0,
        "options": {"expires": 59, "ignore_result": True},
    },
    "purge": {
        "task": "hearth.system.purge",
        "schedule": 3600.0,
        "options": {"expires": 3599, "ignore_result": True},
    },
    # stored leads are read again once for each new version of the readers of refusals
    "privacy-reread": {
        "task": "hearth.privacy.reread",
        "schedule": 60.0,
        "options": {"expires": 59, "ignore_result": True},
    },
    # once a day, by its slot; asked every hour, since a beat that starts anew each morning would never come to a day
    "privacy-purge": {
        "task": "hearth.privacy.purge",
        "schedule": 3600.0,
        "options": {"expires": 3599, "ignore_result": True},
    },
}
# … and none is what people look for in Flower, where three of four tasks would be upkeep; it is shown when it fails
for _task in {"hearth.system.canary", *(str(_entry["task"]) for _entry in beat_schedule.values())}:
    task_annotations[_task] = {"send_events": False}
