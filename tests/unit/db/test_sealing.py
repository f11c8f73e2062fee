"""Sealed bytes open where they were sealed, and nowhere else."""

import pytest

from db.encryption import DataKey, KeyRing, associated_data
from db.errors import InvalidKeyRing, SealBroken

PLACE = associated_data("T1", "leads.contact", "L1")


@pytest.fixture
def ring():
    return KeyRing.generate()


def test_what_was_sealed_opens_at_its_place(ring):
    assert ring.open(ring.seal(b"plain", PLACE), PLACE) == b"plain"


def test_two_seals_of_the_same_text_differ(ring):
    assert ring.seal(b"plain", PLACE) != ring.seal(b"plain", PLACE)


def test_every_flipped_bit_is_refused(ring):
    sealed = ring.seal(b"plain", PLACE)
    for position in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(SealBroken):
            ring.open(bytes(changed), PLACE)


def test_every_flipped_bit_under_a_data_key_is_refused():
    key = DataKey.generate()
    sealed = key.seal(b"plain", PLACE)
    for position in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(SealBroken):
            key.open(bytes(changed), PLACE)


@pytest.mark.parametrize("length", range(40))
def test_cut_bytes_are_refused(ring, length):
    key = DataKey.generate()
    with pytest.raises(SealBroken):
        ring.open(ring.seal(b"plain" * 4, PLACE)[:length], PLACE)
    with pytest.raises(SealBroken):
        key.open(key.seal(b"plain" * 4, PLACE)[:length], PLACE)


@pytest.mark.parametrize(
    "other",
    [
        associated_data("T2", "leads.contact", "L1"),
        associated_data("T1", "leads.custom", "L1"),
        associated_data("T1", "leads.contact", "L2"),
        associated_data("T1", 'leads.contact","L1', ""),
        b"",
    ],
)
def test_another_place_is_refused(ring, other):
    with pytest.raises(SealBroken):
        ring.open(ring.seal(b"plain", PLACE), other)


def test_places_cannot_be_confused():
    assert associated_data("a", "b", "c") != associated_data("a", "b,c")
    assert associated_data("a", "b", "c") != associated_data('a","b', "c")


def test_another_ring_is_refused(ring):
    with pytest.raises(SealBroken):
        KeyRing.generate().open(ring.seal(b"plain", PLACE), PLACE)


def test_a_rotated_ring_seals_anew_and_opens_the_old(ring):
    old = ring.seal(b"plain", PLACE)
    rotated = ring.rotated()
    new = rotated.seal(b"plain", PLACE)
    assert rotated.open(old, PLACE) == rotated.open(new, PLACE) == b"plain"
    assert (rotated.is_current(old), rotated.is_current(new)) == (False, True)
    with pytest.raises(SealBroken):
        ring.open(new, PLACE)


def test_a_ring_survives_being_written(ring):
    rotated = ring.rotated()
    read = KeyRing.parse(rotated.dump() + "\n")
    assert read.dump() == rotated.dump()
    assert read.open(ring.seal(b"plain", PLACE), PLACE) == b"plain"
    assert read.is_current(rotated.seal(b"plain", PLACE))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hearth1",
        "hearth1.",
        "hearth2.AAAA.00000001:AAAA",
        "hearth1.AAAA.00000001:AAAA",
        "hearth1.!!.00000001:!!",
        "hearth1." + "A" * 43 + ".0001:" + "A" * 43,
        "hearth1." + "A" * 43 + ".00000001",
        "hearth1." + "ä" * 43 + ".00000001:" + "A" * 43,
    ],
)
def test_other_texts_are_no_ring(text):
    with pytest.raises(InvalidKeyRing):
        KeyRing.parse(text)


def test_lookup_is_stable_under_rotation_and_apart_for_tenants(ring):
    assert ring.lookup("T1", "email:a") == ring.rotated().lookup("T1", "email:a")
    assert ring.lookup("T1", "email:a") != ring.lookup("T2", "email:a")
    assert ring.lookup("T1", "email:a") != KeyRing.generate().lookup("T1", "email:a")


def test_neither_ring_nor_key_shows_itself(ring):
    key = DataKey.generate()
    assert repr(ring) == "KeyRing(1 keys)"
    assert repr(key) == "DataKey()"


def test_a_data_key_is_wrapped_for_its_lead(ring):
    key = DataKey.generate()
    wrapped = key.wrap(ring, PLACE)
    again = DataKey.unwrap(ring, wrapped, PLACE)
    assert again.open(key.seal(b"plain", PLACE), PLACE) == b"plain"
    with pytest.raises(SealBroken):
        DataKey.unwrap(ring, wrapped, associated_data("T2", "leads.contact", "L1"))
    with pytest.raises(SealBroken):
        DataKey.generate().open(key.seal(b"plain", PLACE), PLACE)
