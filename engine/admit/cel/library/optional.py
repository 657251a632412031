"""Optional values: what may be there or not, without an error."""

from __future__ import annotations

from functools import partial

from admit.cel.library import overload
from admit.cel.times import MIN_SECOND, SECOND
from admit.cel.values import NONE, Optional, Timestamp, Value, display, index, opt_index, opt_select
from admit.errors import EvaluationError

optional_overload = partial(overload, library="optional", since=28)


@optional_overload("optional.of(V) -> optional_type(V)", "optional.of(1).hasValue()")
def of(value: Value) -> Optional:
    """The optional that has the value."""
    return Optional(value)


@optional_overload("optional.none() -> optional_type(V)", "!optional.none().hasValue()")
def none() -> Optional:
    """The optional without a value."""
    return NONE


@optional_overload(
    "optional.ofNonZeroValue(V) -> optional_type(V)",
    "optional.ofNonZeroValue('') == optional.none()",
    "optional.ofNonZeroValue([0]).hasValue()",
    id="optional_ofNonZeroValue",
)
def of_non_zero_value(value: Value) -> Optional:
    """The optional that has the value, unless that is null, false, zero or empty: then none."""
    if isinstance(value, Timestamp):
        return NONE if value.nanoseconds == MIN_SECOND * SECOND else Optional(value)
    if hasattr(value, "nanoseconds"):
        return Optional(value) if value.nanoseconds else NONE
    return Optional(value) if value or isinstance(value, Optional) else NONE


@optional_overload("optional_type(V).hasValue() -> bool", "optional.of(null).hasValue()", id="optional_hasValue")
def has_value(optional: Optional) -> bool:
    """Whether there is a value."""
    return optional.present


@optional_overload(
    "optional_type(V).value() -> V",
    "optional.of(1).value() == 1",
    fails={"optional.none().value()": "optional.none() dereference"},
)
def value(optional: Optional) -> Value:
    """The value; an error if there is none."""
    if not optional.present:
        raise EvaluationError("optional.none() dereference")
    return optional.value


@optional_overload(
    "optional_type(V).or(optional_type(V)) -> optional_type(V)",
    "optional.none().or(optional.of(1)) == optional.of(1)",
    id="optional_or_optional",
)
@optional_overload("or(optional_type(V), dyn) -> dyn", id="or_dyn", declared=False)
def or_(optional: Optional, other: Value) -> Value:
    """The first if it has a value, else the second."""
    return optional if optional.present else other


@optional_overload(
    "optional_type(V).orValue(V) -> V",
    "{}[?'a'].orValue(1) == 1",
    "{'a': 2}.?a.orValue(1) == 2",
    id="optional_orValue_value",
)
def or_value(optional: Optional, default: Value) -> Value:
    """The value if there is one, else the second."""
    return optional.value if optional.present else default


@optional_overload("or(dyn, dyn) -> dyn", id="or", until=37, declared=False)
@optional_overload("orValue(dyn, dyn) -> dyn", id="orValue", until=37, declared=False)
def first_operand(operand: Value, _: Value) -> Value:
    """What is no optional stands for itself; so cel-go before 0.28."""
    return operand


@optional_overload("list(V).first() -> optional_type(V)", "[1, 2].first().value() == 1", since=33)
def first(items: list[Value]) -> Optional:
    """The first item, if there is one."""
    return Optional(items[0]) if items else NONE


@optional_overload(
    "list(V).last() -> optional_type(V)", "[1, 2].last().value() == 2", "!([].last().hasValue())", since=33
)
def last(items: list[Value]) -> Optional:
    """The last item, if there is one."""
    return Optional(items[-1]) if items else NONE


@optional_overload(
    "optional.unwrap(list(optional_type(V))) -> list(V)",
    "optional.unwrap([optional.of(1), optional.none()]) == [1]",
    id="optional_unwrap",
    since=33,
)
@optional_overload(
    "list(optional_type(V)).unwrapOpt() -> list(V)",
    "[optional.of(1), optional.none()].unwrapOpt() == [1]",
    id="optional_unwrapOpt",
    since=33,
)
def unwrap(items: list[Value]) -> list[Value]:
    """The values of those that have one."""
    for item in items:
        if not isinstance(item, Optional):
            raise EvaluationError(f"value {display(item)} is not optional")
    return [item.value for item in items if item.present]


optional_overload("_?._(dyn, string) -> optional_type(V)", "{'a': 1}.?a == optional.of(1)", id="select_optional_field")(
    opt_select
)
optional_overload(
    "_[?_](list(V), int) -> optional_type(V)", "[1][?0] == optional.of(1)", id="list_optindex_optional_int"
)(opt_index)
optional_overload(
    "_[?_](optional_type(list(V)), int) -> optional_type(V)",
    "optional.of([1])[?1] == optional.none()",
    id="optional_list_optindex_optional_int",
)(opt_index)
optional_overload(
    "_[?_](map(K, V), K) -> optional_type(V)", "{}[?1] == optional.none()", id="map_optindex_optional_value"
)(opt_index)
optional_overload(
    "_[?_](optional_type(map(K, V)), K) -> optional_type(V)",
    "optional.of({'a': 1})[?'a'] == optional.of(1)",
    id="optional_map_optindex_optional_value",
)(opt_index)
optional_overload(
    "_[_](optional_type(list(V)), int) -> optional_type(V)",
    "optional.of([1])[0] == optional.of(1)",
    id="optional_list_index_int",
)(index)
optional_overload(
    "_[_](optional_type(map(K, V)), K) -> optional_type(V)",
    "optional.of({'a': 1})['a'] == optional.of(1)",
    id="optional_map_index_value",
)(index)
optional_overload("_[?_](dyn, dyn) -> optional_type(dyn)", id="optindex", declared=False)(opt_index)
optional_overload("_[?_](dyn, dyn) -> optional_type(dyn)", id="optindex", declared=False, since=None)(
    partial(opt_index, strict=True)
)
