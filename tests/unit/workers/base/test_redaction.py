"""What Celery's own request would tell, and what ours tells, with real messages."""

import pytest
from celery.worker.request import Request
from kombu import Connection
from kombu.transport.virtual import Message

from tasks.errors import InvalidPayload, Overloaded, Unavailable
from workers.app import app
from workers.base.redaction import HIDDEN, RedactedRequest

SECRET = "+1 305 555 0199"


class Eventer:
    """An event dispatcher that keeps what it sends."""

    enabled = True

    def __init__(self):
        self.sent = []

    def send(self, kind, **fields):
        self.sent.append((kind, fields))


@pytest.fixture
def make():
    """Requests made of a message that carries the secret wherever Celery puts arguments."""
    with Connection("memory://") as connection, connection.channel() as channel:

        def build(kind, eventer=None):
            headers = {"id": "1", "task": "celery.accumulate", "argsrepr": SECRET, "kwargsrepr": SECRET}
            content = {"content-type": "application/json", "content-encoding": "utf-8"}
            properties = {"delivery_tag": "t", "delivery_info": {}, "body_encoding": None}
            body = app.backend.encode([[SECRET], {"phone": SECRET}, {}])
            payload = {"headers": headers, "properties": properties, "body": body, **content}
            message = Message(payload, channel=channel)
            return kind(message, app=app, eventer=eventer, task=app.tasks["celery.accumulate"])

        yield build


def test_celerys_own_request_tells_all(make):
    request = make(Request)
    assert SECRET in request.argsrepr
    assert SECRET in str(request.info())


def test_ours_tells_nothing(make):
    request = make(RedactedRequest)
    assert (request.argsrepr, request.kwargsrepr) == (HIDDEN, HIDDEN)
    assert SECRET not in f"{request.info()} {request.info(safe=True)} {request!r} {request}"
    assert request.request_dict["argsrepr"] == HIDDEN
    assert request.args == [SECRET]


def test_events_carry_no_values(make):
    eventer = Eventer()
    request = make(RedactedRequest, eventer)
    request.send_event("task-succeeded", result=SECRET, runtime=0.5)
    request.send_event("task-failed", exception=f"ValueError('{SECRET}')", traceback=SECRET)
    request.send_event("task-retried", exception=SECRET, traceback=SECRET)
    assert eventer.sent == [
        ("task-succeeded", {"uuid": "1", "result": HIDDEN, "runtime": 0.5}),
        ("task-failed", {"uuid": "1", "exception": "ValueError", "traceback": HIDDEN}),
        ("task-retried", {"uuid": "1", "exception": HIDDEN, "traceback": HIDDEN}),
    ]


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (InvalidPayload.at("unknown_lead", f"leads.{SECRET}", SECRET), "task-refused", "InvalidPayload: unknown_lead"),
        (InvalidPayload(SECRET, []), "task-refused", "InvalidPayload"),
        (Overloaded(SECRET), "task-refused", "Overloaded"),
        (Unavailable("the_database"), "task-failed", "Unavailable"),
        (ValueError("a_word"), "task-failed", "ValueError"),
    ],
)
def test_what_was_refused_has_not_failed_and_says_its_code(make, error, kind, told):
    eventer = Eventer()
    make(RedactedRequest, eventer).send_event("task-failed", exception=repr(error), traceback=SECRET)
    assert eventer.sent == [(kind, {"uuid": "1", "exception": told, "traceback": HIDDEN})]


def test_upkeep_is_seen_when_it_fails_only(make, monkeypatch):
    eventer = Eventer()
    request = make(RedactedRequest, eventer)
    monkeypatch.setattr(request.task, "send_events", False)
    request.send_event("task-started")
    request.send_event("task-succeeded", result=SECRET, runtime=0.5)
    assert eventer.sent == []
    request.send_event("task-failed", exception="InvalidPayload('missing', [])", traceback=SECRET)
    shown = {"uuid": "1", "name": "celery.accumulate", "exception": "InvalidPayload: missing", "traceback": HIDDEN}
    assert eventer.sent == [("task-failed", shown)]
