"""The extension libraries of cel-go: strings."""

from __future__ import annotations

from functools import partial

from admit.cel.library import overload
from admit.cel.values import Value, display
from admit.errors import EvaluationError

string_overload = partial(overload, library="strings")


def _out_of_range(at: int) -> EvaluationError:
    return EvaluationError(f"index out of range: {at}")


@string_overload(
    "string.charAt(int) -> string",
    "'añb'.charAt(1) == 'ñ'",
    "'a'.charAt(1) == ''",
    fails={"'a'.charAt(2)": "index out of range: 2"},
)
def char_at(text: str, at: int) -> str:
    """The character at a place; the empty string just after the last."""
    if not 0 <= at <= len(text):
        raise _out_of_range(at)
    return text[at : at + 1]


@string_overload("string.indexOf(string) -> int", "'tacocat'.indexOf('ac') == 1", "'a'.indexOf('b') == -1")
def index_of(text: str, part: str) -> int:
    """Where the part is first, or -1."""
    return text.find(part)


@string_overload("string.indexOf(string, int) -> int", "'tacocat'.indexOf('a', 3) == 5", until=37)
def index_of_from_unclamped(text: str, part: str, start: int) -> int:
    """Where the part is first, at or after a place, or -1; the empty part is at that place, whatever it is."""
    return start if part == "" else index_of_from(text, part, start)


@string_overload("string.indexOf(string, int) -> int", "'tacocat'.indexOf('', 9) == 7", since=37)
def index_of_from(text: str, part: str, start: int) -> int:
    """Where the part is first, at or after a place, or -1."""
    if start < 0:
        raise _out_of_range(start)
    return text.find(part, min(start, len(text)))


@string_overload(
    "string.indexOf(string, int) -> int",
    "'tacocat'.indexOf('', 7) == 7",
    since=None,
    fails={"'a'.indexOf('a', 2)": "index out of range: 2"},
)
def index_of_from_within(text: str, part: str, start: int) -> int:
    """Where the part is first, at or after a place, or -1; to the specification, the place must be in the text."""
    if start > len(text):
        raise _out_of_range(start)
    return index_of_from(text, part, start)


@string_overload("string.lastIndexOf(string) -> int", "'tacocat'.lastIndexOf('a') == 5")
def last_index_of(text: str, part: str) -> int:
    """Where the part is last, or -1."""
    return text.rfind(part)


@string_overload("string.lastIndexOf(string, int) -> int", "'tacocat'.lastIndexOf('a', 3) == 1", until=37)
def last_index_of_from_unclamped(text: str, part: str, start: int) -> int:
    """Where the part is last, at or before a place, or -1; the empty part is at that place, whatever it is."""
    return start if part == "" else last_index_of_from(text, part, start)


@string_overload("string.lastIndexOf(string, int) -> int", "'tacocat'.lastIndexOf('', 9) == 7", since=37)
def last_index_of_from(text: str, part: str, start: int) -> int:
    """Where the part is last, at or before a place, or -1; of a part that is not empty, -1 from after the text, too."""
    if start < 0:
        raise _out_of_range(start)
    if part and start >= len(text):
        return -1
    return text.rfind(part, 0, start + len(part))


@string_overload(
    "string.lastIndexOf(string, int) -> int",
    "'tacocat'.lastIndexOf('', 7) == 7",
    since=None,
    fails={"'a'.lastIndexOf('a', 2)": "index out of range: 2"},
)
def last_index_of_from_within(text: str, part: str, start: int) -> int:
    """Where the part is last, at or before a place, or -1; to the specification, the place must be in the text."""
    if start > len(text):
        raise _out_of_range(start)
    return last_index_of_from(text, part, start)


