"""Every model of the contract has one name, and a reference leads to it."""

from __future__ import annotations

import pytest

from tasks.runtime import registry
from workers.gateway import components, shapes, typescript
from workers.gateway.components import ModelNameClashError

LEAD = {"title": "Lead", "type": "object", "properties": {"id": {"type": "string", "title": "Id"}}}


def test_a_model_of_two_documents_is_kept_once_and_without_the_titles_of_its_fields():
    ask = {"title": "Ask", "$defs": {"Lead": LEAD}, "properties": {"lead": {"$ref": "#/$defs/Lead"}}}
    answer = {"title": "Told", "$defs": {"Lead": LEAD}, "properties": {"title": {"type": "string", "title": "Title"}}}
    found = components.collect({"hearth.leads.ask": ask, "answers/hearth.leads.ask": answer})
    assert found.models == {
        "Ask": {"properties": {"lead": {"$ref": "#/$defs/Lead"}}},
        "Lead": {"type": "object", "properties": {"id": {"type": "string"}}},
        "Told": {"properties": {"title": {"type": "string"}}},
    }
    assert (found.requests, found.answers) == ({"hearth.leads.ask": "Ask"}, {"hearth.leads.ask": "Told"})


def test_an_answer_of_several_forms_is_named_after_what_was_asked():
    found = components.collect({"hearth.leads.ask": {"title": "Ask"}, "answers/hearth.leads.ask": {"anyOf": [True]}})
    assert found.answers == {"hearth.leads.ask": "AskAnswer"}


def test_two_models_of_one_name_are_an_error():
    other = {"title": "Other", "$defs": {"Lead": {"type": "string"}}}
    with pytest.raises(ModelNameClashError, match="Lead"):
        components.collect({"hearth.leads.ask": {"title": "Ask", "$defs": {"Lead": LEAD}}, "event": other})


def test_no_model_of_the_contract_has_a_name_of_the_gateways_own():
    models = components.collect(registry.schemas()).models.keys()
    assert not models & (shapes.SHAPES.keys() | typescript.NAMES)
