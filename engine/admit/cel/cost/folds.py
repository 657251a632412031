"""What the macros add to the costs of their parts, being folds: the loop, the accumulator, what is made."""

from __future__ import annotations

from dataclasses import dataclass

LIST, MAP, MESSAGE = 10, 30, 40
"""What it costs to make one."""


@dataclass(frozen=True, slots=True)
class Fold:
    """What a macro adds: to each condition, once more where it is true, to each result, and at the end.

    `made`: what is made before the loop, which costs nothing where constants are folded.
    """

    condition: int = 0
    kept: int = 0
    result: int = 0
    end: int = 1
    made: int = 0


FOLDS = {
    "all": Fold(condition=3),
    "exists": Fold(condition=4),
    **dict.fromkeys(("exists_one", "existsOne"), Fold(kept=2, end=2)),
    "filter": Fold(kept=3 + LIST, made=LIST),
    **dict.fromkeys(("map", "transformList"), Fold(result=2 + LIST, made=LIST)),
    "transformMap": Fold(result=3, made=MAP),
    "transformMapEntry": Fold(result=2, made=MAP),
}
