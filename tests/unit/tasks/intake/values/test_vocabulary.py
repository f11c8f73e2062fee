"""The words of levels: each means one level."""

from __future__ import annotations

from tasks.intake.values import vocabulary


def test_no_word_means_two_levels():
    for levels in vocabulary.LEVELS.values():
        pairs = {(vocabulary.level_key(word), level) for level, known in levels.items() for word in (level, *known)}
        assert len({word for word, _ in pairs}) == len(pairs)
