"""Generated exports: headers in any order and language, mixed blanks, cut rows.

Whatever a file looks like: no crash, no person merged with another, no refusal lost.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import tomllib
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import resources

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.consent import draft_view, refuses
from db.records import BackfillDraft
from ml.language import consent_words
from tasks.intake.csv import source
from tasks.intake.csv.columns import evidence, export_profiles, planning
from tasks.intake.csv.columns import mapping as mapping_file
from tasks.intake.errors import FileRejected, MappingRejected
from tasks.services.backfill.preview import mask, preview

#: a file is written for each example, and nothing stays of the one before
CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
generated = settings(max_examples=25, suppress_health_check=CHECKS)

FIRST_NAMES = ("Ada", "Zoë", "José", "Łukasz", "Anne-Marie", "Null", "Bo")
LAST_NAMES = ("Larkmoor", "O'Dell", "van der Berg", "Muñoz", "Sá", "None", "Quill")
#: of each country, a way to write its numbers: the last three digits are the person's own
NUMBERS = (
    "(305) 555-0{}",
    "+1 305-555-0{}",
    "+34 612 345 {}",
    "+55 11 91234-5{}",
    "+33 6 12 34 5{}",
    "+49 151 23456{}",
    "+39 320 1234{}",
)
BLANKS = ("", "", "", "-", "NULL", r"\N", "n/a", "  ")
#: of whom the id begins as another's does, a row that is cut in its id would be the other's
IDS = ("L1", "L10", "L101", "L12", "L2", "L20", "L21")
#: columns of somebody else's addresses and numbers, which no row's person may get
OTHERS = {
    "Agent Email": "agent@broker.example",
    "Owner": "agent@broker.example",
    "Assigned To": "agent@broker.example",
    "E-Mail Makler": "agent@broker.example",
    "Email del agente": "agent@broker.example",
    "Last edited by": "agent@broker.example",
    "Bearbeitet von": "agent@broker.example",
    "Agent Phone": "+1 305 555 0999",
    "Company Phone": "+1 305 555 0999",
    "Teléfono empresa": "+1 305 555 0999",
    "Office line of the agent": "+1 305 555 0999",
    "Referrer Email": "friend@other.example",
    "Referred by (email)": "friend@other.example",
    "E-mail du conjoint": "friend@other.example",
    "Emergency contact phone": "+1 305 555 0998",
}
#: columns that say nothing that Hearth knows
UNKNOWN = ("Shoe size", "Notes", "Bemerkung", "Campo libre", "x_studio_1", "Notes (2)", "☂", "Région")
CONSENT_HEADERS = (
    *(
        "Opt Out",
        "DND",
        "DNC List",
        "Do Not Call",
        "HasOptedOutOfEmail",
        "Unsubscribed",
        "Is Blacklisted",
        "Email Opt-Out",
    ),
    *(
        "Opt Out Date",
        "Unsubscribed Date",
        "unsubscribed_at",
        "SMS Consent",
        "Subscription Status",
        "dnd_sms",
        "opt_in_all",
    ),
    *("Accepts Email Marketing", "Consentement", "Consentimiento SMS", "Désabonné", "No contactar", "Abgemeldet"),
    *("DoNotContact", "GDPR consent", "Marketing Opt In", "Person - Do not email", "Newsletter"),
)
CONSENT_CELLS = (
    *("yes", "Y", "TRUE", "1", "x", "ja", "sí", "Opted out", "unsubscribed", "Do not contact", "perhaps", "all"),
    *("2026-01-31", "31.01.2026 10:00", "no", "false", "0", "subscribed", "revoked", "pending", "off"),
)
REFUSING_MARKS = (
    *(
        "DND",
        "do not contact",
        "unsubscribed",
        "sms opt out",
        "wrong number",
        "Do Not Call",
        "No contactar",
        "opted-out",
    ),
    *("ne pas contacter", "DNC", "stop", "no contactar", "blacklisted", "remove me", "consent unknown", "Do not email"),
)
STAGES = ("New", "Contacted", "Closed Won", "lost", "Nurture", "Etapa 2", "In Verhandlung", "Archived")
#: other canonical columns, and cells of theirs
FILLING = {
    "source": ("Zillow", "Portal", "open house"),
    "assigned_to": ("Maria Agent", "unassigned"),
    "created_at": ("2026-01-31", "31/1/2026", "1/2/2026", "Jan 31st, 2026", "0000-00-00"),
    "last_activity_at": ("2026-02-01T10:00:00Z", "yesterday"),
    "budget_max": ("450.000", "400-500k", "bis 500.000", "lots"),
    "deal_value": ("$450k", "1,5 Mio"),
    "lead_type": ("Buyer", "seller", "wizard"),
    "lost_reason": ("price", "went elsewhere"),
    "campaign": ("Spring",),
    "locations": ("Austin, TX; Waco",),
}
PROFILES = resources.files("tasks.intake.csv.columns") / "profiles"


@dataclass(frozen=True)
class Person:
    """Somebody invented, and what one export says of them."""

    number: int
    first: str
    last: str
    phone: str

    @property
    def id(self) -> str:
        return IDS[self.number - 101]

    @property
    def emails(self) -> tuple[str, str]:
        return f"p{self.number}@mail.example", f"p{self.number}.home@mail.example"

    @property
    def digits(self) -> str:
        """The last ten digits, which are nobody else's."""
        return "".join(filter(str.isdigit, self.phone))[-9:]


