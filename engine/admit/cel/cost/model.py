"""Cost models: what kind of bookkeeping the API server, or cel-go by itself, does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from admit.cel.env import Declarations
from admit.errors import UsageError

LIMIT = 1_000_000
"""What the API server lets one evaluation of an expression cost."""


@dataclass(frozen=True, slots=True)
class CostModel:
    """`libraries`: Kubernetes' costs of library functions. `presence`: the cost of the test in `has`.

    Without Kubernetes' costs a library function has cel-go's: mostly 1, in the specification's language often more.
    `folding`: literal lists, maps and conversions are made once, when the program is, and cost nothing. `calls`: costs
    that calls of overloads have instead of their own, by the overload's id.
    """

    libraries: bool
    presence: int
    folding: bool
    calls: Mapping[str, int] = field(default_factory=dict)


MODELS = {
    "kubernetes": CostModel(libraries=True, presence=0, folding=True),
    "cel-go": CostModel(libraries=False, presence=1, folding=False),
}
_LIBRARIES_SINCE = 32  # in admission policies; in the rules of CustomResourceDefinitions always


def cost_model(chosen: str | CostModel | None, within: Declarations) -> CostModel:
    """The model of this name; by default the one by which the API server counts policies. Raises UsageError."""
    if isinstance(chosen, CostModel):
        return chosen
    if chosen is None:
        if within.kubernetes is None:
            return MODELS["cel-go"]
        return CostModel(libraries=within.kubernetes >= _LIBRARIES_SINCE, presence=0, folding=True)
    if chosen not in MODELS:
        raise UsageError(f"unknown cost model {chosen!r}: expected {' or '.join(sorted(MODELS))}")
    return MODELS[chosen]
