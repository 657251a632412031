"""Regular expressions as RE2 has them: `compile`, and `plan`, which finds a cheaper way to run a constant pattern.

google-re2 costs ten times a call of Python's `re`. So a pattern that is plain text becomes a string method, and one
in a small subset, where `re` agrees and cannot backtrack badly, runs as `re`; all others run as RE2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import combinations, groupby, islice
from typing import Any, Literal, TypeAlias

import re2

from admit.errors import EvaluationError

Kind: TypeAlias = Literal["contains", "prefix", "suffix", "exact", "always", "re", "re2"]


@dataclass(frozen=True, slots=True)
class Matcher:
    """How to run a pattern: `text` is the literal text, the pattern for Python's `re`, or the pattern for RE2.

    `search` gives something true where the pattern matches: a bool, but for "re" a match or None.
    """

    kind: Kind
    text: str
    search: Callable[[str], object] = field(compare=False, repr=False)


@lru_cache(maxsize=128)
def compile(pattern: str) -> Callable[[str], bool]:
    """The unanchored search for a pattern, in linear time. Raises EvaluationError with Go's text."""
    search = plan(pattern).search
    return lambda text: bool(search(text))


def plan(pattern: str) -> Matcher:
    """The cheapest way to run a pattern. Raises EvaluationError with Go's text for one that is none."""
    try:
        alternatives = [_trimmed(items) for items in _Parser(pattern).alternatives()]
        if len(alternatives) == 1 and (plain := _plain(alternatives[0])) is not None:
            return plain
        for items in alternatives:
            _check_linear(items)
    except _Unknown:
        return Matcher("re2", pattern, _re2_search(pattern))
    text = "|".join(map(_written, alternatives))
    compiled = re.compile(text)
    return Matcher("re", text, compiled.match if all(map(_anchored, alternatives)) else compiled.search)


def find_all(text: str, pattern: str, most: int = -1) -> list[str]:
    """What the pattern matches, from left to right, at most so many if the number is not negative.

    Raises EvaluationError with Go's text.
    """
    found = matches(_re2_compiled(pattern), encoded(text))
    return [match.group().decode() for match in islice(found, most if most >= 0 else None)]


def capturing(pattern: str) -> Any:
    """The pattern, as RE2 has it compiled, with its groups. Raises EvaluationError with Go's text."""
    return _re2_compiled(pattern, capture=True)


def matches(compiled: Any, octets: bytes) -> Iterator[Any]:
    """RE2's matches, from left to right; as in Go, nothing is no match where the one before ends."""
    at, last = 0, -1
    while at <= len(octets) and (match := _first(compiled, octets, at)):
        start, end = match.span()
        if start != end or start != last:
            yield match
        at, last = end + (start == end), end


def _first(compiled: Any, octets: bytes, at: int) -> Any:
    """The first match, or None; not in the middle of a character, where RE2 finds a \\B and Go does not."""
    while match := compiled.search(octets, at):
        start = match.start()
        if start == len(octets) or octets[start] & 0xC0 != 0x80:
            return match
        at = start + 1
    return None