@dataclass(frozen=True)
class Export:
    """A file, who is in it and who refused."""

    content: bytes
    people: tuple[Person, ...]
    #: person -> the channels that the file closes
    refused: dict[int, frozenset[str]]
    headers: tuple[str, ...]
    #: people whose rows were cut
    cut: frozenset[int] = frozenset()


@dataclass
class Table:
    """A table that is being made, column by column."""

    headers: list[str] = field(default_factory=list)
    cells: list[list[str]] = field(default_factory=list)
    #: positions of the columns of tags, stages and statuses
    marks: set[int] = field(default_factory=set)

    def add(self, header: str, cells: list[str]) -> None:
        self.headers.append(header)
        self.cells.append(cells)


NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@cache
def synonyms(name: str) -> tuple[str, ...]:
    """Every header that some profile of leads knows for a canonical column, in any language."""
    tables = (tomllib.loads(path.read_text("utf-8")) for path in PROFILES.iterdir() if path.name.endswith(".toml"))
    known = (words for table in tables if table.get("subject", "leads") == "leads" for words in [table["columns"]])
    return tuple(sorted({name, *(header for words in known for header in words.get(name, ()))}))


def written(header: str, way: str) -> str:
    """A header as another export may write it."""
    ways = {"upper": header.upper(), "title": header.title(), "snake": header.replace(" ", "_"), "space": f" {header} "}
    return ways.get(way, f"Person - {header}" if way == "entity" else header)


WAYS = st.sampled_from(["same", "same", "upper", "title", "snake", "space", "entity"])


def refusal_in(header: str, cell: str) -> frozenset[str]:
    """The channels that a cell of a consent column closes, by the vocabulary itself."""
    about = consent_words.column_meaning(header)
    if about is None or (about.means == "consent" and cell[:1] in "23"):
        return frozenset()
    signal = consent_words.read_cell(about, cell)
    return signal.refused | signal.unclear


def refusal_of(mark: str) -> frozenset[str]:
    signal = consent_words.read_mark(mark)
    return signal.refused | signal.unclear


@st.composite
def persons(draw) -> tuple[Person, ...]:
    names = draw(st.lists(st.tuples(st.sampled_from(FIRST_NAMES), st.sampled_from(LAST_NAMES)), min_size=1, max_size=7))
    formats = draw(st.lists(st.sampled_from(NUMBERS), min_size=len(names), max_size=len(names)))
    numbered = enumerate(zip(names, formats, strict=True), 101)
    return tuple(Person(at, first, last, number.format(at)) for at, ((first, last), number) in numbered)


