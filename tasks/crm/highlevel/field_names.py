"""The names of fields: what HighLevel's webhooks, its workflows and its users call them, and what they mean to us.

Names are compared as headers of files are: by letters and digits in lower case. What a user calls a column of the lead,
such as `Max Budget`, is what the export profiles know for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from ml.language import consent_words
from tasks.intake.csv.columns.export_profiles import load_profile, reduced_header

#: a longer name is no field of a form, and is not remembered
_LONGEST = 120
#: names repeat from event to event
_REMEMBERED = 4096
_reduced = lru_cache(maxsize=_REMEMBERED)(reduced_header)


class Meaning(NamedTuple):
    """What a name says by itself, wherever it stands."""

    #: as names are compared
    word: str
    #: so too, without the `contact.` that keys of custom fields begin with
    bare: str
    #: it may stand in an answer as it came; any other key may hold anything
    is_known: bool
    #: what the webhooks call this field of a person
    person: str | None
    #: the column of the lead that a user's own field of this name is
    column: str | None
    is_consent: bool


def reduced(name: str) -> str:
    """Return a name as names are compared: lower case, letters and digits only.

    >>> reduced("Phone Number"), reduced("dnd_settings")
    ('phonenumber', 'dndsettings')
    """
    return _reduced(name) if len(name) <= _LONGEST else reduced_header(name)


def meaning(name: str) -> Meaning:
    """Return what a name says by itself.

    >>> meaning("contact.lead_type").column, meaning("E-Mail").person, meaning("SMS opt out").is_consent
    ('lead_type', 'email', True)
    """
    return _meaning(name) if len(name) <= _LONGEST else _meaning.__wrapped__(name)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _same(names: str) -> dict[str, str]:
    return {reduced_header(name): name for name in names.split()}


#: name of an object -> what it is about; `same`: a wrapper around what the object outside is about
OBJECTS: Mapping[str, str] = {
    **dict.fromkeys(
        _words("contact contacts lead leads person customer client prospect contactdata contactdetails"), "contact"
    ),
    **dict.fromkeys(_words("opportunity deal"), "opportunity"),
    "appointment": "appointment",
    "calendar": "calendar",
    "message": "message",
    **dict.fromkeys(_words("note notes"), "note"),
    "task": "task",
    "webhookpayload": "mail",
    "location": "location",
    **dict.fromkeys(_words("data body payload event record object webhook result input content properties"), "same"),
    **dict.fromkeys(
        _words(
            "user users owner assigneduser assignee agent team account company business workflow campaign order "
            "invoice product createdby createdbymeta lastupdatedby lastupdatedbymeta updatedby"
        ),
        "other",
    ),
}
#: objects of the user's own fields
CUSTOM_OBJECTS = _words("customdata customfields customfield")
#: in a list of custom fields: names of a field and of its value, the likeliest first
CUSTOM_NAMES = ("id", "key", "name", "fieldkey", "label", "field", "fieldname", "fieldid")
CUSTOM_VALUES = _words(
    "value values fieldvalue fieldvalues fieldvaluestring fieldvaluenumber fieldvaluearray fieldvaluedate "
    "fieldvalueboolean answer"
)

DND = _words("dnd donotdisturb dndsettings dndsetting inbounddndsettings dndstatus")
TAGS = _words("tags tag contacttags labels")
FIRST_TOUCH = _words("attributionsource firstattributionsource attribution attributions utm utms")
LAST_TOUCH = _words("lastattributionsource latestattributionsource")
#: fields of which refusals count wherever they lie
MARKS = DND | TAGS
#: fields that are read as a whole, whatever they hold
WHOLE = MARKS | FIRST_TOUCH | LAST_TOUCH

UTM = {f"utm{part}": f"utm_{part}" for part in ("source", "medium", "campaign", "term", "content")}
#: names of the webhooks that readers ask for
WEBHOOK: Mapping[str, str] = _same(
    "type locationId webhookId timestamp dateUpdated dateAdded id contactId opportunityId pipelineId pipelineStageId "
    "pipelineStageName monetaryValue status assignedTo assignedUserId lostReasonId lostReason source appointmentId "
    "appointmentStatus appoinmentStatus startTime messageId emailMessageId altId messageType messageTypeString body "
    "message subject direction callDuration callStatus title dueDate campaignId channel event recipient name email "
    "phone firstName lastName fullName country state timezone contactType campaign"
)
WEBHOOK_NAMES = frozenset(WEBHOOK.values())
#: what is about it -> its own further names
OF_OWNER: Mapping[str, Mapping[str, str]] = {
    "opportunity": {
        "leadvalue": "monetaryValue",
        "value": "monetaryValue",
        "stage": "pipelineStageName",
        "stagename": "pipelineStageName",
        "pipelinestage": "pipelineStageName",
        "piplelinestage": "pipelineStageName",  # the sender's spelling
        "stageid": "pipelineStageId",
        "opportunitysource": "source",
        "opportunitystatus": "status",
        "opportunityid": "id",
    },
    "appointment": {"appointmentid": "id"},
    "calendar": {"appointmentid": "id"},
    "message": {"type": "messageType", "text": "body", "content": "body", "messagebody": "body"},
    "note": {"text": "body", "note": "body", "content": "body", "noteid": "id"},
    "task": {"taskid": "id"},
}
#: what a workflow says of an opportunity beside the contact
BESIDE_CONTACT: Mapping[str, str] = {
    **{
        word: name
        for word, name in OF_OWNER["opportunity"].items()
        if word not in {"value", "stage", "stagename", "stageid"}
    },
    **_same(
        "id status pipelineId pipelineStageId pipelineStageName monetaryValue lostReason lostReasonId opportunityId"
    ),
}
#: fields that would make two people, or two events, one if they held the same words for both
IDENTIFYING = _words(
    "id contactid locationid webhookid opportunityid appointmentid messageid emailmessageid altid noteid taskid"
)
#: what people wrote
PROSE = _words("body message subject title text note content messagebody notes description")
#: fields of a kind that is not stored
NEVER_KEPT = _words("dateofbirth birthdate birthday birthyear dob gender sex ssn socialsecuritynumber")
#: fields of HighLevel that are nobody's own
NOT_OWN = NEVER_KEPT | _words(
    "address address1 city postalcode zipcode companyname company businessname website fulladdress gclid fbclid "
    "location opportunityname pipelinename user owner calendar workflow triggerdata customdata contact task note "
    "attributionsource message image order invoice locationname workflowid workflowname visitorid ipaddress useragent "
    "firstnamelowercase lastnamelowercase fullnamelowercase emaillowercase dateupdated lastactivity keyword businessid "
    "followers attachments additionalemails additionalphones phonelabel profilephoto validemail"
)
_PERSON: Mapping[str, str] = {
    "id": "id",
    "contactid": "id",
    **dict.fromkeys(_words("firstname first givenname contactfirstname fname"), "firstName"),
    **dict.fromkeys(_words("lastname last surname familyname contactlastname lname"), "lastName"),
    **dict.fromkeys(_words("name fullname contactname leadname personname"), "name"),
    **dict.fromkeys(_words("email emails emailaddress contactemail mail"), "email"),
    **dict.fromkeys(_words("phone phonenumber contactphone mobile cell mobilephone mobilenumber cellphone"), "phone"),
    **dict.fromkeys(_words("dateadded datecreated createdat createdon contactcreatedat"), "dateAdded"),
    **dict.fromkeys(_words("source contactsource leadsource"), "source"),
    **dict.fromkeys(_words("assignedto assigneduserid"), "assignedTo"),
    **dict.fromkeys(_words("country countrycode"), "country"),
    **dict.fromkeys(_words("timezone tz"), "timezone"),
    "state": "state",
    "campaign": "campaign",
    "contacttype": "contactType",
}
#: our column -> the name of a person's field
_CONTACT_COLUMNS = {
    "email": "email",
    "phone": "phone",
    "first_name": "firstName",
    "last_name": "lastName",
    "full_name": "name",
}
#: columns of the lead that a user's own field may be
_LEAD_COLUMNS = (
    *("lead_type", "timeline", "preapproval", "property_type", "budget_min", "budget_max", "beds_min", "baths_min"),
    *("locations", "campaign", "source"),
)
_BUDGET = _words("budget pricerange budgetrange pricebudget")
#: words of the fields that say who somebody is or how to reach them
CONTACT = frozenset({"firstName", "lastName", "name", "email", "phone"})
#: names of HighLevel
KNOWN = frozenset(
    {*OBJECTS, *CUSTOM_OBJECTS, *WHOLE, *UTM, *WEBHOOK, *_PERSON, *BESIDE_CONTACT, *IDENTIFYING, *PROSE, *NOT_OWN}
    | {word for names in OF_OWNER.values() for word in names}
)


@lru_cache(maxsize=_REMEMBERED)
def _meaning(name: str) -> Meaning:
    word, bare = reduced_header(name), reduced_header(name.removeprefix("contact."))
    return Meaning(
        word=word,
        bare=bare,
        is_known=word in KNOWN or person_name(word) is not None or _column(word) is not None,
        person=person_name(bare),
        column=_column(bare),
        is_consent=consent_words.column_meaning(name) is not None,
    )


def person_name(word: str) -> str | None:
    """Return what the webhooks call a field of a person."""
    return _PERSON.get(word) or _person_columns().get(word)


def lead_column(name: str) -> str | None:
    """Return the column of the lead that a user's own field is by its name; None when it is none.

    >>> lead_column("Budget Max"), lead_column("contact.lead_type"), lead_column("Favourite street")
    ('budget_max', 'lead_type', None)
    """
    return meaning(name).column


def _column(word: str) -> str | None:
    return "budget" if word in _BUDGET else UTM.get(word) or _lead_columns().get(word)


@lru_cache(maxsize=1)
def _person_columns() -> Mapping[str, str]:
    words = {word: name for column, name in _CONTACT_COLUMNS.items() for word in _profile_words(column)}
    # alone, these are as often a question of a form
    return {word: name for word, name in words.items() if word not in {"family", "first", "last"}}


@lru_cache(maxsize=1)
def _lead_columns() -> Mapping[str, str]:
    return {word: column for column in _LEAD_COLUMNS for word in (reduced_header(column), *_profile_words(column))}


def _profile_words(column: str) -> Iterable[str]:
    for profile in ("generic", "ghl_contacts"):
        yield from load_profile(profile).columns.get(column, ())
