"""One document read by the tables of `fields`: each field checked, each expression parsed, every fault collected."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Any

from admit.cel.ast import Call, Entry, Expr, ListExpr, Literal, MapExpr
from admit.cel.parse import RESERVED, parse
from admit.errors import CompileError, Fault
from admit.rules import model
from admit.rules.settings import load_schema
from admit.rules.shapes import (
    IDENTIFIER,
    Cel,
    Choice,
    Data,
    Day,
    Field,
    Flag,
    ListOf,
    Loops,
    MapOf,
    Message,
    Name,
    OneOrMore,
    Operand,
    Record,
    SchemaOf,
    Settings,
    Shape,
    Text,
    snake,
)
from admit.rules.yaml import Document
from admit.source import Source, Span

OURS = (
    "object",
    "oldObject",
    "request",
    "namespaceObject",
    "params",
    "variables",
    "settings",
    "authorizer",
    "pod",
    "podMetadata",
    "containers",
    "value",
    "today",
)
KEYWORDS = RESERVED | {"true", "false", "null", "in"}
WORD = re.compile(r"[\w./:@-]+")

Place = tuple[str | int, ...]


class _Invalid:
    """What a value that has a fault is read as."""


INVALID = _Invalid()


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the values of one document; what is wrong is added to `faults`."""

    document: Document
    faults: list[Fault]

    def read(self, shape: Shape, value: Any, place: Place) -> Any:
        """The value in the model's terms, or INVALID. A bad expression is read as null, so that reading can go on."""
        match shape:
            case Record():
                return self._record(shape, value, place)
            case ListOf():
                return self._list(shape, value, place)
            case OneOrMore(item=item) if isinstance(value, list):
                return self._list(ListOf(item, at_least=1), value, place)
            case OneOrMore(item=item):
                one = self.read(item, value, place)
                return one if one is INVALID else (one,)
            case MapOf(value=inner):
                if not isinstance(value, dict):
                    return self._expected("a map", value, place)
                read = {key: self.read(inner, v, (*place, key)) for key, v in value.items()}
                return {key: v for key, v in read.items() if v is not INVALID}
            case Loops():
                return self._loops(value, place)
            case Name():
                if isinstance(value, str):
                    return model.Reference(value, span=self.document.span(place))
                return self._expected("a name", value, place)
            case Text():
                return self._text(shape, value, place)
            case Choice(words=words):
                if value in words and isinstance(value, str):
                    return value
                return self._expected(f"{_either(words)}{near(value, words)}", value, place)
            case Flag(only=only):
                if value is True or (value is False and not only):
                    return value
                return self._expected("true" if only else "true or false", value, place)
            case Cel():
                return self._cel(value, place) if isinstance(value, str) else self._expected("CEL", value, place)
            case Operand():
                return self._operand(value, place)
            case Message():
                return self._template(value, place) if isinstance(value, str) else self._expected("text", value, place)
            case Day():
                return self._day(value, place)
            case Settings():
                if isinstance(value, dict) or value == "":
                    return value or {}
                return self._expected("a map", value, place)
            case Data():
                return value
            case SchemaOf():
                schema = load_schema(self.document, place, self.faults)
                return INVALID if schema is None else schema

    def fault(self, message: str, place: Place, key: bool = False) -> _Invalid:
        self.faults.append(Fault(message, self.document.span(place, key)))
        return INVALID

    def _expected(self, what: str, value: Any, place: Place) -> _Invalid:
        return self.fault(f"expected {what} but found {_shown(value)}", place)

    def _record(self, record: Record, value: Any, place: Place) -> Any:
        if not isinstance(value, dict):
            return self._expected("a map", value, place)
        written: dict[str, Any] = {}
        for name, inner in value.items():
            field = record.fields.get(name)
            if field is None:
                self.fault(f"unknown field {name!r}{near(name, record.fields)}", (*place, name), key=True)
            elif _present(inner, field):
                written[name] = self.read(field.shape, inner, (*place, name))
        key = isinstance(place[-1], str) if place else False
        missing = [name for name, field in record.fields.items() if field.required and name not in written]
        for name in missing:
            self.fault(f"the field {name!r} is required", place, key)
        formed = record.formed.intersection(written)
        if record.forms and not any(form.fits(formed) for form in record.forms):
            if written.keys() == value.keys() - {n for n, v in value.items() if v is None}:  # nothing is misspelt
                self.fault(f"expected {_forms(record)}, but found {_listed(sorted(formed))}", place, key)
            return INVALID
        needed = {name for name, field in record.fields.items() if field.required} | formed
        if missing or any(written[name] is INVALID for name in needed):
            return INVALID
        sound = {snake(name): v for name, v in written.items() if v is not INVALID}
        if record.make is dict:
            return sound
        named = (*place, "name") if isinstance(value.get("name"), str) else place
        return record.make(**sound, span=self.document.span(named))

    def _list(self, shape: ListOf, value: Any, place: Place) -> Any:
        if not isinstance(value, list):
            return self._expected("a list", value, place)
        if len(value) < shape.at_least:
            return self.fault("expected at least one item", place)
        if shape.at_most and len(value) > shape.at_most:
            self.fault(f"expected at most {shape.at_most} items but found {len(value)}", place)
        seen: list[Any] = []
        for i, item in enumerate(value):
            of = item if shape.unique == "." else item.get(shape.unique) if isinstance(item, dict) else None
            if shape.unique and isinstance(of, str) and of in seen:
                self.fault(f"{of!r} is there twice", (*place, i) if shape.unique == "." else (*place, i, shape.unique))
            seen.append(of)
        read = [self.read(shape.item, item, (*place, i)) for i, item in enumerate(value)]
        return tuple(item for item in read if item is not INVALID)

    def _loops(self, value: Any, place: Place) -> Any:
        if not isinstance(value, dict) or not value:
            return self._expected("a map of variable and list", value, place)
        loops = []
        for name, text in value.items():
            here = (*place, name)
            if not re.fullmatch(IDENTIFIER, name) or name in KEYWORDS:
                self.fault(f"{name!r} can be no variable, expected an identifier", here, key=True)
            elif name in OURS:
                self.fault(f"{name!r} would shadow a name that rules already have", here, key=True)
            elif not isinstance(text, str):
                self._expected("CEL", text, here)
            else:
                loops.append(model.Each(name, self._cel(text, here), span=self.document.span(here, key=True)))
        return tuple(loops) if len(loops) == len(value) else INVALID

    def _text(self, shape: Text, value: Any, place: Place) -> Any:
        if not isinstance(value, str):
            return self._expected("a string" + (", write it in quotes" if _scalar(value) else ""), value, place)
        if shape.pattern and not re.fullmatch(shape.pattern, value):
            return self._expected(shape.what, value, place)
        if shape.longest and len(value) > shape.longest:
            return self.fault(f"expected at most {shape.longest} characters but found {len(value)}", place)
        return value

    def _day(self, value: Any, place: Place) -> Any:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            try:
                return date.fromisoformat(value)
            except ValueError:
                pass
        return self._expected("a date, such as 2027-03-31,", value, place)

    def _cel(self, text: str, place: Place, hint: str = "") -> Expr:
        source = self.document.scalar(place)
        try:
            return parse(source)
        except CompileError as error:
            self.faults.extend(Fault(issue.message + hint, issue.span) for issue in error.issues)
            return Literal("null_type", None, span=source.span(0, len(text)))

    def _operand(self, value: Any, place: Place) -> Any:
        if isinstance(value, str):
            return self._cel(value, place, quoting(value))
        if _has_null(value):
            return self.fault("null is no operand; `absent: true` says that there must be no value", place)
        return literal(value, self.document.span(place))

    def _template(self, text: str, place: Place) -> model.Template:
        """Text and expressions in turn; an expression ends at the first `}}` up to which it is CEL."""
        source = self.document.scalar(place)
        parts: list[str | Expr] = []
        plain, at = "", 0
        while (start := text.find("{{", at)) >= 0:
            plain += text[at:start]
            if text.startswith("{{{{", start):
                plain, at = plain + "{{", start + 4
                continue
            expression, at = self._embedded(source, start + 2)
            parts += [plain, expression]
            plain = ""
        parts.append(plain + text[at:])
        first, last = parts[0], parts[-1]
        parts[0] = first.lstrip() if isinstance(first, str) else first
        parts[-1] = parts[-1].rstrip() if isinstance(last, str) and isinstance(parts[-1], str) else last
        return model.Template(tuple(part for part in parts if part != ""), span=self.document.span(place))

    def _embedded(self, source: Source, start: int) -> tuple[Expr, int]:
        """The expression that starts there, and where the text after its `}}` starts."""
        text = source.text
        first: CompileError | None = None
        end = text.find("}}", start)
        while end >= 0:
            try:
                return parse(part(source, start, end)), end + 2
            except CompileError as error:
                first = first or error
            end = text.find("}}", end + 1)
        if first is None:
            self.faults.append(Fault("expected '}}' after the expression", source.span(start - 2, len(text))))
        else:
            self.faults.extend(Fault(issue.message, issue.span) for issue in first.issues)
        return Literal("null_type", None, span=source.span(start, len(text))), len(text)


