"""Kubernetes' functions of regular expressions."""

from __future__ import annotations

from functools import partial

from admit.cel import regex
from admit.cel.library import overload
from admit.errors import EvaluationError

regex_overload = partial(overload, library="regex")


@regex_overload(
    "string.find(string) -> string",
    "'abc 123'.find('[0-9]+') == '123'",
    "'abc'.find('x') == ''",
    id="string_find_string",
    fails={"'a'.find('[' + 'a')": "Illegal regex: error parsing regexp: missing closing ]: `[a`"},
)
def find(text: str, pattern: str) -> str:
    """What the pattern matches first; empty if there is nothing."""
    return next(iter(find_some(text, pattern, 1)), "")


@regex_overload(
    "string.findAll(string) -> list(string)", "'a1 b22'.findAll('[0-9]+') == ['1', '22']", id="string_find_all_string"
)
def find_all(text: str, pattern: str) -> list[str]:
    """All that the pattern matches, from left to right."""
    return find_some(text, pattern, -1)


@regex_overload(
    "string.findAll(string, int) -> list(string)",
    "'a1 b22'.findAll('[0-9]+', 1) == ['1'] && 'a1'.findAll('a', 0) == []",
    id="string_find_all_string_int",
)
def find_some(text: str, pattern: str, count: int) -> list[str]:
    """At most so many of what the pattern matches; all if the number is negative."""
    try:
        return regex.find_all(text, pattern, count)
    except EvaluationError as error:
        raise EvaluationError(f"Illegal regex: {error}") from None