@st.composite
def exports(draw, *, whole: bool = False) -> Export:
    """An export of invented people; `whole`: without cut rows."""
    people = draw(persons())
    table, refused = Table(), {}

    def each(choices) -> list[str]:
        return draw(st.lists(choices, min_size=len(people), max_size=len(people)))

    def blanked(cells: list[str]) -> list[str]:
        blanks = each(st.one_of(st.none(), st.none(), st.none(), st.sampled_from(BLANKS)))
        return [cell if blank is None else blank for cell, blank in zip(cells, blanks, strict=True)]

    def add(name: str, cells: list[str]) -> None:
        table.add(written(draw(st.sampled_from(synonyms(name))), draw(WAYS)), cells)

    def refuse(said: list[frozenset[str]]) -> None:
        for person, channels in zip(people, said, strict=True):
            refused[person.number] = refused.get(person.number, frozenset()) | channels

    add("external_id", [person.id for person in people])
    for at in range(draw(st.integers(0, 2))):
        add("email", blanked([person.emails[at] for person in people]))
    if draw(st.booleans()):
        add("phone", blanked([person.phone for person in people]))
    named = draw(st.sampled_from(["parts", "full", "none"]))
    if named == "full":
        add("full_name", blanked([f"{person.first} {person.last}" for person in people]))
    if named == "parts":
        add("first_name", blanked([person.first for person in people]))
        add("last_name", blanked([person.last for person in people]))
    for header in draw(st.lists(st.sampled_from(sorted(OTHERS)), max_size=3)):
        table.add(header, blanked([OTHERS[header] for _ in people]))
    if draw(st.booleans()):
        table.add("Referral Email", blanked([person.emails[0] for person in (*people[1:], people[0])]))
    for known in draw(st.lists(st.sampled_from(CONSENT_HEADERS), max_size=3)):
        header, cells = written(known, draw(WAYS)), each(st.sampled_from((*CONSENT_CELLS, *BLANKS)))
        table.add(header, cells)
        refuse([refusal_in(header.strip(), cell) for cell in cells])
    for name, good in (
        ("tags", ("hot", "past client; vip")),
        ("stage", STAGES),
        ("opportunity_status", ("open", "won")),
    ):
        if draw(st.booleans()):
            cells = each(st.sampled_from((*good, *good, *REFUSING_MARKS, *BLANKS)))
            add(name, cells)
            table.marks.add(len(table.headers) - 1)
            refuse([refusal_of(cell) for cell in cells])
    for name, values in FILLING.items():
        if draw(st.integers(0, 3)) == 0:
            add(name, each(st.sampled_from((*values, *BLANKS))))
    for header in draw(st.lists(st.sampled_from(UNKNOWN), max_size=2)):
        table.add(header, each(st.sampled_from(("blue", "42", "two words", "2026-01-05", "yes", *BLANKS))))
    return draw(files(people, table, refused, whole=whole))


@st.composite
def files(draw, people: tuple[Person, ...], table: Table, refused: dict[int, frozenset[str]], *, whole: bool) -> Export:
    """A table as a file, whose rows may be cut."""
    order = draw(st.permutations(range(len(table.headers))))
    headers = [table.headers[at] for at in order]
    rows = [[table.cells[at][row] for at in order] for row in range(len(people))]
    mark = draw(st.sampled_from(",;\t|"))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=mark, quoting=quoting, lineterminator=draw(st.sampled_from(["\n", "\r\n"])))
    lines = []

    def line(cells: list[str]) -> str:
        out.seek(0)
        out.truncate()
        writer.writerow(cells)
        return out.getvalue()

    cut = set()
    lines.append(line(headers))
    for person, cells in zip(people, rows, strict=True):
        damage = "" if whole else draw(st.sampled_from(["", "", "", "", "end", "break"]))
        if damage == "end" and len(cells) > 1:
            keep = draw(st.integers(1, len(cells) - 1))
            lines.append(line(cells[:keep]))
            # what is no longer in the file was not said in it
            gone = set(order[keep:])
            refused[person.number] = remaining_refusal(table, people.index(person), gone)
            cut.add(person.number)
        elif damage == "break":
            at = draw(st.integers(0, len(cells) - 1))
            lines += [line([*cells[:at], f"{cells[at]} and"]), line(["more", *cells[at + 1 :]])]
            cut.add(person.number)
        else:
            lines.append(line(cells))
    titles = draw(st.sampled_from([[], [], ["Leads of May"], ["Report: all leads", ""]])) if len(headers) > 2 else []
    footers = draw(st.sampled_from([[], [], [line(["Total", str(len(people))])], ["Copyright 2026 Broker GmbH\n"]]))
    ending = "" if whole else draw(st.sampled_from(["", "", "file"]))
    text = "".join([*(f"{title}\n" for title in titles), *lines, *footers])
    if ending and not footers and people[-1].number not in cut and len(headers) > 1:
        kept = line(rows[-1])[: draw(st.integers(1, line(rows[-1]).rstrip().rfind(mark) + 1))]
        text = "".join([*(f"{title}\n" for title in titles), *lines[:-1], kept])
        refused[people[-1].number] = frozenset()
        cut.add(people[-1].number)
    codec = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"]))
    try:
        content = text.encode(codec)
    except UnicodeEncodeError:
        content = text.encode()
    return Export(
        content=content,
        people=people,
        refused={number: channels for number, channels in refused.items() if channels},
        headers=tuple(headers),
        cut=frozenset(cut),
    )


