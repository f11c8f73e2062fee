"""The gates, as tables: what each fact makes of an action, and by which rule."""

from __future__ import annotations

import ast
import inspect
from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.churn.activity import TERMINAL
from ml.errors import CatalogueError
from ml.interventions.compliance import gates, rules
from ml.interventions.compliance.gates import ActionCandidate, GateDecision, GateFacts, GateRules, judge
from ml.interventions.compliance.holidays import HOLIDAYS
from ml.interventions.compliance.quiet_hours import Hours
from ml.interventions.compliance.rule_texts import rule
from ml.interventions.compliance.rules import RULES
from ml.interventions.compliance.zones import LAWS, PLACES
from ml.language.patterns import read_data_file

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: a Tuesday, noon in New York
NOON = datetime(2026, 5, 5, 16, tzinfo=UTC)
YES = {"opt_in_sms": True, "opt_in_email": True, "opt_in_call": True}
FACTS = GateFacts(now=NOON, kill_switch=False, consent=YES, contactable=True, state="NY", phone="+12125550100")
TEXT = "Two homes near the park came up this week. Shall I send you the list?"
SMS = ActionCandidate(action="sms", channel="sms", text=TEXT)
EMAIL = ActionCandidate(action="email", channel="email", text=TEXT)
CALL = ActionCandidate(action="call_task", channel="call", text="Ask what has changed since the last visit.")
INSIDE = ActionCandidate(action="agent_reassign", channel="internal", text="Nobody has been in touch for 20 days.")
OPEN = GateRules(approval=frozenset())


def made_by(decision):
    """The rule that made a decision: the last that did not let it pass."""
    return next((one.rule for one in reversed(decision.rules) if one.decision != "allow"), None)


def quiet_of(candidate, facts, given_rules=OPEN):
    """What the gate of the hours said first."""
    return next(one for one in judge(candidate, facts, given_rules).rules if one.gate == "quiet_hours")


def consent(**said):
    return replace(FACTS, consent={**YES, **said})


