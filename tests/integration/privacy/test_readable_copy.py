"""The copy that a person can read beside the JSON: complete, harmless, and gone by the same rules."""

import os
import stat
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tasks.churn import predict
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.privacy.people import correct
from tasks.privacy.retention import purge
from tasks.privacy.rights import export, forget
from tests.support.privacy import CANARY, EMAIL, EXTERNAL, PHONE, TEXT


class Reader(HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.texts = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.texts.append(data)


def read(path):
    reader = Reader()
    reader.feed(Path(path).read_text())
    return reader


@pytest.fixture
def copied(tenant, canary):
    """Export a person of whom much is known."""
    score(tenant_id=tenant, lead_id=canary)
    predict(tenant_id=tenant, lead_ids=[canary])
    correct(tenant_id=tenant, lead_id=canary, fields={"state": "FL", "budget_max": 450_000}, actor="ada")
    return export(tenant_id=tenant, lead_id=canary)["data"]


def test_the_page_says_everything_in_plain_words(copied):
    text = " ".join(read(copied["page"]).texts)
    for told in (EMAIL, PHONE, EXTERNAL, "zyxterrier", TEXT, "you agreed", "450,000", "1095 days", "likely", "ada"):
        assert told in text, told
    assert "in 100" in text
    assert "raises it" in text or "lowers it" in text


def test_the_page_is_one_file_that_runs_nothing_and_only_its_owner_reads_it(copied):
    reader = read(copied["page"])
    assert not {"script", "link", "img", "iframe", "form", "a"} & set(reader.tags)
    assert not {name for name in reader.attributes if name.startswith("on") or name in {"href", "src"}}
    for name in ("page", "file"):
        assert stat.S_IMODE(os.stat(copied[name]).st_mode) == 0o600


def test_what_a_person_typed_is_text_on_the_page(tenant):
    lead = CANARY | {"first_name": "<script>alert(1)</script>", "custom": {"<b>x</b>": "<img src=x onerror=y>"}}
    upsert(tenant_id=tenant, leads=[lead])
    page = read(export(tenant_id=tenant, external_ids=[EXTERNAL])["data"]["page"])
    assert not {"script", "img", "b"} & set(page.tags)
    assert "<script>alert(1)</script>" in " ".join(page.texts)


def test_erasure_takes_the_page_with_the_file(tenant, canary, copied):
    assert forget(tenant_id=tenant, lead_id=canary)["data"]["files"]["exports"] == 1
    assert not Path(copied["page"]).exists()
    assert not Path(copied["file"]).exists()


def test_erasure_takes_a_page_that_lost_its_file(tenant, canary, copied):
    Path(copied["file"]).unlink()
    forget(tenant_id=tenant, lead_id=canary)
    assert not Path(copied["page"]).exists()


def test_the_page_goes_when_its_time_is_over(copied):
    long_ago = time.time() - 40 * 86_400
    for name in ("page", "file"):
        os.utime(copied[name], (long_ago, long_ago))
    purge()
    assert not Path(copied["page"]).exists()
    assert not Path(copied["file"]).exists()