def remaining_refusal(table: Table, row: int, gone: set[int]) -> frozenset[str]:
    said = frozenset()
    for at, header in enumerate(table.headers):
        if at not in gone:
            said |= refusal_in(header.strip(), table.cells[at][row])
            said |= refusal_of(table.cells[at][row]) if at in table.marks else frozenset()
    return said


def taken(importer, export: Export):
    """The import of an export; None when the file or its columns are refused as a whole."""
    try:
        return importer.take(export.content)
    except (FileRejected, MappingRejected):
        return None


def owners(draft, people) -> set[str]:
    """Everybody whose id, address or number a draft holds; `others` for who is no lead."""
    found = set()
    email, phone = draft.contact.get("email"), draft.contact.get("phone")
    if email:
        found |= {person.id for person in people if email in person.emails} or {f"others {email}"}
    if phone:
        found |= {person.id for person in people if phone.endswith(person.digits)} or {f"others {phone}"}
    return found | {person.id for person in people if person.id == draft.external_id}


def closed(view, channel: str) -> bool:
    """Whether a view closes a channel, or asks a person about it."""
    names = {f"{kind}_{of}{end}" for of in (channel, "all") for kind, end in (("dnd", ""), ("doubt", "_at"))}
    return any(refuses(name, view[name]) for name in {*names, "unsubscribed_at"} & view.keys())


@settings(max_examples=100, suppress_health_check=CHECKS)
@given(export=exports())
def test_no_person_is_merged_with_another_and_no_refusal_is_lost(importer, export):
    intake = taken(importer, export)
    by_key: dict[tuple[str, ...], set[str]] = {}
    for draft in intake.drafts if intake else ():
        who = owners(draft, export.people)
        # part of a row that was cut may be a lead of its own, and nobody in particular
        known = draft.external_id in {person.id for person in export.people} or not export.cut
        assert len(who) <= 1, (who, intake.plan.mapped)
        assert not (known and any(name.startswith("others") for name in who)), (who, intake.plan.mapped)
        contact = draft.contact
        keys = [("id", draft.external_id), ("email", contact.get("email"))]
        keys.append(
            (
                "phone",
                contact.get("phone") and contact.get("last_name") and f"{contact['phone']} {contact['last_name']}",
            )
        )
        for key in keys:
            if key[1]:
                by_key.setdefault(key, set()).update(who)
        for number, channels in export.refused.items():
            if IDS[number - 101] in who:
                view = draft_view(draft)
                assert all(closed(view, channel) for channel in channels), (number, channels, view, intake.plan.mapped)
    assert all(len(who) <= 1 for who in by_key.values()), by_key
    found = [draft.external_id for draft in intake.drafts if draft.external_id in IDS] if intake else []
    assert len(found) == len(set(found)), found


@generated
@given(export=exports(whole=True))
def test_every_whole_row_is_a_lead_of_its_own(importer, export):
    intake = taken(importer, export)
    if intake is None or "external_id" not in intake.plan.mapped.values():
        return
    assert sorted(draft.external_id for draft in intake.drafts) == sorted(person.id for person in export.people)