#: action, facts -> decision and the rule that made it
GATES = [
    # all is well
    (SMS, FACTS, "allow", None),
    (EMAIL, FACTS, "allow", None),
    (CALL, FACTS, "allow", None),
    (INSIDE, FACTS, "allow", None),
    # kill switch
    (SMS, replace(FACTS, kill_switch=True), "block", "kill.on"),
    (INSIDE, replace(FACTS, kill_switch=True), "block", "kill.on"),
    (SMS, replace(FACTS, kill_switch=None), "block", "kill.on"),
    # refusals
    *[
        (one, replace(FACTS, refused=reason), "block", "refusal.terminal")
        for one in (SMS, EMAIL, CALL)
        for reason in TERMINAL
    ],
    (SMS, replace(FACTS, refused="something new"), "block", "refusal.terminal"),
    (SMS, consent(unsubscribed_at=NOON), "block", "refusal.unsubscribed"),
    (CALL, consent(unsubscribed_at="2026-01-01"), "block", "refusal.unsubscribed"),
    (SMS, consent(dnd_all=True), "block", "refusal.dnd_all"),
    (EMAIL, consent(dnd=True), "block", "refusal.dnd_all"),
    (SMS, consent(dnd_sms=True), "block", "refusal.dnd_channel"),
    (SMS, consent(dnd_email=True, dnd_call=True), "allow", None),
    (EMAIL, consent(dnd_email=True), "block", "refusal.dnd_channel"),
    (CALL, consent(dnd_call=True), "block", "refusal.dnd_channel"),
    (SMS, consent(opt_in_sms=False), "block", "refusal.opted_out"),
    (SMS, consent(opt_in_all=False), "block", "refusal.opted_out"),
    (SMS, consent(dnd_sms="no"), "block", "refusal.unreadable"),
    (SMS, consent(dnd_all=0), "block", "refusal.unreadable"),
    (SMS, consent(opt_in_sms="yes"), "block", "refusal.unreadable"),
    (SMS, consent(opt_in_sms=1), "block", "refusal.unreadable"),
    (SMS, replace(FACTS, contactable=False), "block", "refusal.unreachable"),
    (INSIDE, consent(dnd_all=True, unsubscribed_at=NOON), "allow", None),
    # consent
    (SMS, replace(FACTS, consent={}), "block", "consent.sms_missing"),
    (SMS, replace(FACTS, consent={"opt_in_sms": None}), "block", "consent.sms_missing"),
    (SMS, replace(FACTS, consent={"opt_in_email": True, "opt_in_all": True}), "block", "consent.sms_missing"),
    (SMS, replace(FACTS, consent={}, inquiry_at=NOON - DAY), "block", "consent.sms_missing"),
    (EMAIL, replace(FACTS, consent={}), "block", "consent.email_missing"),
    (EMAIL, replace(FACTS, consent={"opt_in_sms": True}), "block", "consent.email_missing"),
    (CALL, replace(FACTS, consent={}), "block", "consent.call_missing"),
    (CALL, replace(FACTS, consent={}, inquiry_at=NOON - 90 * DAY), "allow", None),
    (CALL, replace(FACTS, consent={}, inquiry_at=NOON - 90 * DAY - HOUR), "block", "consent.call_missing"),
    (CALL, replace(FACTS, consent={}, inquiry_at=NOON + HOUR), "block", "consent.call_missing"),
    (CALL, replace(FACTS, consent={"dnd_call": True}, inquiry_at=NOON - DAY), "block", "refusal.dnd_channel"),
    (CALL, replace(FACTS, consent={"opt_in_call": False}, inquiry_at=NOON - DAY), "block", "refusal.opted_out"),
    (replace(SMS, channel="fax"), FACTS, "block", "consent.unknown_channel"),
    (replace(SMS, channel="all"), consent(opt_in_all=True), "block", "consent.unknown_channel"),
    (replace(SMS, channel=""), FACTS, "block", "consent.unknown_channel"),
    # do not call
    (CALL, consent(do_not_call=True), "block", "dnc.listed"),
    (SMS, consent(dnc="yes"), "block", "dnc.listed"),
    (EMAIL, consent(do_not_call=True), "allow", None),
    (CALL, consent(do_not_call=False), "allow", None),
    # quiet hours
    (SMS, replace(FACTS, now=NOON - 4 * HOUR), "defer", "quiet.hours"),
    (SMS, replace(FACTS, now=NOON - 5 * HOUR), "defer", "quiet.federal"),
    (EMAIL, replace(FACTS, now=NOON - 5 * HOUR), "defer", "quiet.hours"),
    (CALL, replace(FACTS, now=NOON + 9 * HOUR), "defer", "quiet.federal"),
    (SMS, replace(FACTS, state="RI", now=NOON + 7 * HOUR), "defer", "quiet.ri"),
    (SMS, replace(FACTS, state=None, phone="+14015550100", now=NOON + 7 * HOUR), "defer", "quiet.ri"),
    (EMAIL, replace(FACTS, state="RI", now=NOON + 7 * HOUR), "allow", None),
    (SMS, replace(FACTS, state=None, phone=None), "defer", "quiet.no_place"),
    # an hour that suits every zone, but not Rhode Island, where it is evening
    (SMS, replace(FACTS, state=None, phone=None, now=NOON + 7 * HOUR), "defer", "quiet.no_place"),
    (EMAIL, replace(FACTS, state=None, phone=None, now=NOON + 7 * HOUR), "allow", None),
    # a Sunday, and Christmas
    (SMS, replace(FACTS, state="Mobile, Ala.", now=NOON - 2 * DAY), "defer", "quiet.al"),
    (SMS, replace(FACTS, state="UT", now=NOON + 234 * DAY), "defer", "quiet.holiday_ut"),
    (EMAIL, replace(FACTS, state="UT", now=NOON + 234 * DAY), "allow", None),
    (SMS, replace(FACTS, state="NY", now=NOON + 234 * DAY), "allow", None),
    # a zone without a state has the laws of all that lie in it
    (
        SMS,
        replace(FACTS, state=None, phone=None, timezone="America/New_York", now=NOON + 7 * HOUR),
        "defer",
        "quiet.ri",
    ),
    (SMS, replace(FACTS, state=None, phone=None, timezone="America/New_York"), "allow", None),
    (INSIDE, replace(FACTS, now=NOON - 9 * HOUR), "allow", None),
    # frequency
    (SMS, replace(FACTS, contacts=(NOON - HOUR,)), "defer", "frequency.day"),
    (SMS, replace(FACTS, contacts=(NOON - DAY,)), "allow", None),
    (SMS, replace(FACTS, contacts=(NOON + HOUR,)), "defer", "frequency.day"),
    (SMS, replace(FACTS, contacts=(NOON - 2 * DAY, NOON - 6 * DAY, NOON - 4 * DAY)), "defer", "frequency.week"),
    (SMS, replace(FACTS, contacts=(NOON - 2 * DAY, NOON - 7 * DAY, NOON - 4 * DAY)), "allow", None),
    (INSIDE, replace(FACTS, contacts=(NOON - HOUR,) * 9), "allow", None),
    # content
    (replace(SMS, text="Perfect for families!"), FACTS, "block", "content.blocked"),
    (replace(INSIDE, text="Tell them: no children."), FACTS, "block", "content.blocked"),
    (replace(SMS, text="Hi {{first_name}}"), FACTS, "block", "content.blocked"),
    (replace(SMS, text="A master bedroom"), FACTS, "allow", None),
]


