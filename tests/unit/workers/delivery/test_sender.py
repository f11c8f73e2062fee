"""Parts of the sender alone: tokens, limits, what answers mean, what a dry run prints."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from tasks.crm.adapter import Remaining
from tasks.crm.highlevel.api import API
from tasks.services.sending.prepare import Ready
from workers.delivery.sender.breaker import Breaker
from workers.delivery.sender.client import Answer, Client
from workers.delivery.sender.dry_run import told
from workers.delivery.sender.rate_limit import RateLimit
from workers.delivery.sender.tokens import Tokens, TokenUnusable
from workers.delivery.sender.verdicts import TOO_MANY, Verdict, verdict_of

SECRET = "pit-d9b2-nobody-may-see-this"


def token_file(
    folder: Path, content: bytes = SECRET.encode(), *, name: str = "acme.token", mode: int = 0o600
) -> Tokens:
    path = folder / name
    path.touch(mode=0o600)
    path.write_bytes(content)
    path.chmod(mode)
    return Tokens(folder=folder)


def code(tokens: Tokens, tenant_id: str = "acme") -> str:
    with pytest.raises(TokenUnusable) as caught:
        tokens.of(tenant_id)
    assert SECRET not in repr(caught.value)
    return str(caught.value)


def test_a_token_is_read_anew_from_its_tenant_s_file(tmp_path: Path) -> None:
    tokens = token_file(tmp_path, SECRET.encode() + b"\n")
    assert tokens.of("acme").get_secret_value() == SECRET
    (tmp_path / "acme.token").write_text("another")
    assert tokens.of("acme").get_secret_value() == "another"
    assert code(tokens, "other") == "token.missing"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_may_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    assert code(token_file(tmp_path, mode=mode)) == "token.mode"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "token.empty"),
        (b" \n", "token.empty"),
        (b"two words", "token.malformed"),
        (b"line\r\nX-Injected: 1", "token.malformed"),
        ("schlüssel".encode(), "token.unreadable"),
    ],
)
def test_what_could_be_no_header_is_refused_before_it_is_one(tmp_path: Path, content: bytes, said: str) -> None:
    assert code(token_file(tmp_path, content)) == said


@pytest.mark.parametrize("tenant_id", ["../acme", "a/b", ".hidden", "a\\b", "a\0b"])
def test_a_tenant_s_name_leads_to_no_other_folder(tmp_path: Path, tenant_id: str) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    token_file(tmp_path)
    assert code(Tokens(folder=inner), tenant_id) == "token.name"


def test_one_token_is_that_of_one_tenant_and_is_never_shown() -> None:
    tokens = Tokens(single=SecretStr(SECRET), tenant="acme")
    assert tokens.of("acme").get_secret_value() == SECRET
    assert code(tokens, "other") == "token.missing"
    assert SECRET not in repr(tokens)
    assert SECRET not in str(tokens.of("acme"))


def test_no_window_has_more_requests_than_the_crm_allows() -> None:
    limit, now, sent = RateLimit(api=API), 0.0, []
    while len(sent) < 350:
        if (pause := limit.wait(now)) > 0:
            now += pause
            continue
        limit.count(now)
        sent.append(now)
        now += 0.01
    for start in sent:
        assert sum(start <= at < start + API.window for at in sent) <= API.per_window
    assert now < 3 * API.window + 1 + 1.5


def test_what_the_crm_says_is_left_counts_more_than_our_own_count() -> None:
    limit = RateLimit(api=API)
    limit.heed(Remaining(in_window=1), 5.0)
    assert limit.wait(5.0) == 0
    limit.heed(Remaining(in_window=0), 5.0)
    assert limit.wait(5.0) == API.window
    assert limit.wait(5.0 + API.window) == 0


@pytest.mark.parametrize(
    ("answer", "once", "twice"),
    [
        (Answer(status=200, body={}), "sent", "sent"),
        (Answer(status=201, body=None), "sent", "sent"),
        (Answer(status=204), "sent", "sent"),
        (Answer(status=301), "refused", "refused"),
        (Answer(status=400), "refused", "refused"),
        (Answer(status=401), "token", "token"),
        (Answer(status=403), "token", "token"),
        (Answer(status=404), "refused", "refused"),
        (Answer(status=408), "again", "again"),
        (Answer(status=422), "refused", "refused"),
        (Answer(status=425), "again", "again"),
        (Answer(status=429), "later", "later"),
        (Answer(status=500), "unsure", "again"),
        (Answer(status=502), "unsure", "again"),
        (Answer(status=503), "again", "again"),
        (Answer(status=504), "unsure", "again"),
        (Answer(status=None, code="connect"), "again", "again"),
        (Answer(status=None, code="timeout", may_have_arrived=True), "unsure", "again"),
    ],
    ids=lambda value: str(getattr(value, "status", value)),
)
def test_what_may_have_taken_effect_is_sent_again_only_where_that_does_no_harm(
    answer: Answer, once: str, twice: str
) -> None:
    assert verdict_of(answer, idempotent=False).kind == once
    assert verdict_of(answer, idempotent=True).kind == twice


@pytest.mark.parametrize(("header", "seconds"), [(None, TOO_MANY), ("7", 7.0), ("-1", TOO_MANY), ("soon", TOO_MANY)])
def test_429_waits_as_long_as_the_crm_asks(header: str | None, seconds: float) -> None:
    headers = {} if header is None else {"retry-after": header}
    assert verdict_of(Answer(status=429, headers=headers), idempotent=True).after == seconds


def test_the_breaker_opens_after_failures_in_a_row_and_not_by_refusals() -> None:
    breaker = Breaker(failures=3, open_for=60.0)
    for kind in ("again", "again", "refused", "unsure", "later", "sent"):
        assert breaker.call(lambda kind=kind: Verdict(kind=kind)) == Verdict(kind=kind)
    assert not breaker.is_open
    for _ in range(3):
        breaker.call(lambda: Verdict(kind="again"))
    assert breaker.is_open
    assert breaker.call(lambda: pytest.fail("it was tried")) is None


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1", "https://169.254.169.254", "http://93.184.216.34", "https://127.0.0.1"]
)
def test_no_other_address_than_a_public_one_gets_a_token(url: str) -> None:
    request = {"method": "PUT", "path": "/contacts/c1", "body": {}, "headers": {}}
    answer = Client(base_url=url).send(API, SecretStr(SECRET), request)
    assert answer.status is None
    assert answer.code in {"target.private", "target.insecure"}


def test_a_dry_run_names_fields_and_no_values() -> None:
    body = {"customFields": [{"id": "f1", "field_value": "hot"}], "assignedTo": "ada"}
    line = told(Ready(request={"method": "PUT", "path": "/contacts/c1", "body": body}, name="fields"))
    assert line == "PUT /contacts/c1 fields assignedTo,customFields[f1]"
