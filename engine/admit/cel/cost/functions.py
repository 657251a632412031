"""What functions cost beside their operands, and how large their results are, where that is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from admit.cel.ast import Literal
from admit.cel.cost.bounds import ANY, MOST, NEW_LIST, NONE, ONE, PATTERN, TRAVERSAL, Cost, Estimate, Sizes, exactly
from admit.cel.cost.model import CostModel
from admit.cel.library import Overload
from admit.cel.types import BYTES, STRING, Type

Operands: TypeAlias = Sequence[Estimate]
"""The receiver, if any, and the arguments."""

Charge: TypeAlias = tuple[Cost, Cost | None]
Rule: TypeAlias = Callable[[Operands, Sizes], Charge]


def rule(overload: Overload, model: CostModel, kubernetes: int | None) -> Rule:
    """The rule of an overload, by its id or the name of its function; by default a call costs 1."""
    if overload.id in model.calls:
        return _fixed(model.calls[overload.id])
    rules = _KUBERNETES if model.libraries else _SPECIFICATION if kubernetes is None else _CEL_GO
    return rules.get(overload.id) or rules.get(overload.function) or _constant


def replaced_size(text: Cost, old: Cost, new: Cost) -> Cost:
    """The size of a text in which each `old` was replaced by a `new`; of an empty `old`, around each character."""
    if old.min == 0:
        longest = (text.max + 1) * new.max + text.max
    elif new.max <= old.min:
        longest = text.max
    else:
        longest = math.ceil(text.max / old.min) * new.max
    if old.max == 0:
        shortest = (text.min + 1) * new.min + text.min
    elif old.max <= new.min:
        shortest = text.min
    else:
        shortest = math.ceil(text.min / old.max) * new.min
    return Cost(min(shortest, MOST), min(longest, MOST))


_ADDRESS = Cost(4, 16)  # bytes
_NAMED_FORMAT = 64  # of its text
_NAMED_FORMAT_PATTERN = 128


def _fixed(amount: int) -> Rule:
    return lambda operands, sizes: (exactly(amount), None)


_constant = _fixed(1)


def _traverse(at: int, times: int = 1) -> Rule:
    """Reads one operand."""
    return lambda operands, sizes: (operands[at].size.scaled(times * TRAVERSAL), None)


def _copy(operands: Operands, sizes: Sizes) -> Charge:
    size = operands[0].size
    return size.scaled(TRAVERSAL), size


# The standard library


def _compare(operands: Operands, sizes: Sizes) -> Charge:
    most = min(operand.size.max for operand in operands)
    return Cost(min(most, 1), most).scaled(TRAVERSAL), None


def _concatenate(operands: Operands, sizes: Sizes) -> Charge:
    size = operands[0].size + operands[1].size
    return size.scaled(TRAVERSAL), size


def _concatenate_lists(operands: Operands, sizes: Sizes) -> Charge:
    return ONE, operands[0].size + operands[1].size


def _in_list(operands: Operands, sizes: Sizes) -> Charge:
    return operands[1].size, None


def _contains(operands: Operands, sizes: Sizes) -> Charge:
    text, part = operands
    return text.size.scaled(TRAVERSAL) * part.size.scaled(TRAVERSAL), None


def _matches(operands: Operands, sizes: Sizes) -> Charge:
    text, pattern, *_ = operands
    return (text.size + ONE).scaled(TRAVERSAL) * pattern.size.scaled(PATTERN), None


def _encode(operands: Operands, sizes: Sizes) -> Charge:
    size = operands[0].size
    return size.scaled(TRAVERSAL), size * Cost(1, 4)


def _decode(operands: Operands, sizes: Sizes) -> Charge:
    size = operands[0].size
    return size.scaled(TRAVERSAL), Cost(size.min // 4, size.max)


# The strings extension


def _quote(operands: Operands, sizes: Sizes) -> Charge:  # cel-go's size of an unbounded text quoted overflows
    size = operands[0].size
    return size.scaled(TRAVERSAL), size * Cost(1, 2) + Cost(2, 2)


def _replace(operands: Operands, sizes: Sizes) -> Charge:
    text, old, new = (operand.size for operand in operands[:3])
    return text.scaled(2 * TRAVERSAL), replaced_size(text, old, new)


def _split(operands: Operands, sizes: Sizes) -> Charge:
    size = operands[0].size
    most = size.max
    match [operand.node for operand in operands]:
        case (_, _, Literal(kind="int", value=count)):
            most = count if count >= 0 else MOST
    return size.scaled(2 * TRAVERSAL), Cost(0, most)


def _join(operands: Operands, sizes: Sizes) -> Charge:
    items = operands[0]
    size = NONE
    if items.type.params:
        size = items.size * _element_size(items, items.type.params[0], sizes)
    if len(operands) > 1:
        size += operands[1].size * Cost(max(items.size.min - 1, 0), max(items.size.max - 1, 0))
    return size.scaled(TRAVERSAL), size


def _element_size(items: Estimate, type: Type, sizes: Sizes) -> Cost:
    """What the schema, or the type, says of elements; not what the list itself would."""
    most = sizes((*items.path, "@items") if items.path else (), type)
    return ANY if most is None else Cost(0, most)


# The same as the specification's language has it, and the regex extension: cel-go's own costs, of which Kubernetes'
# versions have none


def _transform(operands: Operands, sizes: Sizes) -> Charge:
    size = operands[0].size
    return size.scaled(TRAVERSAL) + ONE + size, size


def _trim(operands: Operands, sizes: Sizes) -> Charge:
    size = operands[0].size
    left = Cost(0, size.max)
    return size.scaled(TRAVERSAL) + ONE + left, left


def _char_at(operands: Operands, sizes: Sizes) -> Charge:
    return operands[0].size.scaled(TRAVERSAL) + ONE + ONE, Cost(0, 1)


def _substring(operands: Operands, sizes: Sizes) -> Charge:
    text, start, *end = operands
    length = _literal(end[0], text.size.max) if end else text.size.max
    size = exactly((length - _literal(start, 0)) % (MOST + 1))
    return text.size.scaled(TRAVERSAL) + ONE + size, size


def _search(operands: Operands, sizes: Sizes) -> Charge:
    return (operands[0].size * operands[1].size).scaled(TRAVERSAL) + ONE, None


def _replace_any(operands: Operands, sizes: Sizes) -> Charge:
    text, old, new = (operand.size for operand in operands[:3])
    new += ONE
    size = Cost(min(text.min, new.min), min((text.max + 1) * new.max, MOST))
    return (_not_empty(text) * _not_empty(old)).scaled(TRAVERSAL) + size + ONE, size


def _not_empty(size: Cost) -> Cost:
    return Cost(max(size.min, 1), max(size.max, 1))


def _split_any(operands: Operands, sizes: Sizes) -> Charge:
    size = operands[0].size
    made = Cost(0, size.max)
    return (size + ONE).scaled(TRAVERSAL) + made.scaled(1) + NEW_LIST + ONE, made


def _join_any(operands: Operands, sizes: Sizes) -> Charge:
    items = operands[0].size
    between = operands[1].size.max if len(operands) > 1 else 0
    size = Cost(0, min(items.max * (1 + between) + between, MOST))
    return (items + ONE).scaled(TRAVERSAL) + size.scaled(1) + ONE, size


def _extract(operands: Operands, sizes: Sizes) -> Charge:
    size = Cost(0, operands[0].size.max)
    return _match(operands) + size, size


def _extract_all(operands: Operands, sizes: Sizes) -> Charge:
    size = Cost(0, operands[0].size.max)
    return _match(operands) + NEW_LIST + size, size


def _replace_matches(operands: Operands, sizes: Sizes) -> Charge:
    least, most = operands[0].size.max, operands[0].size.max * operands[2].size.max % (MOST + 1)  # as in Go
    size = Cost(most, least) if operands[2].size.max == 0 else Cost(least, most)
    return _match(operands) + size, size


def _match(operands: Operands) -> Cost:
    text, pattern, *_ = operands
    return (text.size + ONE).scaled(TRAVERSAL) * (pattern.size + ONE).scaled(PATTERN)


# Lists and sets


def _scan(character: float) -> Rule:
    """Reads a list, with the strings or bytes in it; or a text, for so much a character."""

    def scan(operands: Operands, sizes: Sizes) -> Charge:
        items = operands[0]
        if not items.type.params:
            return items.size.scaled(character), None
        each, type = ONE, items.type.params[0]
        if type in (STRING, BYTES):
            each += _element_size(items, type, sizes).scaled(TRAVERSAL)
        return items.size * each, None

    return scan


def _made_list(size: Cost, factor: float = 1) -> Charge:
    return size.scaled(factor) + NEW_LIST + ONE, size


def _slice(operands: Operands, sizes: Sizes) -> Charge:
    items, start, end = operands
    return _made_list(exactly(max(_literal(end, items.size.max) - _literal(start, 0), 0)))


def _range(operands: Operands, sizes: Sizes) -> Charge:
    return _made_list(exactly(_literal(operands[0], MOST)))


def _reverse(operands: Operands, sizes: Sizes) -> Charge:
    return _made_list(operands[0].size)


def _flatten(operands: Operands, sizes: Sizes) -> Charge:
    return _made_list(operands[0].size, 1 if len(operands) == 1 else _literal(operands[1], MOST))


def _literal(operand: Estimate, otherwise: int) -> int:
    """The value of a literal, as a size."""
    match operand.node:
        case Literal(kind="int", value=value):
            return max(int(value), 0)
        case _:
            return otherwise


def _pairs(factor: float) -> Rule:
    """Compares each element of a list, or its keys, with each. As in cel-go, the result has the size of the pairs."""
    return lambda operands, sizes: _made_list(operands[-1].size * operands[-1].size, factor)


def _sets(factor: int) -> Rule:
    return lambda operands, sizes: ((operands[0].size * operands[1].size).scaled(factor) + ONE, None)


# Kubernetes' own


def _equals(operands: Operands, sizes: Sizes) -> Charge:
    left, right = operands
    if left.type == right.type:
        name = left.type.name
        if name in _SMALL:
            return ONE, None
        if name == "kubernetes.NamedFormat":
            return Cost(1, _NAMED_FORMAT).scaled(TRAVERSAL), None
        if name == "kubernetes.URL":
            return Cost(1, 1 if right.known is None else right.known.max).scaled(TRAVERSAL), None
    return _compare(operands, sizes)


def _find(operands: Operands, sizes: Sizes) -> Charge:
    cost, _ = _matches(operands, sizes)
    return cost, Cost(0, operands[0].size.max)


def _contains_address(own: Cost, parsed: bool) -> Rule:
    """Compares addresses, the second of which may have to be read from text before."""
    compared = (_ADDRESS + _ADDRESS).scaled(TRAVERSAL) + own
    if not parsed:
        return lambda operands, sizes: (compared, None)
    return lambda operands, sizes: (compared + operands[1].size.scaled(TRAVERSAL), None)


def _validate(operands: Operands, sizes: Sizes) -> Charge:
    return operands[1].size.scaled(TRAVERSAL).scaled(_NAMED_FORMAT_PATTERN * PATTERN), None


def _select(operands: Operands, sizes: Sizes) -> Charge:
    """Reads a selector, a requirement for every two characters."""
    size = operands[1].size
    return NEW_LIST + size.scaled(TRAVERSAL) + size.scaled(0.5).scaled(50), None


_MASKED = _ADDRESS.scaled(TRAVERSAL) + ONE
_SMALL = frozenset(
    (
        *("net.IP", "net.CIDR", "kubernetes.Quantity", "kubernetes.Semver"),
        *(f"kubernetes.authorization.{name}" for name in ("Authorizer", "PathCheck", "GroupCheck", "ResourceCheck")),
        "kubernetes.authorization.Decision",
    )
)
_ORDERS = ("less", "less_equals", "greater", "greater_equals")
_SORTED = ("int", "uint", "double", "bool", "google.protobuf.Duration", "google.protobuf.Timestamp")
_SORTS = ("sort", "sortByAssociatedKeys")
_CEL_GO: Mapping[str, Rule] = {
    **dict.fromkeys(("equals", "not_equals"), _compare),
    **{f"{order}_{type}": _compare for order in _ORDERS for type in (STRING, BYTES)},
    **dict.fromkeys(("add_string", "add_bytes"), _concatenate),
    "add_list": _concatenate_lists,
    "in_list": _in_list,
    **dict.fromkeys(("starts_with_string", "ends_with_string"), _traverse(1)),
    "contains_string": _contains,
    **dict.fromkeys(("matches", "matches_string"), _matches),
    "string_to_bytes": _encode,
    "bytes_to_string": _decode,
    "strings_quote": _quote,
    "format": _traverse(0),
    "list_slice": _slice,
    "lists_range": _range,
    "list_reverse": _reverse,
    **dict.fromkeys(("list_flatten", "list_flatten_int"), _flatten),
    "list_distinct": _pairs(2),
    **{f"list_{type}_{sort}": _pairs(2) for type in _SORTED for sort in _SORTS},
    **{f"list_{type}_{sort}": _pairs(2 + TRAVERSAL) for type in (STRING, BYTES) for sort in _SORTS},
    **dict.fromkeys(("list_sets_contains_list", "list_sets_intersects_list"), _sets(1)),
    "list_sets_equivalent_list": _sets(2),
}
_SPECIFICATION: Mapping[str, Rule] = {
    **_CEL_GO,
    **dict.fromkeys(("lowerAscii", "upperAscii", "string_reverse"), _transform),
    "trim": _trim,
    "charAt": _char_at,
    "substring": _substring,
    **dict.fromkeys(("indexOf", "lastIndexOf"), _search),
    "replace": _replace_any,
    "split": _split_any,
    "join": _join_any,
    "regex.extract": _extract,
    "regex.extractAll": _extract_all,
    "regex.replace": _replace_matches,
}
_KUBERNETES: Mapping[str, Rule] = {
    **_CEL_GO,
    "equals": _equals,
    **dict.fromkeys(("lowerAscii", "upperAscii", "substring", "trim", "url", "jsonpatch.escapeKey"), _copy),
    "replace": _replace,
    "split": _split,
    "join": _join,
    **dict.fromkeys(("isSorted", "sum", "min", "max", "indexOf", "lastIndexOf"), _scan(TRAVERSAL)),
    "includes": _scan(1),
    **dict.fromkeys(("find", "findAll"), _find),
    **dict.fromkeys(("ip", "isIP", "cidr", "isCIDR"), _traverse(0)),
    "cidr_ip": _constant,
    "ip.isCanonical": _traverse(0, times=2),
    "containsIP": _contains_address(NONE, parsed=False),
    "cidr_contains_ip_string": _contains_address(NONE, parsed=True),
    "containsCIDR": _contains_address(_MASKED, parsed=False),
    "cidr_contains_cidr_string": _contains_address(_MASKED, parsed=True),
    **dict.fromkeys(("quantity", "isQuantity", "semver", "isSemver"), _traverse(0)),
    "validate": _validate,
    "check": _fixed(350_000),
    **dict.fromkeys(("fieldSelector", "labelSelector"), _select),
}