@pytest.mark.parametrize(("candidate", "facts", "decision", "made"), GATES)
def test_gate(candidate, facts, decision, made):
    judged = judge(candidate, facts, OPEN)
    assert (judged.decision, made_by(judged)) == (decision, made)
    assert (judged.not_before is None) == (decision == "block")


#: facts -> the moment until which it waits
WAITS = [
    (FACTS, NOON),
    (replace(FACTS, now=NOON - 5 * HOUR), NOON - 3 * HOUR),
    (replace(FACTS, contacts=(NOON - HOUR,)), NOON + 23 * HOUR),
    (replace(FACTS, contacts=(NOON - HOUR, NOON - 20 * HOUR)), NOON + 23 * HOUR),
    # the cap is free at 3 in the morning: the hours are judged again then
    (replace(FACTS, contacts=(NOON - 9 * HOUR,)), NOON + 21 * HOUR),
    # the next opening is later than the cap: it makes no difference
    (replace(FACTS, now=NOON - 5 * HOUR, contacts=(NOON - 28 * HOUR,)), NOON - 3 * HOUR),
    (replace(FACTS, contacts=(NOON - 2 * DAY, NOON - 3 * DAY, NOON - 4 * DAY)), NOON + 3 * DAY),
    (replace(FACTS, contacts=(NOON - HOUR, NOON - 3 * DAY, NOON - 4 * DAY)), NOON + 3 * DAY),
]


@pytest.mark.parametrize(("facts", "until"), WAITS)
def test_how_long_it_waits(facts, until):
    judged = judge(SMS, facts, OPEN)
    assert judged.not_before == until
    assert judged.decision == ("allow" if until == facts.now else "defer")


def test_the_stricter_of_both_caps_counts():
    contacts = (NOON - HOUR, NOON - 6 * DAY, NOON - 6 * DAY)
    judged = judge(SMS, replace(FACTS, contacts=contacts), OPEN)
    assert (judged.not_before, made_by(judged)) == (NOON + DAY, "frequency.week")


def test_a_brokerage_cannot_allow_more_calls_a_day_than_the_law():
    often, contacts = replace(OPEN, per_day=10, per_week=50), (NOON - HOUR,) * 3
    assert made_by(judge(SMS, replace(FACTS, contacts=contacts), often)) == "frequency.day"
    assert judge(EMAIL, replace(FACTS, contacts=contacts), often).decision == "allow"
    assert judge(SMS, replace(FACTS, contacts=contacts[:2]), often).decision == "allow"


