"""Write logs as one JSON object a line to stderr: task id, task, tenant, queue; never an argument or a result.

Our own lines (structlog) hold only what we wrote. Lines of libraries (logging) are built from templates and arguments;
Celery's arguments include message bodies, results and exceptions, so only names, numbers and types pass.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, TextIO, cast

import structlog
from structlog.types import EventDict, WrappedLogger

HIDDEN = "[hidden]"
#: keys of Celery's log contexts that say what ran, not with what
_FACTS = frozenset({"id", "name", "hostname", "description", "runtime", "eta", "internal"})
#: texts without quotes, braces or brackets are names, addresses and phrases; whatever was repr'd has one of them
_PHRASE = re.compile(r"[\w\s.,:;@/*#()+\-…>%]{0,300}")
#: the only argument of an error, being the name of a task
_TASK_NAME = re.compile(r"\('[a-z_]\w*(\.\w+)+',\)")
#: a Python warning as text: its place and category, then a message
_WARNING = re.compile(r"\(['\"](?P<place>[^:]+:\d+: \w+):")
#: errors of a connection name an address and an errno; redis-py's are known by name, since who asks no broker does not
#: import it
_CONNECTION_ERRORS = frozenset({"ConnectionError", "TimeoutError"})
#: loggers of libraries that have nothing to say below a warning
_CHATTY = ("kombu", "amqp", "alembic", "tornado.access", "sqlalchemy", "httpx", "httpcore", "asyncio")

ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


class _LogContext(dict[str, object]):
    """A log context that shows facts and hides everything else."""

    def __missing__(self, key: str) -> str:
        return HIDDEN


class _Unquoted(str):
    """A text that a template's %r shows without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def loggable(value: object) -> object:
    """Return a value as a log line may show it: numbers and phrases as they are, an error as its type, else hidden."""
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, BaseException):
        return _Unquoted(_error(value))
    return _Unquoted(value if isinstance(value, str) and _PHRASE.fullmatch(value) else HIDDEN)


def _error(error: BaseException) -> str:
    name = type(error).__name__
    if isinstance(error, KeyError) and _TASK_NAME.fullmatch(str(error.args[:1])):
        # how Celery reports the name of an unknown task
        return str(error.args[0])
    if not _of_connection(error):
        return name
    detail = getattr(error, "strerror", None) or str(error)
    return f"{name}: {detail}" if _PHRASE.fullmatch(detail) else name


def _of_connection(error: BaseException) -> bool:
    return isinstance(error, OSError) or any(
        kind.__module__ == "redis.exceptions" and kind.__name__ in _CONNECTION_ERRORS for kind in type(error).__mro__
    )


def message(record: logging.LogRecord) -> str:
    """Return the record's message, built from arguments that may be shown."""
    if record.name == "py.warnings" and (place := _WARNING.match(str(record.args))):
        return place["place"]
    if not record.args:
        return str(record.msg) if isinstance(record.msg, str) else HIDDEN
    try:
        return str(record.msg) % _arguments(record)
    except (TypeError, ValueError):
        # a %d for what is hidden: the template alone says enough
        return str(record.msg)


def error_facts(exc_info: ExcInfo) -> dict[str, object]:
    """Return an exception as its type and frames; its text may hold values."""
    kind, _, trace = exc_info
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)[-12:]]
    return {"error": kind.__name__, "frames": frames} if kind else {}


def _arguments(record: logging.LogRecord) -> Mapping[str, object] | tuple[object, ...]:
    # logging unwraps a single mapping, whether the template takes keys or one value
    if not isinstance(record.args, Mapping):
        return tuple(loggable(arg) for arg in record.args or ())
    if "%(" not in str(record.msg):
        return (HIDDEN,)
    facts = {key: value for key, value in record.args.items() if key in _FACTS}
    return _LogContext({key: round(value, 4) if isinstance(value, float) else value for key, value in facts.items()})


class JsonFormatter(logging.Formatter):
    """Format the lines of libraries like our own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one JSON object."""
        facts: dict[str, object] = dict(structlog.contextvars.get_contextvars())
        event = message(record).strip()
        context = getattr(record, "data", None)
        if isinstance(context, Mapping):
            facts |= {"task_id": context.get("id"), "task": context.get("name")}
            # two lines a task are most of a log: what stands in them twice, and what is hidden anyway, is left out
            event = event.removeprefix(f"Task {context.get('name')}[{context.get('id')}] ").removesuffix(f": {HIDDEN}")
        facts |= {"event": event, "level": record.levelname.lower(), "logger": record.name}
        if record.exc_info and record.exc_info[0]:
            facts |= error_facts(record.exc_info)
        return _line(None, "", _stamped(None, "", facts))


class StderrHandler(logging.StreamHandler[Any]):
    """Write to the current `sys.stderr`, so that a redirected or captured one is honoured."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(JsonFormatter())

    @property
    def stream(self) -> Any:
        """Return where the line goes."""
        return sys.__stderr__

    @stream.setter
    def stream(self, _: object) -> None:
        """Fixed."""


class _Lossy:
    """A file whose write errors are ignored: no task may fail because the log's disk is full."""

    def __init__(self, file: TextIO | None) -> None:
        self._file = file

    def write(self, text: str) -> None:
        """Write if it can be done."""
        with suppress(OSError, ValueError):
            if self._file:
                self._file.write(text)

    def flush(self) -> None:
        """Flush if it can be done."""
        with suppress(OSError, ValueError):
            if self._file:
                self._file.flush()


_stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)


def _stamped(logger: WrappedLogger, method: str, facts: EventDict) -> EventDict:
    return dict(_stamp(logger, method, facts))


def _line(_logger: WrappedLogger, _method: str, facts: EventDict) -> str:
    return json.dumps(facts, default=lambda value: type(value).__name__, ensure_ascii=False)


def _without_error_text(_logger: WrappedLogger, _method: str, facts: EventDict) -> EventDict:
    exc_info = facts.pop("exc_info", None)
    if exc_info is True:
        exc_info = sys.exc_info()
    if isinstance(exc_info, BaseException):
        exc_info = (type(exc_info), exc_info, exc_info.__traceback__)
    if isinstance(exc_info, tuple):
        facts.update(error_facts(exc_info))
    return facts


def configure(level: str = "INFO") -> None:
    """Send our lines and those of every library to stderr as JSON, from `level` upwards."""
    threshold = logging.getLevelName(level)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _without_error_text,
            _stamped,
            _line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Lossy(sys.__stderr__))),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = [StderrHandler()]
    root.setLevel(threshold)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def on_setup_logging(loglevel: int | None = None, **_: object) -> None:
    """Celery's `setup_logging` signal: with a receiver, Celery leaves the root logger alone."""
    configure(logging.getLevelName(loglevel or logging.INFO))
