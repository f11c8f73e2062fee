"""The examples in the docstrings of `ml` are true."""

import doctest
import importlib
import pkgutil

import pytest

import ml

MODULES = sorted(module.name for module in pkgutil.walk_packages(ml.__path__, "ml."))
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    assert doctest.testmod(importlib.import_module(name), optionflags=FLAGS).failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    found = [case for name in MODULES for case in finder.find(importlib.import_module(name)) if case.examples]
    assert len(found) >= 15
