"""A text and its place in a file: Source, Span, and the underlined line that errors show."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True, eq=False)
class Source:
    """A text with a name; where it is a scalar of a file, the file and how the text lies in it.

    `starts` maps the text onto the file: for each line of the text the offset of its first code point in
    `file.text`. Where text and file do not map one to one (folded or escaped scalars) it has one entry, the
    scalar's start, and `exact` is false.
    """

    text: str
    name: str = "<input>"
    file: Source | None = None
    starts: tuple[int, ...] = ()
    exact: bool = True

    @cached_property
    def lines(self) -> tuple[int, ...]:
        """The offset of each line's first code point."""
        return (0, *(i + 1 for i, c in enumerate(self.text) if c == "\n"))

    def locate(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both from 1."""
        line = bisect_right(self.lines, offset)
        return line, offset - self.lines[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line, from 1, without its line feed."""
        start = self.lines[number - 1]
        end = self.lines[number] - 1 if number < len(self.lines) else len(self.text)
        return self.text[start:end]

    def span(self, start: int, end: int, at: int | None = None) -> Span:
        return Span(start, end, start if at is None else at, self)

    def in_file(self, offset: int) -> int:
        """The offset in `file.text` of an offset in the text (of the scalar's start, where they do not map)."""
        if not self.exact:
            return self.starts[0]
        line, column = self.locate(offset)
        return self.starts[line - 1] + column - 1


NOWHERE = Source("", "<nowhere>")


@dataclass(frozen=True, slots=True)
class Span:
    """The code points [start, end) of a source. `at` is where CEL's error messages point: the operator of a
    binary call, the parenthesis of a function call, the dot of a selection."""

    start: int
    end: int
    at: int
    source: Source = field(repr=False)

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    @property
    def in_file(self) -> Span:
        """The same place in the file that the source is a scalar of; itself where there is none."""
        source = self.source
        if source.file is None:
            return self
        start = source.in_file(self.start)
        end = max(source.in_file(self.end), start) if source.exact else start
        return Span(start, end, source.in_file(self.at), source.file).in_file

    @property
    def place(self) -> str:
        """`FILE:LINE:COLUMN`"""
        span = self.in_file
        line, column = span.source.locate(span.start)
        return f"{span.source.name}:{line}:{column}"

    def underlined(self) -> str:
        """The line of the file and the span underlined, two lines; the text of the scalar, where it does not map."""
        exact = self.source.exact
        span = self.in_file if exact else self
        line, column = span.source.locate(span.start)
        text = span.source.line(line)
        before, marked = text[: column - 1], text[column - 1 :][: span.end - span.start]
        shown = "".join(c if c == "\t" else " " * _columns(c) for c in before)
        return f"  {text}\n  {shown}{'^' * max(1, sum(map(_columns, marked)))}"


def _columns(character: str) -> int:
    """How many columns of a terminal a character takes."""
    if character.isascii():
        return 1
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


UNKNOWN = Span(0, 0, 0, NOWHERE)
