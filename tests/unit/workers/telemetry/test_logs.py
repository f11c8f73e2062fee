"""Log lines: JSON, and never an argument, a result or an error's text."""

import io
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest
import structlog
from celery.app import trace

from workers.telemetry import logs
from workers.worker import hooks

SECRET = "+1 305 555 0199 <ann@example.com>"


def line(template, *args, exc_info=None, **extra):
    record = logging.LogRecord("celery.x", logging.INFO, __file__, 1, template, args, exc_info)
    vars(record).update(extra)
    return json.loads(logs.JsonFormatter().format(record))


def caught():
    try:
        int(SECRET)
    except ValueError:
        return sys.exc_info()


def test_a_context_shows_facts_only():
    context = {"id": "1", "name": "t", "runtime": 0.5, "return_value": SECRET, "args": SECRET, "exc": SECRET}
    said = line("Task %(name)s[%(id)s] succeeded in %(runtime)ss: %(return_value)s %(exc)s", context, data=context)
    assert said["event"] == "succeeded in 0.5s: [hidden] [hidden]"
    assert (said["task_id"], said["task"]) == ("1", "t")


def test_lines_of_a_task_say_everything_once():
    context = {"id": "1", "name": "t", "runtime": 0.35649767, "return_value": SECRET}
    told = [line(template, context, data=context) for template in (trace.LOG_RECEIVED, trace.LOG_SUCCESS)]
    assert [each["event"] for each in told] == ["received", "succeeded in 0.3565s"]
    assert {(each["task_id"], each["task"]) for each in told} == {("1", "t")}


@pytest.mark.parametrize("arg", [{"kwargs": SECRET}, [SECRET], repr({"k": SECRET}), repr(SECRET), b"x", object()])
def test_bodies_are_hidden(arg):
    assert line("The full contents of the message body was: %s", arg)["event"].endswith("was: [hidden]")


def test_an_error_is_its_type_and_place():
    said = line("Task handler raised error: %r", caught()[1], exc_info=caught())
    assert said["event"] == "Task handler raised error: ValueError"
    assert said["error"] == "ValueError"
    assert said["frames"][-1].endswith(" caught")
    assert SECRET not in json.dumps(said, ensure_ascii=False)


def test_a_connection_error_says_where():
    said = line("consumer: Cannot connect to %s: %s.", "redis://:**@h:1//", ConnectionRefusedError(111, "refused"))
    assert said["event"] == "consumer: Cannot connect to redis://:**@h:1//: ConnectionRefusedError: refused."


@pytest.mark.parametrize(
    ("error", "told"),
    [(KeyError("hearth.no.such"), "hearth.no.such"), (KeyError("ann"), "KeyError"), (KeyError("a@b.c"), "KeyError")],
)
def test_an_unknown_task_is_named(error, told):
    assert line("Received unregistered task of type %s.", error)["event"].endswith(f"type {told}.")


@pytest.mark.parametrize("value", ["interactive@host", 3, 2.5, None, "Trying again in 2.00 seconds... (1/100)"])
def test_names_numbers_and_phrases_are_shown(value):
    assert logs.loggable(value) == value


def test_a_template_that_does_not_fit_is_said_as_it_is():
    assert line("%d tasks", SECRET + "'")["event"] == "%d tasks"


def test_our_own_errors_lose_their_text(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "__stderr__", stream)
    root = logging.getLogger()
    before, level = root.handlers, root.level
    try:
        logs.configure("INFO")
        log = structlog.get_logger()
        log.debug("not said")
        log.error("broken", exc_info=caught())
        logging.getLogger("some.library").warning("done %s", {"k": SECRET})
    finally:
        root.handlers = before
        root.setLevel(level)
        structlog.reset_defaults()
    lines = [json.loads(text) for text in stream.getvalue().splitlines()]
    assert [(said["event"], said["level"]) for said in lines] == [("broken", "error"), ("done [hidden]", "warning")]
    assert lines[0]["error"] == "ValueError"
    assert SECRET not in stream.getvalue()


@pytest.mark.parametrize(
    ("args", "kwargs", "tenant"),
    [
        ((), {"tenant_id": "LOC1"}, "LOC1"),
        (({"tenant_id": "LOC1"},), {}, "LOC1"),
        ((), {"tenant_id": SECRET}, logs.HIDDEN),
        ((), {"tenant_id": 5}, logs.HIDDEN),
        (("x",), None, None),
    ],
)
def test_lines_of_a_task_name_its_tenant(args, kwargs, tenant):
    class Task:
        name = "t"

        class request:
            delivery_info: ClassVar = {"routing_key": "ingest"}

    hooks.on_prerun("1", Task, args, kwargs)
    said = line("hello")
    hooks.on_postrun()
    assert (said["task_id"], said["task"], said["queue"], said["tenant"]) == ("1", "t", "ingest", tenant)
    assert "task_id" not in line("hello")


def test_a_warning_says_where_and_what_kind():
    record = logging.LogRecord(
        "py.warnings", logging.WARNING, "", 1, "%s", (f"/a/b.py:7: UserWarning: {SECRET}",), None
    )
    assert logs.message(record) == "/a/b.py:7: UserWarning"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
def test_a_log_without_room_fails_no_work():
    code = """
import structlog
from workers.telemetry import logs
logs.configure()
for number in range(1000):
    structlog.get_logger().error("x" * 100)
print("done", flush=True)
"""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=full, text=True, check=False)
    assert done.stdout == "done\n"
