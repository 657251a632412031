"""CEL's values as Python has them, and what CEL means by equal, less, member, field and type.

| CEL | Python |
| --- | --- |
| int, double, bool, string, null, list | `int` (in int64), `float`, `bool`, `str`, `None`, `list` |
| map | `dict` where every key is a string, else `Map` |
| uint, bytes, timestamp, duration | `Uint`, `bytes`, `Timestamp`, `Duration` |
| optional, type | `Optional`, `types.Type` |
| message | `Struct` |
| quantity, semver, URL, IP address, ... | a class of its own, an `Exclusive` |
| list or map that a schema makes more of | a class of its own, a `Structured` |

A class of ours tells its CEL type as `TYPE`.

INVARIANT: values are never changed once made; what comes from a request is used as it is.
INVARIANT: only `dict` takes a string in `x['key']` and has `.get`; generated code relies on it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import wraps
from importlib import import_module
from typing import Any, ClassVar, Final, ParamSpec, TypeAlias, TypeVar

from admit.cel.times import SECOND, parse_duration, parse_timestamp
from admit.cel.times import Duration as Duration
from admit.cel.times import Timestamp as Timestamp
from admit.cel.types import BOOL, BYTES, DOUBLE, DYN, EMPTY, INT, NULL, STRING, TYPE, UINT, Kind, Type
from admit.errors import EvaluationError

Value: TypeAlias = Any

LIST: Final = Type(Kind.LIST, "list")  # what type([1]) gives
MAP: Final = Type(Kind.MAP, "map")
OPTIONAL: Final = Type(Kind.OPAQUE, "optional_type")


class Uint(int):
    """A uint; it equals and hashes as the int of the same value, as CEL's do, but `type(x) is int` is false."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{int(self)}u"


