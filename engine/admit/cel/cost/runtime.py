"""What a call has cost beside its operands: by their sizes, and its result's, at run time.

The size of an error, of an operand or of the call, is 1. Where the static estimate (functions.py) has another sum for
the same function, so have cel-go and Kubernetes.
Source: cel-go, interpreter/runtimecost.go, ext/lists.go and ext/sets.go; k8s.io/apiserver, pkg/cel/library/cost.go.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from admit.cel.ast import Call
from admit.cel.cost.bounds import MOST, PATTERN, TRAVERSAL
from admit.cel.cost.model import CostModel
from admit.cel.library.formatting import FORMATS
from admit.cel.values import Exclusive, Map, Optional, Value

Price: TypeAlias = Callable[[Sequence[Value], Value], int]
"""What a call has cost, by its operands, the receiver first, and its result; what failed is an EvaluationError."""


def price(node: Call, model: CostModel, kubernetes: int | None) -> Price:
    """The price of a call: by its overload, if the checker left one alone, or its function; by default 1."""
    overload = node.overloads[0].id if len(node.overloads) == 1 else ""
    minor = _SPECIFICATION if kubernetes is None else kubernetes
    if overload in model.calls:
        return _fixed(model.calls[overload])
    if node.function in ("_==_", "_!=_"):
        compared = _by_size(_least, minor)
        return _small(compared) if model.libraries and node.function == "_==_" and minor >= _SMALL_SINCE else compared
    if minor < _CHANGED_SINCE and overload in _FLATTENED:
        return _flattened_before
    if found := _EXTENSIONS.get(overload):
        return found
    if model.libraries and (found := _KUBERNETES.get(overload) or _KUBERNETES.get(node.function)):
        return found
    if model.libraries and (sum := _KUBERNETES_BY_SIZE.get(overload) or _KUBERNETES_BY_SIZE.get(node.function)):
        return _by_size(sum, 0)
    if kubernetes is None and not model.libraries and (found := _TEXTS.get(overload)):
        return found
    if minor >= _CHANGED_SINCE and overload in _CHANGED:
        return _by_size(_CHANGED[overload], minor)
    return _by_size(_STANDARD[overload], minor) if overload in _STANDARD else one


def one(operands: Sequence[Value], result: Value) -> int:
    """The price of most calls."""
    return 1


def _fixed(amount: int) -> Price:
    return lambda operands, result: amount


_SPECIFICATION = 36  # the minor whose cel-go counts for the language of the specification
_CHANGED_SINCE = 37
_SMALL_SINCE = 32
_UNWRAPPED_SINCE = 33  # the minor from which an optional is as large as what it holds

_Sum: TypeAlias = Callable[[Sequence[int]], int]


def _by_size(sum: _Sum, minor: int) -> Price:
    """What comes of the sizes of the operands."""
    measure = _unwrapped_size if minor >= _UNWRAPPED_SINCE else _size
    return lambda operands, result: sum([measure(operand) for operand in operands])


def _size(value: Value) -> int:
    match value:
        case str() | bytes() | list() | dict() | Map():
            return len(value)
        case Exclusive():
            return value.size
        case _:
            return 1


def _unwrapped_size(value: Value) -> int:
    while isinstance(value, Optional) and value.present:
        value = value.held
    return _size(value)


def _read(size: float) -> int:
    """The price of going through a text of this size."""
    return math.ceil(size * TRAVERSAL)


# The standard library


def _least(sizes: Sequence[int]) -> int:
    return _read(min(sizes))


def _first(sizes: Sequence[int]) -> int:
    return _read(sizes[0])


def _second(sizes: Sequence[int]) -> int:
    return _read(sizes[1])


def _both(sizes: Sequence[int]) -> int:
    return _read(sizes[0] + sizes[1])


def _contains(sizes: Sequence[int]) -> int:
    return _read(sizes[0]) * _read(sizes[1])


def _matches(sizes: Sequence[int]) -> int:
    return _read(1 + sizes[0]) * math.ceil(sizes[1] * PATTERN)


_ORDERS = ("less", "less_equals", "greater", "greater_equals")
_STANDARD: Mapping[str, _Sum] = {
    **{f"{order}_{type}": _least for order in _ORDERS for type in ("string", "bytes")},
    **dict.fromkeys(("add_string", "add_bytes"), _both),
    **dict.fromkeys(("starts_with_string", "ends_with_string"), _first),
    **dict.fromkeys(("string_to_bytes", "bytes_to_string", "strings_quote", *FORMATS), _first),
    "in_list": lambda sizes: sizes[1],
    "contains_string": _contains,
    "matches_string": _matches,
}
_CHANGED: Mapping[str, _Sum] = {
    **dict.fromkeys(("starts_with_string", "ends_with_string"), _second),
    "matches": _matches,
}


# The extensions of lists and sets


def _made_list(size: int, factor: float = 1) -> int:
    return _whole(float(size) * (1 if factor < 0 else factor)) + 11


def _whole(amount: float) -> int:
    """As Go makes an unsigned integer of a double that may be none, on amd64."""
    return int(amount) & MOST if amount <= MOST else 1 << 63


def _result_made(operands: Sequence[Value], result: Value) -> int:
    return _made_list(_unwrapped_size(result))


def _flattened(operands: Sequence[Value], result: Value) -> int:
    depth = operands[1] if len(operands) == 2 and isinstance(operands[1], int) else 1
    return _made_list(_unwrapped_size(operands[0]), depth)


def _flattened_before(operands: Sequence[Value], result: Value) -> int:
    """The depth may be negative where another operand absorbs what comes of it."""
    depth = operands[1] if len(operands) == 2 and isinstance(operands[1], int) else 1
    return (_whole(float(_unwrapped_size(operands[0])) * depth) + 11) & MOST


def _sorted(operands: Sequence[Value], result: Value) -> int:
    """Each element, or key if there are keys, compared with each."""
    items = operands[-1] if isinstance(operands[-1], list) else []
    return _made_list(len(items) ** 2, 2 + TRAVERSAL if items and isinstance(items[0], str | bytes) else 2)


def _sets(factor: int) -> Price:
    return _by_size(lambda sizes: 1 + sizes[0] * sizes[1] * factor, _UNWRAPPED_SINCE)


_FLATTENED = ("list_flatten", "list_flatten_int")
_COMPARABLE = (
    *("int", "uint", "double", "bool", "string", "bytes"),
    *("google.protobuf.Duration", "google.protobuf.Timestamp"),
)
_EXTENSIONS: Mapping[str, Price] = {
    **dict.fromkeys(("list_slice", "lists_range", "list_reverse"), _result_made),
    **dict.fromkeys(_FLATTENED, _flattened),
    "list_distinct": _sorted,
    **{f"list_{type}_{function}": _sorted for type in _COMPARABLE for function in ("sort", "sortByAssociatedKeys")},
    **dict.fromkeys(("list_sets_contains_list", "list_sets_intersects_list"), _sets(1)),
    "list_sets_equivalent_list": _sets(2),
}


# The extensions of strings and of regular expressions, as the specification's language has them


def _char_at(operands: Sequence[Value], result: Value) -> int:
    return 1 + _read(_size(operands[0])) + 1


def _transformed(operands: Sequence[Value], result: Value) -> int:
    return 1 + _read(_size(operands[0])) + _size(result)


def _searched(operands: Sequence[Value], result: Value) -> int:
    return 1 + _read(_size(operands[0]) * _size(operands[1]))


def _replaced(operands: Sequence[Value], result: Value) -> int:
    return 1 + _read(max(_size(operands[0]), 1) * max(_size(operands[1]), 1)) + _size(result)


def _split(operands: Sequence[Value], result: Value) -> int:
    return _joined_any(operands, result) + 10


def _joined_any(operands: Sequence[Value], result: Value) -> int:
    return 1 + _read(_size(operands[0]) + 1) + _size(result)


def _extracted(made: int) -> Price:
    return lambda operands, result: math.ceil(1 + _matched(operands) + _size(result) + made)


def _replaced_matches(operands: Sequence[Value], result: Value) -> int:
    return int(1 + _matched(operands) + _size(result))


def _matched(operands: Sequence[Value]) -> float:
    return (_size(operands[0]) + 1) * TRAVERSAL * ((_size(operands[1]) + 1) * PATTERN)


_TEXTS: Mapping[str, Price] = {
    "string_char_at_int": _char_at,
    **dict.fromkeys(("string_lower_ascii", "string_upper_ascii", "string_trim", "string_reverse"), _transformed),
    **dict.fromkeys(("string_substring_int", "string_substring_int_int"), _transformed),
    **{
        f"string_{function}_of_string{start}": _searched
        for function in ("index", "last_index")
        for start in ("", "_int")
    },
    **dict.fromkeys(("string_replace_string_string", "string_replace_string_string_int"), _replaced),
    **dict.fromkeys(("string_split_string", "string_split_string_int"), _split),
    **dict.fromkeys(("list_join", "list_join_string"), _joined_any),
    "regex_extract_string_string": _extracted(made=0),
    "regex_extractAll_string_string": _extracted(made=10),
    **dict.fromkeys(
        ("regex_replace_string_string_string", "regex_replace_string_string_string_int"), _replaced_matches
    ),
}


# Kubernetes' libraries


def _small(compared: Price) -> Price:
    """To compare one of its own values, on the left, costs 1, whatever its size."""
    return lambda operands, result: 1 if isinstance(operands[0], Exclusive) else compared(operands, result)


def _traversed(operands: Sequence[Value], result: Value) -> int:
    """Everything in a list, with the texts of which a tenth of the bytes counts; or in a text."""
    total, pending = 0, [operands[0]]
    while pending:
        match pending.pop():
            case str(text):
                total += int(len(text.encode("utf-8", "surrogatepass")) * TRAVERSAL)
            case bytes(data):
                total += int(len(data) * TRAVERSAL)
            case list() as items:
                pending.extend(items)
            case dict() as entries:
                for entry in entries.items():
                    pending.extend(entry)
            case Map() as entries:
                for key in entries:
                    pending += (key, entries.find(key))
            case _:
                total += 1
    return total


def _joined(operands: Sequence[Value], result: Value) -> int:
    return _read(_size(result) * 2)


def _validated(operands: Sequence[Value], result: Value) -> int:
    pattern_size: int | None = getattr(operands[0], "pattern_size", None)
    if pattern_size is None:  # no named format
        return 1
    return _read(1 + _size(operands[1])) * math.ceil(pattern_size * PATTERN)


def _first_twice(sizes: Sequence[int]) -> int:
    return _read(sizes[0] * 2)


def _contains_address(sizes: Sequence[int]) -> int:
    return _read(sizes[0] + sizes[0])


def _contains_network(sizes: Sequence[int]) -> int:
    return _contains_address(sizes) + _read(sizes[0]) + 1


def _select(sizes: Sequence[int]) -> int:
    """A list, the text, and a requirement for every two of its characters."""
    return 10 + _read(sizes[1]) + math.ceil(math.ceil(sizes[1] * 0.5) * 50)


_KUBERNETES: Mapping[str, Price] = {
    **dict.fromkeys(("isSorted", "sum", "min", "max", "indexOf", "lastIndexOf", "includes"), _traversed),
    "join": _joined,
    "validate": _validated,
    "check": _fixed(350_000),
    "cidr_ip": one,
}
_KUBERNETES_BY_SIZE: Mapping[str, _Sum] = {
    **dict.fromkeys(("url", "lowerAscii", "upperAscii", "substring", "trim", "jsonpatch.escapeKey"), _first),
    **dict.fromkeys(("ip", "cidr", "isIP", "isCIDR", "quantity", "isQuantity", "semver", "isSemver"), _first),
    **dict.fromkeys(("replace", "split", "ip.isCanonical"), _first_twice),
    **dict.fromkeys(("find", "findAll"), _matches),
    "containsIP": _contains_address,
    "cidr_contains_ip_string": lambda sizes: _contains_address(sizes) + _second(sizes),
    "containsCIDR": _contains_network,
    "cidr_contains_cidr_string": lambda sizes: _contains_network(sizes) + _second(sizes),
    **dict.fromkeys(("fieldSelector", "labelSelector"), _select),
}