def test_each_deferral_is_told():
    judged = judge(SMS, replace(FACTS, contacts=(NOON - 9 * HOUR,)), OPEN)
    waits = [(one.rule, one.until) for one in judged.rules if one.decision == "defer"]
    assert waits == [("frequency.day", NOON + 15 * HOUR), ("quiet.federal", NOON + 21 * HOUR)]


def test_no_contacts_allowed_and_no_hour_open():
    assert made_by(judge(SMS, FACTS, replace(OPEN, per_day=0))) == "frequency.none"
    assert made_by(judge(SMS, FACTS, replace(OPEN, per_week=0))) == "frequency.none"
    assert made_by(judge(SMS, FACTS, replace(OPEN, hours=Hours(21, 24)))) == "quiet.never"
    unknown = replace(FACTS, state=None, phone=None)
    assert made_by(judge(SMS, unknown, replace(OPEN, hours=Hours(9, 17)))) == "quiet.never"


def test_a_deferred_inquiry_is_still_fresh_when_it_was_when_judged():
    evening = replace(FACTS, consent={}, now=NOON + 9 * HOUR, inquiry_at=NOON + 9 * HOUR - 90 * DAY)
    waiting = judge(CALL, evening, OPEN)
    assert waiting.decision == "defer"
    # dispatch judges again, and by then the inquiry is too old
    assert made_by(judge(CALL, replace(evening, now=waiting.not_before), OPEN)) == "consent.call_missing"


#: action, rules -> whether a person decides, and the rule
APPROVALS = [
    (SMS, GateRules(), True, "approval.channel"),
    (EMAIL, GateRules(), True, "approval.channel"),
    (CALL, GateRules(), False, "approval.none"),
    (INSIDE, GateRules(), False, "approval.none"),
    (SMS, OPEN, False, "approval.none"),
    (CALL, GateRules(approval=frozenset({"call"})), True, "approval.channel"),
    (INSIDE, GateRules(approval=frozenset({"internal"})), True, "approval.channel"),
    (replace(SMS, text="A safe neighborhood"), OPEN, True, "approval.content"),
    (replace(CALL, text="Call (305) 555-0100"), OPEN, True, "approval.content"),
    (replace(SMS, text=None), OPEN, True, "approval.content"),
    (replace(EMAIL, text=None), OPEN, True, "approval.content"),
    (replace(CALL, text=None), OPEN, False, "approval.none"),
    (replace(SMS, text="Walking distance to the lake"), OPEN, False, "approval.none"),
]


@pytest.mark.parametrize(("candidate", "given_rules", "asked", "made"), APPROVALS)
def test_approval(candidate, given_rules, asked, made):
    judged = judge(candidate, FACTS, given_rules)
    assert (judged.decision, judged.requires_approval, judged.rules[-1].rule) == ("allow", asked, made)


def test_the_order_of_the_gates():
    judged = judge(SMS, replace(FACTS, now=NOON - 5 * HOUR, contacts=(NOON - DAY,)), OPEN)
    gates = list(dict.fromkeys(one.gate for one in judged.rules))
    order = "kill_switch refusal consent do_not_call quiet_hours frequency content approval"
    assert gates == order.split()
    assert list(dict.fromkeys(one.gate for one in RULES.rules.values())) == gates


#: facts that each stop at a gate: with all of them at once the earliest speaks, and nothing after it
STOPS = [
    ("kill_switch", {"kill_switch": True}),
    ("refusal", {"refused": "opted_out"}),
    ("consent", {"consent": {"do_not_call": True}}),
]


@pytest.mark.parametrize("first", range(len(STOPS)))
def test_the_first_block_ends_it(first):
    facts = FACTS
    for _, told in STOPS[first:]:
        facts = replace(facts, **told)
    judged = judge(replace(SMS, text="Adults only"), facts)
    assert judged.rules[-1].gate == STOPS[first][0]
    assert [one.decision for one in judged.rules] == ["allow"] * first + ["block"]
    assert not judged.requires_approval