def literal(value: Any, span: Span) -> Expr:
    """Plain data as a CEL literal; what is in a list or map of several types is wrapped in `dyn()`."""
    match value:
        case None:
            return Literal("null_type", None, span=span)
        case bool():
            return Literal("bool", value, span=span)
        case int():
            return Literal("int", value, span=span)
        case float():
            return Literal("double", value, span=span)
        case str():
            return Literal("string", value, span=span)
        case list():
            return ListExpr(_alike([literal(item, span) for item in value], value), span=span)
        case Mapping():
            values = _alike([literal(item, span) for item in value.values()], list(value.values()))
            keys = [Literal("string", key, span=span) for key in value]
            return MapExpr(tuple(Entry(k, v, span=span) for k, v in zip(keys, values, strict=True)), span=span)
        case _:
            raise TypeError(type(value))


def quoting(text: str) -> str:
    """The hint for a bare word where CEL is expected."""
    return f"; if the text {text!r} is meant, write \"'{text}'\"" if WORD.fullmatch(text) else ""


def near(name: object, names: Iterable[str]) -> str:
    """The hint at the nearest of some names."""
    found = get_close_matches(str(name), names, n=1)
    return f", did you mean {found[0]!r}?" if found else ""


def part(source: Source, start: int, end: int) -> Source:
    """A piece of a source, whose offsets map onto the same file."""
    text = source.text[start:end]
    if source.file is None or not source.exact:
        return Source(text, source.name, source.file, source.starts, exact=False)
    breaks = [start + i + 1 for i, c in enumerate(text) if c == "\n"]
    return Source(text, source.name, source.file, tuple(map(source.in_file, [start, *breaks])))


