"""Functions of regular expressions: Kubernetes', and those of cel-go's extension."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Any

from admit.cel import regex
from admit.cel.library import overload
from admit.cel.library.formatting import quoted
from admit.cel.values import NONE, Optional
from admit.errors import EvaluationError

regex_overload = partial(overload, library="regex")
extension_overload = partial(overload, library="regex", since=None)


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


@extension_overload(
    "regex.extract(string, string) -> optional_type(string)",
    "regex.extract('item-A, item-B', 'item-([A-Z])') == optional.of('A')",
    "regex.extract('HELLO', 'hello') == optional.none()",
    id="regex_extract_string_string",
)
def extract(text: str, pattern: str) -> Optional:
    """What the pattern matches first, or what its group does; of a group, if it is not empty."""
    return next(map(Optional, _extracted(text, pattern)), NONE)


@extension_overload(
    "regex.extractAll(string, string) -> list(string)",
    "regex.extractAll('id:123, id:456', 'id:([0-9]+)') == ['123', '456']",
    id="regex_extractAll_string_string",
    fails={"regex.extractAll('a@b', '(.*)@(.*)')": 'regular expression has more than one capturing group: "(.*)@(.*)"'},
)
def extract_all(text: str, pattern: str) -> list[str]:
    """All that the pattern matches, or all that its group does; of a group, what is not empty."""
    return list(_extracted(text, pattern))


def _extracted(text: str, pattern: str) -> Iterator[str]:
    compiled = regex.capturing(pattern)
    if compiled.groups > 1:
        raise EvaluationError(f"regular expression has more than one capturing group: {quoted(pattern)}")
    for match in regex.matches(compiled, regex.encoded(text)):
        if compiled.groups == 0 or match[1]:
            yield match[compiled.groups].decode()


@extension_overload(
    "regex.replace(string, string, string) -> string",
    r"regex.replace('foo bar', '(fo)o (ba)r', '\\2 \\1') == 'ba fo'",
    id="regex_replace_string_string_string",
    fails={r"regex.replace('a', '.', '\\1')": "replacement string references group 1 but regex has only 0 group(s)"},
)
def replace(text: str, pattern: str, replacement: str) -> str:
    r"""The text with all that the pattern matches replaced; `\1` is what its first group matches."""
    return replace_some(text, pattern, replacement, -1)


@extension_overload(
    "regex.replace(string, string, string, int) -> string",
    "regex.replace('banana', 'a', 'x', 2) == 'bxnxna'",
    id="regex_replace_string_string_string_int",
)
def replace_some(text: str, pattern: str, replacement: str, count: int) -> str:
    """At most so many of what the pattern matches replaced; all if the number is negative."""
    if count == 0:
        return text
    octets, parts, at = regex.encoded(text), list[bytes](), 0
    for match in islice(regex.matches(regex.capturing(pattern), octets), count if count > 0 else None):
        parts += octets[at : match.start()], regex.encoded(_filled(replacement, match))
        at = match.end()
    return b"".join((*parts, octets[at:])).decode()


def _filled(replacement: str, match: Any) -> str:
    def reference(escape: re.Match[str]) -> str:
        problem, groups = f"invalid replacement string: '{replacement}' \\", match.re.groups
        if escape[1] == "":
            raise EvaluationError(f"{problem} not allowed at end")
        if escape[1] == "\\":
            return "\\"
        if escape[1] not in "0123456789":
            raise EvaluationError(f"{problem} must be followed by a digit or \\")
        if int(escape[1]) > groups:
            message = f"references group {escape[1]} but regex has only {groups} group(s)"
            raise EvaluationError(f"replacement string {message}")
        return (match[int(escape[1])] or b"").decode()

    return re.sub(r"(?s)\\(.?)", reference, replacement)