def test_findings_are_named_and_nothing_else_is():
    judged = judge(replace(SMS, text="Adults only. Write to ana@example.com"), FACTS)
    assert judged.rules[-1].note == "fh.adults_only, personal.email"
    told = repr((judge(SMS, FACTS), FACTS))
    assert "2125550100" not in told
    assert "opt_in" not in told


def test_zones_are_noted():
    assert quiet_of(SMS, replace(FACTS, state="FL")).note == "state: America/Chicago, America/New_York"
    assert quiet_of(SMS, replace(FACTS, state="Pensacola, Fla.", phone=None)).note.startswith("state: America/Chicago,")


def test_it_is_noted_when_the_laws_of_states_hold_for_want_of_one():
    facts = replace(FACTS, state=None, phone=None, timezone="America/Detroit")
    assert quiet_of(SMS, facts).note == "contact: America/Detroit; the laws of every state there"
    assert quiet_of(EMAIL, facts).note == "contact: America/Detroit"
    nowhere = replace(facts, timezone="UTC")
    assert quiet_of(EMAIL, nowhere).note == "unknown: all zones of the United States"
    assert quiet_of(SMS, nowhere).note == ("unknown: all zones of the United States; the laws of all states")


def test_an_unknown_place_waits_and_is_looked_at_again_the_next_day():
    facts = replace(FACTS, state=None, phone="+18005550100")
    again = quiet_of(SMS, facts)
    assert (again.decision, again.rule, again.until) == ("defer", "quiet.no_place", NOON + DAY + 7 * HOUR)
    # told the state meanwhile, it may go
    assert quiet_of(SMS, replace(facts, state="Ga.", now=again.until)).rule == "quiet.open"
    # in winter, where the brokerage is open from 8 to 21, an hour is left: from 8 on Guam until 18 in Rhode Island
    winter, long = replace(facts, now=datetime(2026, 12, 5, 12, tzinfo=UTC)), replace(OPEN, hours=Hours(8, 21))
    monday = quiet_of(SMS, winter, long)
    assert (monday.rule, monday.until) == ("quiet.unknown_zone", datetime(2026, 12, 7, 22, tzinfo=UTC))
    assert quiet_of(SMS, replace(winter, now=monday.until), long).rule == "quiet.open"


@pytest.mark.parametrize("record", [SMS, FACTS, GateRules(), judge(SMS, FACTS), judge(SMS, FACTS).rules[0]])
def test_records_are_frozen(record):
    with pytest.raises(FrozenInstanceError):
        setattr(record, fields(record)[0].name, None)


# ---- rules are data --------------------------------------------------------------------------------------------------


def named_in_code():
    tree = ast.parse(inspect.getsource(gates))
    words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    ids = {word for word in words if word.partition(".")[0] in {one.partition(".")[0] for one in RULES.rules}}
    consent_ids = {f"consent.{channel}{end}" for channel in ("sms", "email", "call") for end in ("", "_missing")}
    return {word for word in ids if "." in word and not word.endswith(".")} | consent_ids


def test_every_rule_is_used_and_every_one_used_is_there():
    laws = {law.id for law in LAWS}
    assert named_in_code() - laws - {"fh.adults_only"} == set(RULES.rules)


def test_every_rule_of_a_decision_can_be_looked_up():
    judged = [judge(candidate, facts, OPEN) for candidate, facts, *_ in GATES]
    for ruling in (one for decision in judged for one in decision.rules):
        found = rule(ruling.rule)
        assert found is not None
        assert (found.gate, bool(found.text), bool(found.source)) == (ruling.gate, True, True)


#: holidays of Utah in the order of the year
UTAHS = [
    *("New Year's Day", "Martin Luther King Jr. Day", "Presidents' Day", "Memorial Day", "Juneteenth"),
    *("Juneteenth (third Monday)", "Independence Day", "Pioneer Day", "Labor Day", "Columbus Day", "Veterans Day"),
    *("Thanksgiving", "Christmas"),
]


