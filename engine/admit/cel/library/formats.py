"""Kubernetes' named formats: what names, labels, URIs and the like must look like, and what is wrong with one.

Source: apimachinery's pkg/api/validate/content, and kube-openapi's strfmt.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import ClassVar

from admit.cel import regex
from admit.cel.library import overload, urls
from admit.cel.types import Type, object_type
from admit.cel.values import NONE, Exclusive, Optional, Value
from admit.errors import EvaluationError


@dataclass(frozen=True, slots=True, eq=False)
class NamedFormat(Exclusive):
    """`problems` says what is wrong with a text; `pattern_size` is what costs are reckoned by."""

    TYPE: ClassVar[Type] = object_type("kubernetes.NamedFormat")
    name: str
    problems: Callable[[str], list[str]] = field(repr=False)
    pattern_size: int = field(repr=False)

    def equals(self, other: Value) -> bool | None:
        return self.name == other.name if isinstance(other, NamedFormat) else None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Shape:
    """A pattern for the whole of a text, and the sentence and the examples for one that differs."""

    pattern: str
    sentence: str
    examples: tuple[str, ...]

    def fits(self, text: str) -> bool:
        return regex.compile(f"^{self.pattern}$")(text)

    @property
    def problem(self) -> str:
        examples = " or ".join(f"'{example}', " for example in self.examples)
        return f"{self.sentence} (e.g. {examples}regex used for validation is '{self.pattern}')"


_LABEL = Shape(
    "[a-z0-9]([-a-z0-9]*[a-z0-9])?",
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with"
    " an alphanumeric character",
    ("my-name", "123-abc"),
)
_SUBDOMAIN = Shape(
    rf"{_LABEL.pattern}(\.{_LABEL.pattern})*",
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and"
    " end with an alphanumeric character",
    ("example.com",),
)
_LABEL_1035 = Shape(
    "[a-z]([-a-z0-9]*[a-z0-9])?",
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character,"
    " and end with an alphanumeric character",
    ("my-name", "abc-123"),
)
_KEY = Shape(
    "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]",
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ("MyName", "my.name", "123-abc"),
)
_LABEL_VALUE = Shape(
    f"({_KEY.pattern})?",
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and"
    " end with an alphanumeric character",
    ("MyValue", "my_value", "12345"),
)


def dns_label_problems(text: str, prefix: bool = False) -> list[str]:
    """What is wrong with the name of most things, or with a prefix for one, which may end in `-`."""
    text, problems = _bounded(text, 63, prefix=prefix)
    if not _LABEL.fits(text):
        problems.append("must not contain dots" if _SUBDOMAIN.fits(text) else _LABEL.problem)
    return problems


def dns_subdomain_problems(text: str, prefix: bool = False) -> list[str]:
    """What is wrong with a name that may have dots, or with a prefix for one."""
    return _shape_problems(text, prefix, shape=_SUBDOMAIN, longest=253)


def dns_label_1035_problems(text: str, prefix: bool = False) -> list[str]:
    """What is wrong with a label that must not begin with a digit, or with a prefix for one."""
    return _shape_problems(text, prefix, shape=_LABEL_1035, longest=63)


def label_value_problems(text: str) -> list[str]:
    """What is wrong with the value of a label."""
    return _shape_problems(text, shape=_LABEL_VALUE, longest=63, unit="bytes")


def _shape_problems(
    text: str, prefix: bool = False, *, shape: Shape, longest: int, unit: str = "characters"
) -> list[str]:
    text, problems = _bounded(text, longest, unit, prefix)
    return problems if shape.fits(text) else [*problems, shape.problem]


def _bounded(text: str, longest: int, unit: str = "characters", prefix: bool = False) -> tuple[str, list[str]]:
    """The text, a prefix completed as Go does it, byte by byte; and whether there are too many of these (bytes,
    whatever upstream calls them)."""
    octets = regex.encoded(text)
    if prefix and len(octets) > 1 and octets.endswith(b"-"):
        octets = octets[:-2] + b"a"
        text = octets.decode(errors="replace")
    return text, [f"must be no more than {longest} {unit}"] if len(octets) > longest else []


def qualified_name_problems(text: str) -> list[str]:
    """What is wrong with the key of a label and the like, `name` or `prefix/name`."""
    parts = text.split("/")
    if len(parts) > 2:
        prefix = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return [f"a valid label key {_KEY.problem} {prefix}"]
    *prefixes, name = parts
    problems = [
        f"prefix part {problem}"
        for prefix in prefixes
        for problem in (_shape_problems(prefix, shape=_SUBDOMAIN, longest=253, unit="bytes") if prefix else [_EMPTY])
    ]
    _, too_long = _bounded(name, 63, "bytes")
    problems += [f"name part {problem}" for problem in (too_long if name else [_EMPTY])]
    return problems if _KEY.fits(name) else [*problems, f"name part {_KEY.problem}"]


_EMPTY = "must be non-empty"


def _uri_problems(text: str) -> list[str]:
    if not urls.is_url(text):
        try:
            urls.url(text)
        except EvaluationError as error:
            return [str(error).removeprefix("URL parse error during conversion from string: ")]
    return []


def _simply(fits: Callable[[str], object], problem: str, text: str) -> list[str]:
    return [] if fits(text) else [problem]


_is_uuid = re.compile("(?ai)[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}").fullmatch
_is_base64 = re.compile(r"([A-Za-z0-9+/]{4})*+([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|(?<=.))", re.DOTALL).fullmatch
_TIME = re.compile("([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|[+-][0-9]{2}:[0-9]{2})")


def _is_date(text: str) -> bool:
    if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is None:
        return False
    year, month, day = map(int, text.split("-"))
    try:
        date(year or 400, month, day)  # the year 0 is a leap year, like 400
    except ValueError:
        return False
    return True


def _is_datetime(text: str) -> bool:
    """What follows a second T is not looked at."""
    parts = text.lower().split("t")
    time = _TIME.fullmatch(parts[1]) if len(parts) > 1 and _is_date(parts[0]) else None
    return time is not None and time[1] <= "23" and time[2] <= "59" and time[3] <= "59"


_FORMATS = (
    NamedFormat("dns1123Label", dns_label_problems, 30),
    NamedFormat("dns1123Subdomain", dns_subdomain_problems, 60),
    NamedFormat("dns1035Label", dns_label_1035_problems, 30),
    NamedFormat("qualifiedName", qualified_name_problems, 60),
    NamedFormat("dns1123LabelPrefix", partial(dns_label_problems, prefix=True), 30),
    NamedFormat("dns1123SubdomainPrefix", partial(dns_subdomain_problems, prefix=True), 60),
    NamedFormat("dns1035LabelPrefix", partial(dns_label_1035_problems, prefix=True), 30),
    NamedFormat("labelValue", label_value_problems, 40),
    NamedFormat("uri", _uri_problems, 1103),
    NamedFormat("uuid", partial(_simply, _is_uuid, "does not match the UUID format"), 70),
    NamedFormat("byte", partial(_simply, _is_base64, "invalid base64"), 84),
    NamedFormat("date", partial(_simply, _is_date, "invalid date"), 71),
    NamedFormat("datetime", partial(_simply, _is_datetime, "invalid datetime"), 71),
)
_BY_NAME = {each.name: each for each in _FORMATS}

format_overload = partial(overload, library="format", since=31)


def _declare(named: NamedFormat) -> None:
    name = f"format.{named.name}"

    def get() -> NamedFormat:
        return named

    get.__doc__ = f"The format {named.name}."
    format_overload(
        f"{name}() -> kubernetes.NamedFormat", f"format.named('{named.name}').value() == {name}()", id=name
    )(get)


for _format in _FORMATS:
    _declare(_format)


@format_overload(
    "format.named(string) -> optional_type(kubernetes.NamedFormat)",
    "format.named('uuid').hasValue()",
    "!format.named('unknown').hasValue()",
    id="format-named",
)
def named(name: str) -> Optional:
    """The format of a name, if there is one."""
    return Optional(_BY_NAME[name]) if name in _BY_NAME else NONE


@format_overload(
    "kubernetes.NamedFormat.validate(string) -> optional_type(list(string))",
    "!format.dns1123Label().validate('my-name').hasValue()",
    "format.date().validate('2023-02-29').value() == ['invalid date']",
    id="format-validate",
)
def validate(format: NamedFormat, text: str) -> Optional:
    """What is wrong with a text, if anything is."""
    problems = format.problems(text)
    return Optional(problems) if problems else NONE