@string_overload("string.lowerAscii() -> string", "'TacoCÆt'.lowerAscii() == 'tacocÆt'")
def lower_ascii(text: str) -> str:
    """The text with the capitals A to Z made small."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


@string_overload("string.upperAscii() -> string", "'TacoCæt'.upperAscii() == 'TACOCæT'")
def upper_ascii(text: str) -> str:
    """The text with the letters a to z made capitals."""
    return text.upper() if text.isascii() else text.translate(_UPPER)


_LOWER = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_UPPER = {ord(letter): letter.upper() for letter in "abcdefghijklmnopqrstuvwxyz"}


@string_overload(
    "string.replace(string, string) -> string",
    "'hello'.replace('l', 'L') == 'heLLo'",
    "'ab'.replace('', '_') == '_a_b_'",
)
def replace(text: str, old: str, new: str) -> str:
    """The text with each occurrence of the old replaced."""
    return text.replace(old, new)


@string_overload("string.replace(string, string, int) -> string", "'hello'.replace('l', 'L', 1) == 'heLlo'")
def replace_some(text: str, old: str, new: str, count: int) -> str:
    """The text with the first so many occurrences of the old replaced; all if the number is negative."""
    return text.replace(old, new, max(count, -1))


@string_overload(
    "string.split(string) -> list(string)", "'a b c'.split(' ') == ['a', 'b', 'c']", "'ab'.split('') == ['a', 'b']"
)
def split(text: str, separator: str) -> list[str]:
    """The parts between the separators; of an empty one, the characters."""
    return text.split(separator) if separator else list(text)


@string_overload(
    "string.split(string, int) -> list(string)", "'a b c'.split(' ', 2) == ['a', 'b c']", "'a'.split('b', 0) == []"
)
def split_some(text: str, separator: str, count: int) -> list[str]:
    """At most so many parts, the last with the rest; all if the number is negative."""
    if count < 0:
        return split(text, separator)
    if count == 0:
        return []
    if separator:
        return text.split(separator, count - 1)
    return list(text) if len(text) <= count else [*text[: count - 1], text[count - 1 :]]


@string_overload("string.substring(int) -> string", "'tacocat'.substring(4) == 'cat'")
def substring_from(text: str, start: int) -> str:
    """The text from a place on."""
    if not 0 <= start <= len(text):
        raise _out_of_range(start)
    return text[start:]


@string_overload(
    "string.substring(int, int) -> string",
    "'tacocat'.substring(0, 4) == 'taco'",
    fails={"'a'.substring(1, 0)": "invalid substring range. start: 1, end: 0"},
)
def substring(text: str, start: int, end: int) -> str:
    """The text from a place on and before another."""
    if start > end:
        raise EvaluationError(f"invalid substring range. start: {start}, end: {end}")
    for at in (start, end):
        if not 0 <= at <= len(text):
            raise _out_of_range(at)
    return text[start:end]


@string_overload("string.trim() -> string", r"'\u0085 \ttrim\n'.trim() == 'trim'", r"'\u200b'.trim() == '\u200b'")
def trim(text: str) -> str:
    """The text without the white space of Unicode at its ends."""
    return text.strip(_WHITE_SPACE)


_WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


@string_overload("list(string).join() -> string", "['a', 'b'].join() == 'ab'", "[].join() == ''")
def join(items: list[Value]) -> str:
    """The texts, one after the other."""
    return join_with(items, "")


@string_overload("list(string).join(string) -> string", "['a', 'b'].join('-') == 'a-b'")
def join_with(items: list[Value], separator: str) -> str:
    """The texts with a separator between."""
    for item in items:
        if type(item) is not str:
            raise EvaluationError(f"join: invalid input: {display(item)}")
    return separator.join(items)


@string_overload(
    "strings.quote(string) -> string", """strings.quote('a "b"') == '"a \\\\"b\\\\""'""", id="strings_quote", since=29
)
def quote(text: str) -> str:
    """The text in double quotes, with what CEL escapes escaped."""
    return f'"{text.translate(_ESCAPES)}"'


_ESCAPES = str.maketrans(
    {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v", "\\": r"\\", '"': r"\""}
)


@string_overload("string.reverse() -> string", "'gums'.reverse() == 'smug'", since=None)
def reverse(text: str) -> str:
    """The text from its end."""
    return text[::-1]