def test_rules_of_law_hours_and_copy_can_be_looked_up():
    assert (
        rule("quiet.ri").text
        == "Calls and texts, Monday 9 to 18, Saturday 10 to 17, Sunday closed on the lead's clock (RI)."
    )
    assert rule("quiet.holiday_ut").text.endswith("(UT): " + ", ".join(UTAHS) + ".")
    assert rule("placeholder.braces").gate == "content"
    assert rule("no.such") is None


def test_rules_carry_the_versions_of_their_data():
    assert RULES.version in GateRules().version
    assert f"zones {PLACES.version}, holidays {HOLIDAYS.version}" in GateRules().version


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not toml [",
        'version = "1"',
        "rule = []",
        'version = "1"\n[[rule]]\nid = "a"',
        'version = "1"\n' + '[[rule]]\nid = "a"\ngate = "g"\ntext = "t"\nsource = "s"\n' * 2,
    ],
)
def test_an_empty_or_unreadable_file_refuses_to_start(text):
    with pytest.raises(CatalogueError, match="install Hearth again"):
        rules.load(text)
    assert rules.load(read_data_file("ml.interventions.compliance", "gates.toml")) == RULES


# ---- what holds for any facts ----------------------------------------------------------------------------------------

WORDS = st.sampled_from([True, False, None, "yes", 1])
SAID = st.dictionaries(
    st.sampled_from(
        ["opt_in_sms", "opt_in_email", "opt_in_call", "opt_in_all", "dnd_all", "dnd_sms", "dnd_email", "dnd_call"]
    ),
    WORDS,
)


@given(
    said=SAID,
    hours=st.integers(0, 500),
    state=st.sampled_from([None, "NY", "RI", "TX", "HI"]),
    ago=st.lists(st.integers(-10, 200), max_size=5),
    candidate=st.sampled_from([SMS, EMAIL, CALL]),
)
def test_what_waits_is_allowed_once_it_has_waited_and_nothing_without_consent(said, hours, state, ago, candidate):
    now = NOON + hours * HOUR
    facts = replace(FACTS, now=now, consent=said, state=state, contacts=tuple(now - one * HOUR for one in ago))
    judged: GateDecision = judge(candidate, facts, OPEN)
    if said.get(f"opt_in_{candidate.channel}") is not True:
        assert judged.decision == "block"
    if judged.not_before is not None:
        assert judge(candidate, replace(facts, now=judged.not_before), OPEN).decision == "allow"
    assert judged == judge(candidate, facts, OPEN)


@pytest.mark.parametrize("name", ["doubt_all_at", "doubt_sms_at"])
def test_in_doubt_nothing_goes_over_the_channel_whatever_was_agreed(name: str) -> None:
    facts = consent(opt_in_sms=True, **{name: NOON})
    ruling = judge(SMS, facts).rules[-1]
    assert (ruling.decision, ruling.rule) == ("block", "refusal.in_doubt")
    assert judge(EMAIL, facts).decision == ("block" if name == "doubt_all_at" else "allow")


@pytest.mark.parametrize("channel", ["call", "email", "sms"])
def test_what_a_brokerage_states_of_its_leads_counts_where_none_has_refused_and_never_for_texts(channel: str) -> None:
    rules = GateRules(attested=frozenset({"call", "email", "sms"}), approval=frozenset())
    candidate = replace(SMS, channel=channel)
    found = judge(candidate, replace(FACTS, consent={}), rules)
    if channel == "sms":
        assert (found.decision, found.rules[-1].rule) == ("block", "consent.sms_missing")
    else:
        assert f"consent.{channel}_attested" in [ruling.rule for ruling in found.rules]
    for refusal in ({f"dnd_{channel}": True}, {f"opt_in_{channel}": False}, {"unsubscribed_at": NOON}):
        assert judge(candidate, replace(FACTS, consent=refusal), rules).decision == "block"