class Map:
    """A map whose keys are not all strings. 1 finds 1u, and 1.0 either; true is no number.

    Made by `make_map`; `items()` and iteration go in the order of insertion.
    """

    __slots__ = ("_entries",)
    TYPE: ClassVar[Type] = MAP
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, pairs: Iterable[tuple[Value, Value]]) -> None:
        self._entries: dict[Value, tuple[Value, Value]] = {}
        for key, value in pairs:
            self._entries[slot_of(key)] = (key, value)

    def items(self) -> Iterable[tuple[Value, Value]]:
        return self._entries.values()

    def find(self, key: Value) -> Value:
        """The value under a key, or ABSENT."""
        for slot in (slot_of(key), *_numbers(key)):
            if slot in self._entries:
                return self._entries[slot][1]
        return ABSENT

    def __contains__(self, key: object) -> bool:
        return self.find(key) is not ABSENT

    def __iter__(self) -> Iterator[Value]:
        return (key for key, _ in self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def __eq__(self, other: object) -> bool:
        return equal(self, other)

    def __repr__(self) -> str:
        return f"Map({list(self.items())!r})"


@dataclass(frozen=True, slots=True, eq=False)
class Optional:
    """`optional.of(value)`, or NONE. What it holds may be an error, which is raised when it is asked for its value."""

    TYPE: ClassVar[Type] = OPTIONAL
    held: Value
    present: bool = True

    @property
    def value(self) -> Value:
        if isinstance(self.held, EvaluationError):
            raise EvaluationError(str(self.held))
        return self.held

    def __eq__(self, other: object) -> bool:
        return equal(self, other)

    def __repr__(self) -> str:
        return f"Optional({self.held!r})" if self.present else "NONE"


@dataclass(frozen=True, slots=True, eq=False)
class Struct:
    """`Object.spec{replicas: 1}`: a message; `fields` has those that are set."""

    TYPE: Type
    fields: dict[str, Value]

    def __len__(self) -> int:
        return len(self.fields)

    def __eq__(self, other: object) -> bool:
        return equal(self, other)

    def __str__(self) -> str:
        return f"{self.TYPE}{display(self.fields)}"


class Exclusive:
    """A value that is compared only with its own kind, as Kubernetes' are: with any other on the right, it is an error.

    It shows its whole value in `str()` and in `repr()`; a class that has an encoding, or a literal in error messages,
    is named for the function that makes it of its text.
    """

    __slots__ = ()
    TYPE: ClassVar[Type]

    def equals(self, other: Value) -> bool | None:
        """Whether the values are equal; None where they cannot be compared."""
        raise NotImplementedError

    @property
    def size(self) -> int:
        """What costs are reckoned by."""
        return 1

    def __eq__(self, other: object) -> bool:
        return equal(self, other)

    __hash__ = None  # type: ignore[assignment]


class Structured:
    """A value of which its schema tells more than a `list` or `dict` can; see structured.py."""

    __slots__ = ()
    TYPE: ClassVar[Type]

    def paired(self, other: Value) -> Iterable[tuple[Value, Value]] | None:
        """What must be equal if this and the other are to be; None where they are not. Raises EvaluationError."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return equal(self, other)

    def __ne__(self, other: object) -> bool:
        return not equal(self, other)

    __hash__ = None  # type: ignore[assignment]


NONE: Final = Optional(None, present=False)
ABSENT: Final = object()  # no value of CEL: what is not there

_P = ParamSpec("_P")
_R = TypeVar("_R")


def bounded(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Of a value nested too deeply for the function, the author hears as of any failure."""

    @wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return function(*args, **kwargs)
        except RecursionError:
            raise EvaluationError("value is nested too deeply") from None

    return call


def make_map(pairs: Iterable[tuple[Value, Value]], strict: bool = True) -> dict[str, Value] | Map:
    """The map of a literal; a value that is ABSENT takes its key away. Raises EvaluationError.

    `strict` is the CEL specification's: for a key twice, and for one that can be none. To cel-go, all but bytes can.
    """
    made = Map(())
    for key, value in pairs:
        if type(key) not in _KEYS:
            if strict:
                raise EvaluationError(f"unsupported key type '{type_of(key)}'")
            if type(key) is bytes:
                raise EvaluationError("internal error: runtime error: hash of unhashable type types.Bytes")
        if strict and key in made:
            raise EvaluationError(f"duplicate key: {display(key)}")
        made._entries[slot_of(key)] = (key, value)
    return _plain((key, value) for key, value in made.items() if value is not ABSENT)


def merged(maps: Iterable[dict[str, Value] | Map]) -> dict[str, Value] | Map:
    """One map of several. Raises EvaluationError for a key that comes again."""
    made = Map(())
    for key, value in (entry for each in maps for entry in each.items()):
        if key in made:
            raise EvaluationError(f"insert failed: key {display(key)} already exists")
        made._entries[slot_of(key)] = (key, value)
    return _plain(made.items())


def _plain(entries: Iterable[tuple[Value, Value]]) -> dict[str, Value] | Map:
    entries = tuple(entries)
    return dict(entries) if all(type(key) is str for key, _ in entries) else Map(entries)


def slot_of(key: Value) -> Value:
    """What tells keys apart in a dict, where true would be 1. A list, a map and the like equal no other as keys."""
    kind = type(key)
    if kind is str or kind is int:
        return key
    return (kind, int(key) if kind is Uint else key) if kind in _TOLD_APART else object()


def type_of(value: Value) -> Type:
    """The type of a value at run time: `type(x)`. That of a list or map has no parameters."""
    known = _TYPES.get(type(value))
    return value.TYPE if known is None else known


def matches_type(value: Value, declared: Type) -> bool:
    """Whether an overload's parameter takes the value; of a list or map, as in cel-go, the first item is looked at."""
    match declared.kind:
        case Kind.DYN | Kind.PARAM:
            return True
        case Kind.WRAPPER:
            return value is None or matches_type(value, declared.params[0])
        case Kind.LIST:
            return isinstance(value, list) and (not value or matches_type(value[0], _param(declared, 0)))
        case Kind.MAP:
            if not isinstance(value, dict | Map):
                return False
            return not len(value) or all(
                matches_type(item, _param(declared, i)) for i, item in enumerate(next(iter(value.items())))
            )
        case _:
            return type_of(value).name == declared.name


def equal(a: Value, b: Value) -> bool:
    """`a == b`: numbers by value, lists and maps deeply; other values of two types are not equal.

    An int or uint equals a double as cel-go has it, rounded to a double first; NaN equals nothing. Raises
    EvaluationError for what cannot be compared; in a list or map it counts as equal, which is cel-go's doing.
    """
    pending = [(a, b)]
    within = False
    while pending:
        a, b = pending.pop()
        kind, other = type(a), type(b)
        if kind is list:
            if not isinstance(b, list) or len(a) != len(b):
                return False
            within = True
            pending.extend(zip(a, b, strict=True))
        elif kind is dict or kind is Map:
            if not isinstance(b, dict | Map) or len(a) != len(b):
                return False
            within = True
            for key, value in a.items():
                found = _find(b, key)
                if found is ABSENT:
                    return False
                pending.append((value, found))
        elif kind is Optional:
            if other is not Optional or a.present != b.present:
                return False
            pending.append((a.value, b.value))
        elif kind is Type:
            if other is not Type or a.name != b.name:
                return False
        elif kind is Struct:
            if other is not Struct or a.TYPE.name != b.TYPE.name:
                return False
            pending.append((a.fields, b.fields))
        elif isinstance(a, Structured):
            if b is None or (pairs := a.paired(b)) is None:
                return False
            pending.extend(pairs)
        elif isinstance(a, Exclusive):
            same = False if b is None else a.equals(b)
            if same is None and not within:
                raise EvaluationError("no such overload")
            if same is False:
                return False
        elif kind is other:
            if a != b:
                return False
        elif not _equal_numbers(a, b):
            return False
    return True


def same(a: Value, b: Value) -> bool:
    """`equal`, but what cannot be compared is not the same: so `!=` and `in` have it."""
    try:
        return equal(a, b)
    except EvaluationError:
        return False


def compare(a: Value, b: Value) -> int:
    """-1, 0 or 1, for `<` and its like. Raises EvaluationError for what has no order, NaN included."""
    kind, other = type(a), type(b)
    if a != a or (kind in _NUMBERS and b != b):
        raise EvaluationError("NaN values cannot be ordered")
    if kind in _NUMBERS and other in _NUMBERS:
        if float in (kind, other):
            a, b = float(a), float(b)
    elif kind is not other or kind not in _ORDERED:
        raise EvaluationError("no such overload")
    return int(a > b) - int(a < b)


def contains_in(element: Value, container: Value) -> bool:
    """`element in container`: whether an item is equal, or a key. Raises EvaluationError."""
    if isinstance(container, list):
        if type(element) is str:
            with suppress(EvaluationError):  # of an item that cannot be compared
                return element in container
        return any(same(element, item) for item in container)
    if isinstance(container, dict | Map):
        return _find(container, element) is not ABSENT
    raise EvaluationError("no such overload")


def select(operand: Value, field: str, strict: bool = False) -> Value:
    """`operand.field`, an optional if the operand is one. Raises EvaluationError.

    `strict`, here and below, is the CEL specification's: to test what has no fields (null, a number, a string) is an
    error. To Kubernetes, the field is then absent.
    """
    if type(operand) is dict and field in operand:
        return operand[field]
    return index(operand, field, strict)


def has(operand: Value, field: str, strict: bool = False) -> bool:
    """`has(operand.field)`. Raises EvaluationError for a list."""
    return opt_index(operand, field, strict).present


def index(operand: Value, key: Value, strict: bool = False) -> Value:
    """`operand[key]`, an optional if the operand is one. Raises EvaluationError."""
    if type(operand) is Optional:
        return opt_index(operand, key, strict)
    found = _find(operand, _checked(key))
    if found is not ABSENT:
        return found
    if type(operand) is Struct:  # the checker has seen to it that there is such a field
        return "" if operand.TYPE.name == "JSONPatch" and key != "value" else None
    problem = "index out of bounds" if isinstance(operand, list) else "no such key"
    raise EvaluationError(f"{problem}: {display(key)}")


def opt_select(operand: Value, field: str, strict: bool = False) -> Optional:
    """`operand.?field`: the optional of what is there. Raises EvaluationError for a list."""
    return opt_index(operand, field, strict)


def opt_index(operand: Value, key: Value, strict: bool = False) -> Optional:
    """`operand[?key]`: the optional of what is there. Raises EvaluationError for a key that can be none."""
    if type(operand) is Optional:
        if not operand.present:
            return NONE
        operand = operand.value
    found = _find(operand, _checked(key))
    if found is not ABSENT:
        return Optional(found)
    if strict and not isinstance(operand, dict | list | Map):
        raise EvaluationError(f"no such key: {display(key)}")
    return NONE


def format_double(value: float) -> str:
    """The double as Go's %g has it: `1`, `1e+06`, `1e-05`, `+Inf`, `NaN`."""
    if value != value or value in (float("inf"), float("-inf")):
        return "NaN" if value != value else "+Inf" if value > 0 else "-Inf"
    exact = Decimal(repr(value)).normalize()
    exponent = exact.adjusted()
    if value == 0 or -4 <= exponent < 6:
        return f"{exact:f}"
    sign, digits, _ = exact.as_tuple()
    point = "." if len(digits) > 1 else ""
    text = f"{digits[0]}{point}{''.join(map(str, digits[1:]))}"
    return f"{'-' if sign else ''}{text}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


@bounded
def display(value: Value) -> str:
    """The value as error messages show it, which is Go's %v."""
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "0"
        case int():
            return str(int(value))
        case float():
            return format_double(value)
        case bytes():
            return f"[{' '.join(map(str, value))}]"
        case list():
            return f"[{', '.join(map(display, value))}]"
        case dict() | Map():
            return f"{{{', '.join(f'{display(key)}: {display(item)}' for key, item in value.items())}}}"
        case Optional():
            return f"optional({display(value.value)})" if value.present else "optional.none()"
        case _:
            return str(value)


@bounded
def encode(value: Value) -> dict[str, Any]:
    """The value as JSON that keeps its type: `{"uint": "1"}`, `{"list": [{"null": null}]}`."""
    match value:
        case None | bool() | str():
            return {type_of(value).name.removesuffix("_type"): value}
        case int():
            return {type_of(value).name: str(int(value))}
        case float():
            return {"double": repr(value).replace("nan", "NaN").replace("inf", "Infinity")}
        case bytes():
            return {"bytes": base64.b64encode(value).decode()}
        case list():
            return {"list": [encode(item) for item in value]}
        case dict() | Map():
            return {"map": [[encode(key), encode(item)] for key, item in value.items()]}
        case Type():
            return {"type": value.name}
        case Timestamp():
            return {"timestamp": str(Timestamp(value.nanoseconds))}
        case Duration():
            return {"duration": f"{Decimal(value.nanoseconds) / SECOND:f}s"}
        case Optional():
            return {"optional": encode(value.value) if value.present else None}
        case Struct():
            fields = {name: encode(item) for name, item in value.fields.items()}
            return {"message": {"type": value.TYPE.name, "fields": fields}}
        case Exclusive() if (kind := type(value).__name__.lower()) in WRITTEN:
            return {kind: str(value)}
    raise EvaluationError(f"a value of type {type_of(value)} has no encoding")


@bounded
def decode(encoded: dict[str, Any]) -> Value:
    """What `encode` encoded. Raises EvaluationError."""
    ((kind, data),) = encoded.items()
    match kind:
        case "null" | "bool" | "string":
            return data
        case "int":
            return int(data)
        case "uint":
            return Uint(data)
        case "double":
            return float(data)
        case "bytes":
            return base64.b64decode(data)
        case "list":
            return [decode(item) for item in data]
        case "map":
            return make_map((decode(key), decode(item)) for key, item in data)
        case "type":
            return next((known for known in _TYPES.values() if known.name == data), Type(Kind.OBJECT, data))
        case "timestamp":
            return parse_timestamp(data)
        case "duration":
            return parse_duration(data)
        case "optional":
            return NONE if data is None else Optional(decode(data))
        case "message":
            fields = {name: decode(item) for name, item in data["fields"].items()}
            return Struct(Type(Kind.OBJECT, data["type"]), fields)
        case _ if kind in WRITTEN:
            return import_module("admit.cel.library").dispatch(kind, (data,), _NEWEST)  # above us: not at the start
    raise EvaluationError(f"no encoding {kind!r}")


_TYPES: Final[dict[type, Type]] = {
    bool: BOOL,
    int: INT,
    Uint: UINT,
    float: DOUBLE,
    str: STRING,
    bytes: BYTES,
    type(None): NULL,
    list: LIST,
    dict: MAP,
    Type: TYPE,
}
WRITTEN = frozenset(("quantity", "semver", "url", "ip", "cidr"))  # each the function that makes the value of its text
_NEWEST = 37
_NUMBERS = frozenset((int, Uint, float))
_ORDERED = frozenset((bool, str, bytes, Timestamp, Duration))
_KEYS = frozenset((str, bool, int, Uint))
_INDEXES = _KEYS | {float}
_TOLD_APART = _INDEXES | {bytes, type(None), Timestamp, Duration, Type}
_GO_NAMES = {type(None): "types.Null", list: "*types.baseList", dict: "*types.baseMap", Map: "*types.baseMap"}
_GO_NAMES |= {Optional: "*types.Optional", Type: "*types.Type"}


def _equal_numbers(a: Value, b: Value) -> bool:
    """Whether two values of different types are equal numbers."""
    kinds = {type(a), type(b)}
    if not kinds <= _NUMBERS:
        return False
    return float(a) == float(b) if float in kinds else int(a) == int(b)


def _numbers(key: Value) -> tuple[Value, ...]:
    """Where a number may be found beside its own place."""
    kind = type(key)
    if kind not in _NUMBERS or (kind is float and (not key.is_integer() or key == -(2.0**63))):  # no int to cel-go
        return ()
    return (int(key), (Uint, int(key)))


def _param(declared: Type, at: int) -> Type:
    return declared.params[at] if declared.params else DYN


def _checked(key: Value) -> Value:
    if type(key) not in _INDEXES:
        name = _GO_NAMES.get(type(key), f"types.{type(key).__name__.capitalize()}")
        if isinstance(key, Exclusive):
            name = f"cel.{type(key).__name__}"
        raise EvaluationError(f"invalid qualifier type: {name}")
    return key


def _find(operand: Value, key: Value) -> Value:
    """What is under the key or index, or ABSENT. Raises EvaluationError for an index that can be none."""
    kind = type(operand)
    if kind is dict:
        return operand.get(key, ABSENT) if type(key) is str else ABSENT
    if isinstance(operand, list):
        at = _position(key)
        return operand[at] if 0 <= at < len(operand) else ABSENT
    if kind is Struct:
        if operand.TYPE == EMPTY:
            raise EvaluationError(f"no such field '{display(key)}'")
        return operand.fields.get(key, ABSENT)
    return operand.find(key) if isinstance(operand, Map) else ABSENT


def _position(key: Value) -> int:
    kind = type(key)
    if kind not in _NUMBERS:
        raise EvaluationError(f"unsupported index type '{type_of(key)}' in list")
    exact = kind is not float or (key.is_integer() and key > -(2.0**63))
    if not exact or key >= 2**63:
        raise EvaluationError(f"unsupported index value {display(key)} in list")
    return int(key)
