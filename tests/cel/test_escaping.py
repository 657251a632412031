"""Names of properties in CEL, and back."""

from __future__ import annotations

import pytest

from admit.cel.escaping import escape, unescape

NAMES = [
    ("a", "a"),
    ("a__b", "a__underscores__b"),
    ("a___b", "a__underscores___b"),
    ("a.b-c/d", "a__dot__b__dash__c__slash__d"),
    ("namespace", "__namespace__"),
    ("_in", "_in"),
]


@pytest.mark.parametrize("name, escaped", NAMES)
def test_escape(name: str, escaped: str) -> None:
    assert (escape(name), unescape(escaped)) == (escaped, name)


@pytest.mark.parametrize("name", ["", "1a", "a b", "a@b", "é", "a\n"])
def test_inaccessible(name: str) -> None:
    assert escape(name) is None


@pytest.mark.parametrize("name", ["__a__", "a__in__b", "__in__dot__"])
def test_no_escape(name: str) -> None:
    assert unescape(name) is None


def test_what_is_not_escaped() -> None:
    assert unescape("a-b") == "a-b"