def encoded(text: str) -> bytes:
    """UTF-8, with U+FFFD for lone surrogates, as Go reads them."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _LONE_SURROGATE.sub("\ufffd", text).encode()


# What RE2's own messages say, in Go's words.
_GO_TEXTS = {
    "bad repetition operator": "invalid nested repetition operator",
    "invalid named capture group": "invalid named capture",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid repetition size": "invalid repeat count",
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "no argument for repetition operator": "missing argument to repetition operator",
}
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def _re2_search(pattern: str) -> Callable[[str], bool]:
    compiled = _re2_compiled(pattern)
    if "\\B" in pattern:
        return lambda text: _first(compiled, encoded(text), 0) is not None
    search = compiled.search
    return lambda text: search(encoded(text)) is not None  # with bytes it need not translate offsets


@lru_cache(maxsize=128)
def _re2_compiled(pattern: str, capture: bool = False) -> Any:
    if "\\C" in re.sub(r"\\Q.*?(\\E|\Z)|\\[^C]", "", pattern, flags=re.DOTALL):  # Go has no \C
        raise EvaluationError("error parsing regexp: invalid escape sequence: `\\C`")
    options = re2.Options()
    options.log_errors = False
    options.never_capture = not capture  # the time for all the groups is quadratic
    try:
        return re2.compile(encoded(pattern), options)
    except re2.error as error:
        raise EvaluationError(f"error parsing regexp: {_in_go(error)}") from None


def _in_go(error: Exception) -> str:
    message = error.args[0].decode(errors="replace")
    if message.startswith("trailing \\"):
        return "trailing backslash at end of expression: ``"
    kind, _, detail = message.partition(": ")
    return f"{_GO_TEXTS.get(kind, kind)}: `{detail}`"


# The subset: what it has no nodes for is left to RE2. A set of characters holds ASCII codes and two symbols.
Chars: TypeAlias = frozenset[int]
_OTHER = 128  # any character that is not ASCII
_END = 129  # the end of the text, where a set tells what may follow
_ANY = frozenset(range(129))


class _Unknown(Exception):
    """The pattern is not in the subset, or wrong, or `re` might take more than linear time."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """`[chars]{least,most}`"""

    chars: Chars
    least: int = 1
    most: int | None = 1

    @property
    def fixed(self) -> bool:
        return self.least == self.most


@dataclass(frozen=True, slots=True)
class Choice:
    """`(a|b)`; `(a)?` is `(a|)`"""

    alternatives: tuple[Items, ...]


@dataclass(frozen=True, slots=True)
class Start:
    """`^`; INVARIANT: only as the first item of an alternative that is not in a group."""


@dataclass(frozen=True, slots=True)
class End:
    """`$`"""


Item: TypeAlias = Repeat | Choice | Start | End
Items: TypeAlias = tuple[Item, ...]

_DIGITS = frozenset(b"0123456789")
_WORD = _DIGITS | frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_SPACE = frozenset(b"\t\n\f\r ")
_CLASSES = {"d": _DIGITS, "D": _ANY - _DIGITS, "w": _WORD, "W": _ANY - _WORD, "s": _SPACE, "S": _ANY - _SPACE}
_CONTROLS = {"t": "\t", "n": "\n", "f": "\f", "r": "\r"}
_COUNT = re.compile(r"\{([0-9]{1,3})(,([0-9]{0,3}))?\}")
_MOST_GROUPS = 16


class _Parser:
    def __init__(self, pattern: str) -> None:
        if not pattern.isascii():
            raise _Unknown
        self.pattern = pattern
        self.at = 0
        self.depth = 0

    def alternatives(self) -> tuple[Items, ...]:
        found = [self.items()]
        while self.take("|"):
            found.append(self.items())
        if self.depth == 0 and self.at < len(self.pattern):
            raise _Unknown
        return tuple(found)

    def items(self) -> Items:
        found: list[Item] = []
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            found.append(self.item(first=not found))
        return tuple(found)

    def item(self, first: bool) -> Item:
        if self.take("^") or self.take("\\A"):
            if not first or self.depth:
                raise _Unknown
            return self.unrepeated(Start())
        if self.take("$") or self.take("\\z"):
            return self.unrepeated(End())
        if self.take("("):
            return self.group()
        chars = self.chars()
        least, most = self.count()
        return self.unrepeated(Repeat(chars, least, most))

    def unrepeated(self, item: Item) -> Item:
        if self.at < len(self.pattern) and self.pattern[self.at] in "*+?{":
            raise _Unknown
        return item

    def group(self) -> Item:
        if not self.take("?:") and self.pattern.startswith("?", self.at):
            raise _Unknown
        self.depth += 1
        if self.depth > _MOST_GROUPS:
            raise _Unknown
        alternatives = self.alternatives()
        self.depth -= 1
        if not self.take(")"):
            raise _Unknown
        least, most = self.count()
        if (least, most) == (0, 1):
            alternatives = (*alternatives, ())
        elif (least, most) != (1, 1):
            raise _Unknown
        return self.unrepeated(Choice(alternatives))

    def count(self) -> tuple[int, int | None]:
        """How often the item before may come: a `?` after it says only which match is found, and we ask for any."""
        least, most = 1, None
        if self.take("*"):
            least = 0
        elif self.take("?"):
            least, most = 0, 1
        elif match := _COUNT.match(self.pattern, self.at):
            self.at = match.end()
            least = int(match[1])
            most = least if match[2] is None else int(match[3]) if match[3] else None
            if most is not None and most < least:
                raise _Unknown
        elif not self.take("+"):
            return 1, 1
        self.take("?")
        return least, most

    def chars(self) -> Chars:
        if self.take("["):
            return self.char_class()
        if self.take("."):
            return _ANY - {10}
        if self.take("\\"):
            return self.escape()
        if self.pattern[self.at] in "*+?{":
            raise _Unknown
        return frozenset({ord(self.next())})

    def escape(self) -> Chars:
        char = self.next()
        if char in _CLASSES:
            return _CLASSES[char]
        if (char.isalnum() and char not in _CONTROLS) or char == "_":
            raise _Unknown
        return frozenset({ord(_CONTROLS.get(char, char))})

    def char_class(self) -> Chars:
        negated = self.take("^")
        chars: Chars = frozenset()
        first = True
        while first or not self.take("]"):
            low = self.class_member(first)
            first = False
            if self.take("-"):
                if self.take("]"):
                    chars |= low | {45}
                    break
                high = self.class_member(first)
                if len(low) > 1 or len(high) > 1 or min(low) > min(high):
                    raise _Unknown
                low = frozenset(range(min(low), min(high) + 1))
            chars |= low
        chars = _ANY - chars if negated else chars
        if not chars:
            raise _Unknown
        return chars

    def class_member(self, first: bool) -> Chars:
        char = self.next()
        if char == "\\":
            return self.escape()
        if (char == "[" and self.pattern.startswith(":", self.at)) or (char == "-" and not first):
            raise _Unknown
        return frozenset({ord(char)})

    def take(self, text: str) -> bool:
        found = self.pattern.startswith(text, self.at)
        self.at += len(text) if found else 0
        return found

    def next(self) -> str:
        if self.at >= len(self.pattern):
            raise _Unknown
        self.at += 1
        return self.pattern[self.at - 1]


def _anchored(items: Items) -> bool:
    return bool(items) and isinstance(items[0], Start)


def _trimmed(items: Items) -> Items:
    """The same search with less to do: at an open end a repeat need not go on beyond its least count."""
    start, end = 0, len(items)
    while end and _least(items[end - 1]) == 0:
        end -= 1
    while start < end and _least(items[start]) == 0:
        start += 1
    kept = list(items[start:end])
    for i in (0, -1):
        if kept and isinstance(item := kept[i], Repeat):
            kept[i] = replace(item, most=item.least)
    return tuple(kept)


def _least(item: Item) -> int | None:
    return item.least if isinstance(item, Repeat) else None


_MOST_FIXED = 256  # characters that `re` may compare at each place of a text
_MOST_VARIABLE = 1000
_MOST_UNANCHORED = 64
_MOST_EXCLUSIVE = 64


def _check_linear(items: Items) -> None:
    """Raises _Unknown unless Python's backtracking takes time in proportion to the text.

    A choice (a repeat, or a group) is deterministic if, where one way matches on, the others fail at once. Behind a
    choice that is not there must be no other choice: then each way is tried once and costs the length of the pattern.
    Where the pattern may begin anywhere, its repeats are short.
    """
    repeats = list(_repeats(items))
    variable = [item.most for item in repeats if not item.fixed]
    if sum(item.least for item in repeats) > _MOST_FIXED or sum(most or 0 for most in variable) > _MOST_VARIABLE:
        raise _Unknown
    if not _anchored(items) and (None in variable or sum(most or 0 for most in variable) > _MOST_UNANCHORED):
        raise _Unknown
    _followers(items, frozenset(), False)


def _repeats(items: Items) -> Iterator[Repeat]:
    for item in items:
        if isinstance(item, Repeat):
            yield item
        elif isinstance(item, Choice):
            for alternative in item.alternatives:
                yield from _repeats(alternative)


def _followers(items: Items, follow: Chars, choice: bool) -> tuple[Chars, bool]:
    """What the items may begin with, before `follow`, and whether there is a choice to make in them or behind.

    An empty `follow` is a pattern's open end, which cannot fail.
    """
    for item in reversed(items):
        match item:
            case Repeat(fixed=True):
                follow = item.chars if item.least else follow
            case Repeat(chars=chars, least=least):
                if choice and chars & follow:
                    raise _Unknown
                follow = chars if least else chars | follow
                choice = True
            case Choice(alternatives=alternatives):
                if choice and not _exclusive(alternatives, follow):
                    raise _Unknown
                follow = frozenset().union(*(_followers(items, follow, choice)[0] for items in alternatives))
                choice = True
            case End():
                follow = frozenset({_END})
            case Start():
                pass
    return follow, choice


def _exclusive(alternatives: tuple[Items, ...], follow: Chars) -> bool:
    if len(alternatives) > _MOST_EXCLUSIVE:
        return False
    beginnings = [_beginning(items, follow) for items in alternatives]
    return all(any(not (a & b) for a, b in zip(one, other, strict=False)) for one, other in combinations(beginnings, 2))


def _beginning(items: Items, follow: Chars) -> list[Chars]:
    """The characters that the items begin with in any case, one place after the other."""
    found: list[Chars] = []
    for item in items:
        if not isinstance(item, Repeat):
            return found
        found += [item.chars] * item.least
        if not item.fixed:
            return found
    return [*found, follow]


def _plain(items: Items) -> Matcher | None:
    """The string method that does it, if the items are plain text."""
    start = _anchored(items)
    end = len(items) > start and isinstance(items[-1], End)
    parts: list[str] = []
    for item in items[start : len(items) - end]:
        if not isinstance(item, Repeat) or not item.fixed or len(item.chars) > 1 or _OTHER in item.chars:
            return None
        parts.append(chr(min(item.chars)) * item.least)
    text = "".join(parts)
    if start and end:
        return Matcher("exact", text, text.__eq__)
    if not text:
        return Matcher("always", "", lambda _: True)
    if start:
        return Matcher("prefix", text, lambda value: value.startswith(text))
    if end:
        return Matcher("suffix", text, lambda value: value.endswith(text))
    return Matcher("contains", text, lambda value: text in value)


def _written(items: Items) -> str:
    """The items as a pattern for Python's `re`."""
    return "".join(map(_written_item, items))


