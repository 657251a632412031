"""Values and costs as commands print them."""

from __future__ import annotations

import base64
import math
from typing import Any

from admit.cel.ast import Literal
from admit.cel.cost import MOST, Cost
from admit.cel.types import Type
from admit.cel.unparse import unparse
from admit.cel.values import Map, Optional, Struct, Value, bounded


@bounded
def written(value: Value) -> str:
    """The value as CEL writes it: typed again, it is the same value."""
    return unparse(Literal("constant", value))


@bounded
def plain(value: Value) -> Any:
    """The value as JSON: bytes in base64, an optional as what it holds or null; what JSON lacks otherwise as text."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return int(value)
        case float():
            return value if math.isfinite(value) else str(value).replace("nan", "NaN").replace("inf", "Infinity")
        case bytes():
            return base64.b64encode(value).decode()
        case list():
            return [plain(item) for item in value]
        case dict() | Map():
            return {key if isinstance(key, str) else written(key): plain(item) for key, item in value.items()}
        case Struct(fields=fields):
            return plain(fields)
        case Optional():
            return plain(value.value) if value.present else None
        case Type():
            return str(value)
        case _:
            return str(value)


def estimated(cost: Cost) -> str:
    if not is_bounded(cost):
        return f"{cost.min} or more"
    return " to ".join(map(str, dict.fromkeys((cost.min, cost.max))))


def is_bounded(cost: Cost) -> bool:
    """Whether the most that it may cost says anything: a tenth of what has no end has none either."""
    return cost.max < MOST // 1000
