"""Costs and sizes as intervals, and what an estimate knows of one node."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from admit.cel.ast import Expr
from admit.cel.types import DYN, Kind, Type

MOST = 2**64 - 1
TRAVERSAL = 0.1  # of a code point or byte
PATTERN = 0.25  # of a code point of a regular expression


@dataclass(frozen=True, slots=True)
class Cost:
    """From `min` to `max`, both from 0 to MOST, where sums and products end. Sizes are written so, too."""

    min: int
    max: int

    def __add__(self, other: Cost) -> Cost:
        return Cost(min(self.min + other.min, MOST), min(self.max + other.max, MOST))

    def __mul__(self, other: Cost) -> Cost:
        return Cost(min(self.min * other.min, MOST), min(self.max * other.max, MOST))

    def __or__(self, other: Cost) -> Cost:
        """What covers both."""
        return Cost(min(self.min, other.min), max(self.max, other.max))

    def scaled(self, factor: float) -> Cost:
        """So many times as much, in cel-go's arithmetic: doubles, rounded up."""
        return Cost(min(math.ceil(self.min * factor), MOST), min(math.ceil(self.max * factor), MOST))


def exactly(amount: int) -> Cost:
    return Cost(amount, amount)


NONE, ONE, ANY = Cost(0, 0), Cost(1, 1), Cost(0, MOST)
NEW_LIST, NEW_MAP, NEW_MESSAGE = exactly(10), exactly(30), exactly(40)

Path: TypeAlias = tuple[str, ...]
"""Where a value is read from: a variable, then names of fields, `@items`, `@indices`, `@keys` and `@values`.

As in cel-go, the variable is missing where a field or an element of a computed value is read.
"""

Sizes: TypeAlias = Callable[[Path, Type], int | None]
"""The largest size of what has this path (empty where it was computed) and this type; None where there is no saying."""


@dataclass(frozen=True, slots=True)
class Entries:
    """How large the elements of a list or map are."""

    kind: Kind
    key: Cost
    value: Cost

    def __or__(self, other: Entries) -> Entries:
        return Entries(self.kind, self.key | other.key, self.value | other.value)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is known of the value of a node, and of what it costs to get it. `known` is its size, where there is one."""

    node: Expr
    cost: Cost
    known: Cost | None
    path: Path = ()
    entries: Entries | None = None

    @property
    def type(self) -> Type:
        return self.node.type or DYN

    @property
    def size(self) -> Cost:
        return ANY if self.known is None else self.known