def _written_item(item: Item) -> str:
    match item:
        case Repeat(chars=chars, least=least, most=most):
            counts = {(1, 1): "", (0, 1): "?", (0, None): "*", (1, None): "+", (least, least): f"{{{least}}}"}
            count = counts.get((least, most), f"{{{least},{'' if most is None else most}}}")
            return _written_chars(chars) + (count if least != 1 or most != 1 else "")
        case Choice(alternatives=alternatives):
            return f"(?:{'|'.join(map(_written, alternatives))})"
        case Start():
            return r"\A"
        case End():
            return r"\Z"


def _written_chars(chars: Chars) -> str:
    if len(chars) == 1 and _OTHER not in chars:
        return re.escape(chr(min(chars)))
    if chars == _ANY:
        return r"[\x00-\U0010ffff]"
    negated = _OTHER in chars
    text = ""
    for _, run in groupby(enumerate(sorted(_ANY - chars if negated else chars)), lambda pair: pair[1] - pair[0]):
        codes = [code for _, code in run]
        low, high = _written_char(codes[0]), _written_char(codes[-1])
        text += low if len(codes) == 1 else f"{low}-{high}"
    return f"[{'^' if negated else ''}{text}]"


def _written_char(code: int) -> str:
    char = chr(code)
    return char if char.isalnum() else f"\\x{code:02x}"
