"""Every overload does what its examples say, in each environment that has it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from admit.cel.ast import Call, Expr, children
from admit.cel.check import check
from admit.cel.env import Declarations, declarations
from admit.cel.evaluate import evaluate
from admit.cel.library import Overload, dispatch, functions
from admit.cel.library.authorization import Authorizer, User, Verdict
from admit.cel.library.signature import parse_signature
from admit.cel.parse import parse
from admit.cel.values import NONE, Duration, Optional, Timestamp, Uint, Value, encode
from admit.errors import CompileError, EvaluationError

ENVIRONMENTS = (None, 28, 33, 36, 37)


def overloads() -> Iterator[tuple[int | None, Overload]]:
    for kubernetes in ENVIRONMENTS:
        for candidates in functions(kubernetes).values():
            for candidate in candidates:
                yield kubernetes, candidate


def evaluated(text: str, kubernetes: int | None) -> Value:
    """Of a request whose user may only get what there is."""
    authorizer = Authorizer(User("jane"), lambda asked: Verdict(asked.verb == "get"))
    within = _within(kubernetes)
    return evaluate(_checked(text, within), {"authorizer": authorizer}, within)


def _within(kubernetes: int | None) -> Declarations:
    return declarations(None if kubernetes is None else f"1.{kubernetes}", {"authorizer": Authorizer.TYPE})


def _checked(text: str, within: Declarations) -> Expr:
    return check(parse(text, bind=within.bind), within)


def _called(node: Expr) -> Iterator[Overload]:
    if isinstance(node, Call):
        yield from node.overloads
    for child in children(node):
        yield from _called(child)


@pytest.mark.parametrize(
    "text, kubernetes",
    [*dict.fromkeys((text, kubernetes) for kubernetes, candidate in overloads() for text in candidate.examples)],
)
def test_example(text: str, kubernetes: int | None) -> None:
    assert evaluated(text, kubernetes) is True


@pytest.mark.parametrize(
    "text, message, kubernetes",
    [*dict.fromkeys((*case, kubernetes) for kubernetes, candidate in overloads() for case in candidate.fails)],
)
def test_failure(text: str, message: str, kubernetes: int | None) -> None:
    with pytest.raises((EvaluationError, CompileError)) as caught:
        evaluated(text, kubernetes)
    if isinstance(caught.value, CompileError):  # it fails on constants, which needs no evaluation
        message = f"program instantiation failed: {message}"
        assert [issue.message for issue in caught.value.issues] == [message]
    else:
        assert str(caught.value) == message


@pytest.mark.parametrize("kubernetes", ENVIRONMENTS)
def test_examples_are_of_their_overload(kubernetes: int | None) -> None:
    within = _within(kubernetes)
    for candidate in (each for overloads in within.functions.values() for each in overloads):
        called = {overload.id for text in candidate.examples for overload in _called(_checked(text, within))}
        assert candidate.id in called or not candidate.examples


@pytest.mark.parametrize("kubernetes", ENVIRONMENTS)
def test_ids_are_unique(kubernetes: int | None) -> None:
    ids = [candidate.id for candidates in functions(kubernetes).values() for candidate in candidates]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("kubernetes", ENVIRONMENTS)
def test_all_are_documented(kubernetes: int | None) -> None:
    assert [
        candidate.id
        for environment, candidate in overloads()
        if environment == kubernetes and not (candidate.doc and (candidate.examples or candidate.fails))
    ] == []


# function, first minor that has it, first that has it no more
VERSIONS = [
    ("size", 28, None),
    ("optional.of", 28, None),
    ("first", 33, None),
    ("unwrapOpt", 33, None),
    ("strings.quote", 29, None),
    ("format", 29, None),
]


@pytest.mark.parametrize("function, since, until", VERSIONS)
def test_versions(function: str, since: int, until: int | None) -> None:
    for minor in range(28, 38):
        assert (function in functions(minor)) == (since <= minor and (until is None or minor < until))
    assert function in functions(None)


def test_specification_only() -> None:
    """What is only the specification's, and what the specification has otherwise, and later."""
    assert "reverse" in functions(None) and "reverse" not in functions(33)
    strings = {overload.id for minor in range(28, 38) for overload in functions(minor).get("reverse", ())}
    assert strings == {"list_reverse"}


# What environments differ in: function, arguments, the specification, Kubernetes 1.36, Kubernetes 1.37
DIFFERENCES = [
    ("_<_", (float("nan"), 1.0), False, "NaN values cannot be ordered", "NaN values cannot be ordered"),
    ("_>=_", (1, float("nan")), False, "NaN values cannot be ordered", "NaN values cannot be ordered"),
    ("getMilliseconds", (Duration(123_321_456_789),), 321, 123_321, 123_321),
    ("indexOf", ("abc", "", 9), "index out of range: 9", 9, 3),
    ("lastIndexOf", ("abc", "", -1), "index out of range: -1", -1, "index out of range: -1"),
    ("orValue", (1, NONE), "no such overload", 1, "no such overload"),
    ("or", (1, NONE), "no such overload", 1, "no such overload"),
    (
        "duration",
        (1,),
        "no such overload: duration(int)",
        "type conversion error from 'int' to 'google.protobuf.Duration'",
        "no such overload: duration(int)",
    ),
    ("_[_]", (Optional(1), "a"), "no such key: a", NONE, NONE),
]


