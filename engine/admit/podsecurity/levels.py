"""A level of the Pod Security Standards at a version: `restricted:v1.31`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeGuard, get_args

Level: TypeAlias = Literal["privileged", "baseline", "restricted"]

LEVELS: tuple[Level, ...] = get_args(Level)
"""From the most lenient to the strictest."""

LATEST = "latest"
LEVEL_EXPECTED = f"must be one of {', '.join(LEVELS)}"
VERSION_EXPECTED = 'must be "latest" or "v1.x"'


@dataclass(frozen=True, slots=True)
class Standard:
    """INVARIANT: `version` is `latest` or `v1.N`."""

    level: Level = "privileged"
    version: str = LATEST

    @property
    def minor(self) -> int | None:
        """None is the latest."""
        return None if self.version == LATEST else int(self.version.removeprefix("v1."))

    def at(self, newest: int) -> str:
        """The version that a cluster evaluates, which knows none after its own."""
        minor = self.minor
        return f"v1.{newest if minor is None else min(minor, newest)}"

    def is_stricter_than(self, other: Standard) -> bool:
        return LEVELS.index(self.level) > LEVELS.index(other.level)

    def is_equivalent_to(self, other: Standard) -> bool:
        """Whether both demand the same, which of privileged ones the versions do not decide."""
        return self == other or self.level == other.level == "privileged"

    def __str__(self) -> str:
        return f"{self.level}:{self.version}"


PRIVILEGED = Standard()


def is_level(text: str) -> TypeGuard[Level]:
    return text in LEVELS


def is_version(text: str) -> bool:
    number = _VERSION.fullmatch(text)
    return text == LATEST or (number is not None and int(number[1][:20]) < 2**63)


_VERSION = re.compile(r"v1\.(0|[1-9][0-9]*)", re.ASCII)