def _alike(nodes: list[Expr], values: list[Any]) -> tuple[Expr, ...]:
    if len({_type_name(value) for value in values}) < 2:
        return tuple(nodes)
    return tuple(Call("dyn", (node,), span=node.span) for node in nodes)


def _type_name(value: Any) -> str:
    """The type that the checker gives the literal."""
    match value:
        case list():
            inner = {_type_name(item) for item in value}
        case dict():
            inner = {_type_name(item) for item in value.values()}
        case _:
            return type(value).__name__
    return f"{type(value).__name__}({inner.pop() if len(inner) == 1 else 'dyn' if inner else ''})"


def _present(value: Any, field: Field) -> bool:
    """Null is absence, as in Kubernetes; but `equals: null` is a mistake that must be heard of."""
    return value is not None or isinstance(field.shape, Operand)


def _has_null(value: Any) -> bool:
    match value:
        case list():
            return any(map(_has_null, value))
        case dict():
            return any(map(_has_null, value.values()))
        case _:
            return value is None


def _scalar(value: Any) -> bool:
    return isinstance(value, bool | int | float)


def _shown(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            return f"{value!r}" if len(value) <= 60 else f"{value[:57]!r}..."
        case int() | float():
            return f"the number {value}"
        case list():
            return "a list"
        case _:
            return "a map"


def _either(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _listed(names: list[str]) -> str:
    return " and ".join(names) or "none of them"


def _forms(record: Record) -> str:
    """`expression, or value and one of equals, oneOf`"""
    rest: dict[str, list[str]] = {}
    for form in record.forms:
        first, *others = form.needed
        rest.setdefault(first, []).extend(others)
    said = []
    for first, others in rest.items():
        second = f"one of {', '.join(others)}" if len(others) > 1 else "".join(others)
        said.append(f"{first} and {second}" if others else first)
    return ", or ".join(said)