@generated
@given(export=exports())
def test_what_an_error_file_says_of_a_refusal_is_read_again(importer, export):
    intake = taken(importer, export)
    if intake is None or not any(severity != "info" for severity, _ in intake.codes):
        return
    before = {draft.external_id: draft for draft in intake.drafts}
    try:
        again = importer.file(importer.errors(intake))
    except MappingRejected:
        return
    rejected = [row for row in intake.rows if row.draft is None and row.issues[0].severity == "error"]
    assert len(again.rows) >= len(rejected)
    for draft in again.drafts:
        for number, channels in export.refused.items():
            if owners(draft, export.people) == {IDS[number - 101]} and draft.external_id not in before:
                assert all(closed(draft_view(draft), channel) for channel in channels)


# --- profiles


def known_words(profile: export_profiles.Profile) -> set[str]:
    """The headers for which a profile has its own meaning."""
    return {*profile.ignore, *profile.custom, *(word for words in profile.columns.values() for word in words)}


@pytest.mark.parametrize("name", export_profiles.profile_names("leads"))
def test_a_profile_knows_every_header_of_the_generic_one(name):
    profile, generic = export_profiles.load_profile(name), export_profiles.load_profile("generic")
    own = known_words(profile)
    for column, words in generic.columns.items():
        for word in {*words} - own:
            plan = planning.plan_columns(["external_id", word], name)
            assert plan.mapped.get(word) == planning.plan_columns(["external_id", word], "generic").mapped.get(word), (
                column
            )


@settings(max_examples=50)
@given(data=st.data())
def test_a_profile_knows_the_generic_headers_in_any_company(data):
    name = data.draw(st.sampled_from(export_profiles.profile_names("leads")))
    generic = export_profiles.load_profile("generic").columns
    chosen = data.draw(st.lists(st.sampled_from(sorted(generic)), min_size=1, max_size=8, unique=True))
    header = [
        "external_id",
        *(data.draw(st.sampled_from(generic[column])) for column in chosen if column != "external_id"),
    ]
    header = data.draw(st.permutations(header))
    own = known_words(export_profiles.load_profile(name))
    plan = planning.plan_columns(header, name)
    for word, column in planning.plan_columns(header, "generic").mapped.items():
        assert word in own or column in {plan.mapped.get(word), *plan.mapped.values()}


# --- what is shown


@given(text=st.text(max_size=60))
def test_a_masked_text_shows_one_letter_of_each_word(text):
    shown = mask(text)
    assert len(shown) == len(text)
    for of_word, letters in itertools.groupby(shown, key=lambda sign: unicodedata.category(sign)[0] in "LNM"):
        assert not of_word or len(list(letters)) == 1


@generated
@given(export=exports())
def test_a_preview_shows_nobody_s_address_or_number(importer, export):
    try:
        shown = previewed(importer, export.content)
    except (FileRejected, MappingRejected):
        return
    text = json.dumps(shown["readings"])
    for person in export.people:
        assert not any(address in text for address in person.emails)
        assert person.phone not in text


def previewed(importer, content: bytes):
    """The preview of a file, as the task makes it."""
    path, spool = importer.write(content), importer.folder / "spool"
    found = source.inspect(path)
    plan = planning.plan_columns(found.header, sample=found.sample)
    collected = evidence.collectors(plan)
    spooled = source.spool(path, spool, found, evidence=collected)
    defaults = mapping_file.file_defaults(None, profile=plan.profile, sha256=spooled.sha256)
    plan = evidence.complete(plan, collected, defaults)
    layout = {"kind": "leads", "source": found.dump(), "columns": plan.dump(), "defaults": defaults.dump()}
    draft = BackfillDraft(
        key="k",
        sha256=spooled.sha256,
        file_name=path.name,
        spool=str(spool),
        mode="preview",
        policy="fill_blanks",
        profile=plan.profile,
        source=json.loads(json.dumps(layout)),
    )
    return preview(draft, spooled, NOW)
