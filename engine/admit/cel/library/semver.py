"""Kubernetes' semantic versions: strictly semver 2.0, or brought into its form before."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from admit.cel.library import overload
from admit.cel.library.formatting import quoted
from admit.cel.types import Type, object_type
from admit.cel.values import Exclusive, Value
from admit.errors import EvaluationError


@dataclass(frozen=True, slots=True, eq=False)
class Semver(Exclusive):
    """`1.2.3-beta.1+build`; identifiers of the pre-release that are numbers are ints."""

    TYPE: ClassVar[Type] = object_type("kubernetes.Semver")
    major: int
    minor: int
    patch: int
    prerelease: tuple[int | str, ...] = ()
    build: tuple[str, ...] = ()

    def equals(self, other: Value) -> bool | None:
        return compare_to(self, other) == 0 if isinstance(other, Semver) else None

    def __str__(self) -> str:
        prerelease = f"-{'.'.join(map(str, self.prerelease))}" if self.prerelease else ""
        build = f"+{'.'.join(self.build)}" if self.build else ""
        return f"{self.major}.{self.minor}.{self.patch}{prerelease}{build}"


semver_overload = partial(overload, library="semver", since=33)


@semver_overload(
    "semver(string) -> kubernetes.Semver",
    "semver('1.2.3+a') == semver('1.2.3+b')",
    id="string_to_semver",
    fails={"semver('1.0')": "No Major.Minor.Patch elements found"},
)
def parse_semver(text: str) -> Semver:
    """The version that a text is. Raises EvaluationError. Source: github.com/blang/semver, Parse."""
    if not text:
        raise EvaluationError("Version string empty")
    parts = text.split(".", 2)
    if len(parts) < 3:
        raise EvaluationError("No Major.Minor.Patch elements found")
    major, minor = _number(parts[0], "major"), _number(parts[1], "minor")
    rest, plus, build = parts[2].partition("+")
    patch, dash, prerelease = rest.partition("-")
    return Semver(
        major,
        minor,
        _number(patch, "patch"),
        tuple(map(_identifier, prerelease.split("."))) if dash else (),
        tuple(map(_build, build.split("."))) if plus else (),
    )


def _number(text: str, of: str) -> int:
    if re.fullmatch("[0-9]*", text) is None:
        raise EvaluationError(f"Invalid character(s) found in {of} number {quoted(text)}")
    if len(text) > 1 and text[0] == "0":
        raise EvaluationError(f'{of.capitalize()} number must not contain leading zeroes "{text}"')
    return _uint64(text)


def _uint64(text: str) -> int:
    if not 0 < len(text) <= 20 or int(text) >= 2**64:
        reason = "value out of range" if text else "invalid syntax"
        raise EvaluationError(f'strconv.ParseUint: parsing "{text}": {reason}')
    return int(text)


def _identifier(text: str) -> int | str:
    if not text:
        raise EvaluationError("Prerelease is empty")
    if re.fullmatch("[0-9]+", text):
        if len(text) > 1 and text[0] == "0":
            raise EvaluationError(f'Numeric PreRelease version must not contain leading zeroes "{text}"')
        return _uint64(text)
    if re.fullmatch("[0-9A-Za-z-]+", text) is None:
        raise EvaluationError(f"Invalid character(s) found in prerelease {quoted(text)}")
    return text


def _build(text: str) -> str:
    if not text:
        raise EvaluationError("Build meta data is empty")
    if re.fullmatch("[0-9A-Za-z-]+", text) is None:
        raise EvaluationError(f"Invalid character(s) found in build meta data {quoted(text)}")
    return text


@semver_overload(
    "semver(string, bool) -> kubernetes.Semver",
    "semver('v1.02', true) == semver('1.2.0')",
    id="string_bool_to_semver",
    fails={"semver('1-beta', true)": "short version cannot contain PreRelease/Build meta data"},
)
def parse_normalized(text: str, normalize: bool) -> Semver:
    """The version that a text is; if asked for, without a v before it and zeroes before its numbers, filled up by .0"""
    return parse_semver(_normalized(text) if normalize else text)


def _normalized(text: str) -> str:
    parts = [_without_zeroes(part) for part in text.removeprefix("v").split(".", 2)]
    if len(parts) < 3 and re.search("[+-]", parts[-1]):
        raise EvaluationError("short version cannot contain PreRelease/Build meta data")
    return ".".join((*parts, "0", "0")[:3])


def _without_zeroes(part: str) -> str:
    stripped = part.lstrip("0")
    if len(part) > 1:
        return stripped if stripped[:1] in tuple("0123456789") else f"0{stripped}"
    return part


@semver_overload("isSemver(string) -> bool", "isSemver('1.2.3')", "!isSemver('v1.2.3')", id="is_semver_string")
def is_semver(text: str) -> bool:
    """Whether a text is a version."""
    return is_normalized(text, False)


@semver_overload(
    "isSemver(string, bool) -> bool", "isSemver('v1.2', true)", "!isSemver('v1.2', false)", id="is_semver_string_bool"
)
def is_normalized(text: str, normalize: bool) -> bool:
    """Whether a text is a version; if asked for, once it is brought into the form of one."""
    try:
        parse_normalized(text, normalize)
    except EvaluationError:
        return False
    return True


@semver_overload("kubernetes.Semver.major() -> int", "semver('1.2.3').major() == 1", id="semver_major")
def major(version: Semver) -> int:
    """The first number."""
    return _int64(version.major)


@semver_overload("kubernetes.Semver.minor() -> int", "semver('1.2.3').minor() == 2", id="semver_minor")
def minor(version: Semver) -> int:
    """The second number."""
    return _int64(version.minor)


@semver_overload("kubernetes.Semver.patch() -> int", "semver('1.2.3').patch() == 3", id="semver_patch")
def patch(version: Semver) -> int:
    """The third number."""
    return _int64(version.patch)


def _int64(value: int) -> int:
    """What Go makes of a number that is too large."""
    return value if value < 2**63 else value - 2**64


@semver_overload(
    "kubernetes.Semver.compareTo(kubernetes.Semver) -> int",
    "semver('1.0.0-beta').compareTo(semver('1.0.0')) == -1",
    id="semver_compare_to",
)
def compare_to(a: Semver, b: Semver) -> int:
    """-1 where the first is lower, 1 where it is higher, 0 where they are the same but for their build."""
    first, second = _rank(a), _rank(b)
    return (first > second) - (first < second)


def _rank(version: Semver) -> tuple[object, ...]:
    """What puts versions in their order: none is lower than its pre-releases, and their numbers are below texts."""
    numbers = (version.major, version.minor, version.patch)
    identifiers = [(type(each) is str, each) for each in version.prerelease]
    return *numbers, not identifiers, identifiers


@semver_overload(
    "kubernetes.Semver.isGreaterThan(kubernetes.Semver) -> bool",
    "semver('1.10.0').isGreaterThan(semver('1.9.0'))",
    id="semver_is_greater_than",
)
def is_greater_than(a: Semver, b: Semver) -> bool:
    """Whether the first is higher."""
    return compare_to(a, b) > 0


@semver_overload(
    "kubernetes.Semver.isLessThan(kubernetes.Semver) -> bool",
    "semver('1.9.0').isLessThan(semver('1.10.0'))",
    id="semver_is_less_than",
)
def is_less_than(a: Semver, b: Semver) -> bool:
    """Whether the first is lower."""
    return compare_to(a, b) < 0
