"""Card and worklist say when the last days moved a lead, and when too little was learnt to say so."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from db.records import PredictionDraft
from db.repositories import tenants
from db.repositories.predictions import predictions
from db.session import reading, transaction
from tasks.contracts import answers
from tasks.leads.card import card
from tasks.online.learn import learn, score
from tasks.services.online import online_views, open_learners
from tests.support import signals as told
from workers.cli.leads.card_view import show_card
from workers.cli.leads.worklist_view import _new

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")

T = "online"
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def tenant(database: str) -> Iterator[str]:
    open_learners.bind(limit=4)
    yield told.make_tenant(T)
    open_learners.bind(limit=4)


def scored(lead_id: str, snapshot_id: str, days: float, probability: float, target: str = "reply", **given) -> None:
    """Store an online score as of some days ago."""
    detail = {"experts": {}, "confidence": 0.6, "signals": 150, "generation": 1, "cursor": 150, **given}
    draft = PredictionDraft(
        lead_id=lead_id,
        snapshot_id=snapshot_id,
        kind=f"online_{target}",
        model_id=None,
        model_version=f"online-1.{round(1000 - days)}",
        scope="tenant",
        probability=probability,
        band=None,
        detail=detail,
        as_of=datetime.now(UTC) - days * DAY,
    )
    with transaction(T) as session:
        predictions.save(session, T, drafts=[draft], now=draft.as_of)


@pytest.fixture
def lead() -> tuple[str, str]:
    """A lead with a snapshot, of a tenant whose learner of replies has learnt something."""
    told.tell(T, range(3))
    learn(tenant_id=T, target="reply")
    lead_ids = told.make_leads(T, [50])
    return lead_ids[0], told.take_snapshots(T, lead_ids, [50])[0]


def section(lead_id: str):
    answer = card(tenant_id=T, lead_id=lead_id)["data"]
    assert not answers.faults("hearth.leads.card", answer)
    return answer["online"]


def brief(lead_id: str):
    with reading(T) as session:
        context = online_views_context(session)
        moved = online_views.of_leads(session, context, [lead_id])
        return online_views.worklist_brief(moved.get(lead_id), context)


def online_views_context(session):
    class Context:
        tenant_id = T
        now = datetime.now(UTC)

        def settings(self):
            return tenants.require(session, T).settings

    return Context()


def test_a_lead_that_moved_is_told_with_the_day_since_when(lead):
    lead_id, snapshot_id = lead
    for days, probability in ((12, 0.31), (9, 0.30), (3, 0.36), (0.1, 0.42)):
        scored(lead_id, snapshot_id, days, probability)
    (view,) = section(lead_id)["scores"]
    since = datetime.now(UTC) - 9 * DAY
    assert view["text"] == f"online: reply up 12 points since {since.day} {since:%B}"
    assert (view["status"], view["change"]["points"], view["change"]["before"]) == ("ready", 12, 0.30)
    assert brief(lead_id)["text"] == view["text"]


def test_the_target_that_moved_most_stands_on_the_list(lead):
    lead_id, snapshot_id = lead
    told.tell(T, range(3, 6), target="won")
    learn(tenant_id=T, target="won")
    for days, reply, won in ((8, 0.5, 0.5), (0.1, 0.44, 0.3)):
        scored(lead_id, snapshot_id, days, reply)
        scored(lead_id, snapshot_id, days, won, "won")
    found = brief(lead_id)
    assert (found["target"], found["change"]["points"]) == ("won", -20)
    assert "won down 20 points" in found["text"]


def test_a_lead_of_this_week_is_compared_with_its_first_score(lead):
    lead_id, snapshot_id = lead
    scored(lead_id, snapshot_id, 2, 0.2)
    scored(lead_id, snapshot_id, 0.1, 0.27)
    assert section(lead_id)["scores"][0]["change"]["points"] == 7


def test_what_did_not_move_is_no_news(lead):
    lead_id, snapshot_id = lead
    scored(lead_id, snapshot_id, 8, 0.30)
    scored(lead_id, snapshot_id, 0.1, 0.33)
    (view,) = section(lead_id)["scores"]
    assert (view["change"], view["text"]) == (None, "online: reply 33 %")
    assert brief(lead_id) is None


def test_a_cold_start_says_so_and_moves_nobody(lead):
    lead_id, _ = lead
    assert score(tenant_id=T)["data"]["scored"] >= 1
    (view,) = section(lead_id)["scores"]
    assert view["status"] == "cold"
    assert view["confidence"] < online_views.COLD
    assert "3 outcomes: too few to rely on" in view["text"]
    assert brief(lead_id) is None


def test_without_any_outcome_the_card_says_why():
    (lead_id,) = told.make_leads(T, [1])
    assert section(lead_id) == {"text": "nothing was learnt of this tenant's outcomes yet", "scores": []}


def test_who_has_ended_has_no_section(lead):
    lead_id, _ = lead
    with transaction(T) as session:
        told.leads.set_label(session, T, lead_id=lead_id, label=True, label_at=datetime.now(UTC), status="won")
    assert section(lead_id) is None


def test_the_terminal_says_it_too(lead, capsys):
    lead_id, snapshot_id = lead
    scored(lead_id, snapshot_id, 8, 0.30)
    scored(lead_id, snapshot_id, 0.1, 0.42)
    data = card(tenant_id=T, lead_id=lead_id)["data"]
    score_of_model = {"probability": 0.5, "band": "warm", "model": "scorecard-1"}
    show_card("x50", {**data, "score": score_of_model})
    printed = capsys.readouterr().out
    assert "42 %, from 150 outcomes, +12 points since" in printed
    assert _new({"changed": None, "online": {"text": "online: reply up 12 points since 3 May"}}) == (
        "online: reply up 12 points since 3 May"
    )
    assert _new({"changed": {"text": "new"}, "online": None}) == "new"
