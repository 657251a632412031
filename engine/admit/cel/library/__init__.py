"""The function table: every function of CEL as data, read by the checker, the evaluator, the emitter and the manual."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from admit.cel.types import Type
from admit.cel.values import Value


@dataclass(frozen=True, slots=True)
class Overload:
    """One signature of one function.

    `params` has the receiver first where `member`. `call` takes as many arguments; it may rely on their kinds
    (a `string` is a `str`, a `list(T)` a `list`), since `dispatch` and the checker see to that, and raises
    EvaluationError. `since` is the Kubernetes minor that has it (0: all of them; None: none, the specification only).
    `examples` are expressions that must evaluate to true; `fails` pairs of expression and error text.
    """

    id: str
    function: str
    member: bool
    params: tuple[Type, ...]
    result: Type
    call: Callable[..., Value]
    library: str
    since: int | None = 0
    doc: str = ""
    examples: tuple[str, ...] = ()