@pytest.mark.parametrize("function, args, specification, before, after", DIFFERENCES)
def test_differences(function: str, args: tuple[Value, ...], specification: Value, before: Value, after: Value) -> None:
    assert [result(function, args, kubernetes) for kubernetes in (None, 36, 37)] == [specification, before, after]


# function, arguments, result or error
DISPATCHED = [
    ("_+_", (1, 2), 3),
    ("_+_", (1, Uint(2)), "no such overload"),
    ("_+_", (True, 2), "no such overload: _+_"),
    ("_+_", (None, 2), "no such overload: _+_"),
    ("_+_", (Timestamp(0), 1), "no such overload"),
    ("_*_", (Timestamp(0), 1), "no such overload"),
    ("_<_", ([1], [2]), "no such overload: _<_"),
    ("_<_", ("a", 1), "no such overload"),
    ("-_", (Duration(5),), Duration(-5)),
    ("-_", (True,), "no such overload"),
    ("-_", (Uint(1),), "no such overload: -_"),
    ("!_", (1,), "no such overload"),
    ("@in", (1, 1), "no such overload"),
    ("size", (1,), "no such overload: size"),
    ("startsWith", (1, "a"), "no such overload"),
    ("matches", (1, "a"), "no such overload: matches"),
    ("matches", ("a", 1), "no such overload"),
    ("charAt", (42, 2), "no such overload: charAt(int, int)"),
    ("int", (True,), "no such overload: int(bool)"),
    ("string", (None,), "no such overload: string(null_type)"),
    ("join", ([1, "a"],), "no such overload: join(list)"),
    ("join", (["a", 1],), "join: invalid input: 1"),
    ("unwrapOpt", ([1],), "no such overload: unwrapOpt(list)"),
    ("unwrapOpt", ([NONE, 1],), "value 1 is not optional"),
    ("value", (1,), "no such overload: value(int)"),
    ("unknown", (1,), "no such overload: unknown"),
    ("unknown", ("a",), "no such overload"),
    ("or", (NONE, 5), 5),
    ("optional.ofNonZeroValue", (-0.0,), NONE),
    ("optional.ofNonZeroValue", (Timestamp(0),), Optional(Timestamp(0))),
    ("optional.ofNonZeroValue", (Timestamp(-62_135_596_800 * 10**9),), NONE),
    ("optional.ofNonZeroValue", (NONE,), Optional(NONE)),
    ("_/_", (1.0, -0.0), float("-inf")),
    ("_/_", (-(2**63), -1), "integer overflow"),
    ("_%_", (-(2**63), -1), "integer overflow"),
    ("_%_", (-7, 3), -1),
    ("int", (-9223372036854775808.0,), "integer overflow"),
    ("double", ("1_000",), 1000.0),
    ("double", ("0x1p3",), 8.0),
    ("double", ("1e999",), "type conversion error from 'string' to 'double'"),
    ("double", (" 1",), "type conversion error from 'string' to 'double'"),
    ("double", ("+nan",), "type conversion error from 'string' to 'double'"),
    ("int", ("٣",), "type conversion error from 'string' to 'int'"),
    ("getHours", (Timestamp(0), "+x:00"), 'strconv.Atoi: parsing "+x": invalid syntax'),
    ("getHours", (Timestamp(0), "Nowhere/Else"), "unknown time zone Nowhere/Else"),
    ("getHours", (Timestamp(0), "../x"), "time: invalid location name"),
    ("getHours", (Timestamp(0), "+25:00"), 1),
    ("getFullYear", (Timestamp(-62_135_596_800 * 10**9), "-01:00"), 0),
    ("getFullYear", (Timestamp(253_402_300_799 * 10**9), "+01:00"), 10_000),
]


@pytest.mark.parametrize("function, args, expected", DISPATCHED)
def test_dispatch(function: str, args: tuple[Value, ...], expected: Value) -> None:
    assert encode(result(function, args, 36)) == encode(expected)


def result(function: str, args: tuple[Value, ...], kubernetes: int | None) -> Value:
    try:
        return dispatch(function, args, kubernetes)
    except EvaluationError as error:
        return str(error)


SIGNATURES = [
    ("string.startsWith(string) -> bool", ("startsWith", True, "string, string", "bool")),
    ("strings.quote(string) -> string", ("strings.quote", False, "string", "string")),
    ("optional.none() -> optional_type(V)", ("optional.none", False, "", "optional_type(V)")),
    ("list(optional_type(V)).f() -> map(K, V)", ("f", True, "list(optional_type(V))", "map(K, V)")),
    ("google.protobuf.Timestamp.f(int) -> T", ("f", True, "google.protobuf.Timestamp, int", "T")),
    (
        "kubernetes.Quantity.add(int) -> kubernetes.Quantity",
        ("add", True, "kubernetes.Quantity, int", "kubernetes.Quantity"),
    ),
    ("ip.isCanonical(string) -> bool", ("ip.isCanonical", False, "string", "bool")),
    ("_?._(dyn, string) -> dyn", ("_?._", False, "dyn, string", "dyn")),
]


@pytest.mark.parametrize("text, expected", SIGNATURES)
def test_signature(text: str, expected: tuple[str, bool, str, str]) -> None:
    signature = parse_signature(text)
    params = ", ".join(map(str, signature.params))
    assert (signature.function, signature.member, params, str(signature.result)) == expected
