"""Phrases that speak for a state by themselves."""

import pytest

from domain.emotions import EMOTIONAL_STATES
from ml.errors import CatalogueError
from ml.language.emotion import cues
from ml.language.emotion.cues import catalogue, find_cues, load_cues

SAID = {
    "frustrated": [
        "I've left three voicemails and nobody has called me back",
        "Honestly we're really frustrated with this search.",
        "Still waiting for an answer from the lender",
        "We keep getting outbid",
        "You never called me back",
    ],
    "confused": [
        "I'm so confused about the closing costs",
        "I don't understand why the fees are so high",
        "The disclosures are pretty confusing",
        "I'm not sure what the next step is",
    ],
    "anxious": [
        "We're worried about the roof",
        "What if we lose the deposit?",
        "I am a little nervous, this is our first house",
        "Having second thoughts",
    ],
    "overwhelmed": [
        "There are too many options to choose from",
        "It's all too much to handle right now",
        "I feel overwhelmed",
        "My head is spinning",
        "We don't know where to start",
    ],
}


@pytest.mark.parametrize(("state", "text"), [(state, text) for state, texts in SAID.items() for text in texts])
def test_a_phrase_speaks_for_its_state(state, text):
    found = find_cues(text)
    assert {cue.state for cue in found} == {state}
    assert all(text[cue.start : cue.end].strip() for cue in found)


@pytest.mark.parametrize(
    "text",
    [
        "We are not worried about it",
        "No longer frustrated, thanks to you",
        "I'm never overwhelmed by paperwork",
        "Can you explain the APR?",
        "Thanks, that makes sense",
        "Is the house on Maple still available?",
        "3 bed 2 bath under 450k",
        "We were in the kitchen",
        "",
    ],
)
def test_other_messages_have_no_cue(text):
    assert find_cues(text) == ()


def test_a_negation_ends_with_its_clause():
    assert [cue.state for cue in find_cues("No, I'm worried about the roof")] == ["anxious"]


def test_a_phrase_goes_over_no_mark():
    assert find_cues("I am. So confused they are not") == ()


def test_a_span_is_of_the_text_as_written():
    text = "\u00c9lan: I\u2019M SO CONFUSED!"
    (cue,) = find_cues(text)
    assert text[cue.start : cue.end] == "I\u2019M SO CONFUSED"


def test_the_weak_states_have_cues_and_every_state_is_a_word_of_the_domain():
    states = catalogue().states
    assert set(states.values()) == {"frustrated", "confused", "anxious", "overwhelmed"}
    assert set(states.values()) <= set(EMOTIONAL_STATES)
    assert all(name.startswith(f"{state}.") for name, state in states.items())


def test_no_cue_is_lost_to_the_first_look():
    for texts in SAID.values():
        for text in texts:
            assert find_cues(text) == tuple(cues._found(*cues._words(text), catalogue()))


@pytest.mark.parametrize(
    "text",
    [
        "not toml",
        'version = "1"',
        'version = "1"\nnegations = []\ncommon = []\n[[cue]]\nid = "happy.said"\nstate = "happy"\nphrases = ["yay"]',
        'version = "1"\nnegations = []\ncommon = []\n[[cue]]\nid = "angry.said"\nstate = "angry"\nphrases = ["(open"]',
        'version = "1"\nnegations = []\ncommon = []\n'
        + 2 * '[[cue]]\nid = "angry.said"\nstate = "angry"\nphrases = ["grr"]\n',
    ],
)
def test_a_file_that_cannot_be_read_is_refused(text):
    with pytest.raises(CatalogueError, match=r"cues\.toml"):
        load_cues(text)
