from __future__ import annotations

import pytest

from admit.cel.env import NEWEST, OLDEST, admission, declarations, parse_type, parse_version
from admit.cel.types import (
    DURATION,
    DYN,
    INT,
    STRING,
    TIMESTAMP,
    TYPE,
    Kind,
    Type,
    list_of,
    map_of,
    object_type,
    opaque,
    optional_of,
    param,
    type_of,
    wrapper_of,
)
from admit.errors import UsageError

TYPES = [
    ("int", INT),
    (" dyn ", DYN),
    ("type", TYPE),
    ("type(int)", type_of(INT)),
    ("list(int)", list_of(INT)),
    ("map(string, list(int))", map_of(STRING, list_of(INT))),
    ("map(string,dyn)", map_of(STRING, DYN)),
    ("google.protobuf.Timestamp", TIMESTAMP),
    ("list(google.protobuf.Duration)", list_of(DURATION)),
    ("wrapper(int)", wrapper_of(INT)),
    ("optional_type(T)", optional_of(param("T"))),
    ("tuple(T, U)", opaque("tuple", param("T"), param("U"))),
    ("net.IP", opaque("net.IP")),
    ("my.Kind", object_type("my.Kind")),
]


@pytest.mark.parametrize(("text", "type"), TYPES)
def test_type(text: str, type: Type) -> None:
    parsed = parse_type(text, {"my.Kind": object_type("my.Kind")})
    assert parsed == type
    assert parse_type(str(parsed), {"my.Kind": type}) == type


WRONG_TYPES = [
    ("", "a type is missing in ''"),
    ("list(", "a type is missing in 'list('"),
    ("list(int", "a ')' is missing in the type 'list(int'"),
    ("list(int))", "unexpected ')' in the type 'list(int))'"),
    ("list(int int)", "unexpected 'int' in the type 'list(int int)'"),
    ("map(int,)", "a type is missing in 'map(int,)'"),
    ("list", "the type 'list' is written list(T)"),
    ("map(int)", "the type 'map' is written map(K, V)"),
    ("wrapper(list(int))", "the type 'wrapper' is written wrapper(T) of a simple type"),
    ("integer", "unknown type 'integer'"),
    ("my.Kind", "unknown type 'my.Kind'"),
    ("list(" * 200 + "int" + ")" * 200, "the type 'list(list(list(list(list(list(list(list('... is nested too deeply"),
]


@pytest.mark.parametrize(("text", "message"), WRONG_TYPES)
def test_wrong_type(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_type(text)
    assert str(caught.value) == message


VERSIONS = [("1.28", 28), ("1.36", 36), ("v1.36.2", 36), ("1.37.0", 37)]


@pytest.mark.parametrize(("text", "minor"), VERSIONS)
def test_version(text: str, minor: int) -> None:
    assert parse_version(text) == minor


WRONG_VERSIONS = [
    ("1.27", "Kubernetes 1.27 is not supported: expected 1.28 to 1.37"),
    ("1.38", "Kubernetes 1.38 is not supported: expected 1.28 to 1.37"),
    ("1", "'1' is not a version of Kubernetes: expected one such as '1.37'"),
    ("latest", "'latest' is not a version of Kubernetes: expected one such as '1.37'"),
    ("2.30", "'2.30' is not a version of Kubernetes: expected one such as '1.37'"),
    ("1.36\n", "'1.36\\n' is not a version of Kubernetes: expected one such as '1.37'"),
]


@pytest.mark.parametrize(("text", "message"), WRONG_VERSIONS)
def test_wrong_version(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        declarations(text)
    assert str(caught.value) == message


FLAGS = [
    (None, {"two_variables", "bind", "backquotes"}),
    ("1.28", {"strict_joins"}),
    ("1.29", {"homogeneous", "checked_literals"}),
    ("1.31", {"homogeneous", "checked_literals"}),
    ("1.32", {"homogeneous", "checked_literals", "two_variables"}),
    ("1.37", {"homogeneous", "checked_literals", "two_variables", "backquotes"}),
]
ALL_FLAGS = set().union(*(flags for _, flags in FLAGS))


@pytest.mark.parametrize(("version", "flags"), FLAGS)
def test_flags(version: str | None, flags: set[str]) -> None:
    within = declarations(version)
    assert {name for name in ALL_FLAGS if getattr(within, name)} == flags


def test_numbers_of_different_types_are_ordered_in_kubernetes_only() -> None:
    assert len(declarations("1.36").functions["_<_"]) == len(declarations(None).functions["_<_"]) + 6


def test_every_version_has_what_the_one_before_has() -> None:
    before: set[str] = set()
    for minor in range(OLDEST, NEWEST + 1):
        names = set(declarations(f"1.{minor}").functions)
        assert before <= names
        before = names


def test_candidates_go_outward() -> None:
    within = declarations(None, container="a.b")
    assert list(within.candidates("x.y")) == ["a.b.x.y", "a.x.y", "x.y"]
    assert list(within.candidates("x.y", absolute=True)) == ["x.y"]


def test_a_variable_hides_the_type_of_its_name() -> None:
    assert declarations(None, {"int": "string"}).names["int"] == STRING
    assert declarations(None).names["int"] == type_of(INT)


@pytest.mark.parametrize(("version", "known"), [("1.29", False), ("1.30", True), (None, True)])
def test_names_of_addresses(version: str | None, known: bool) -> None:
    assert ("net.IP" in declarations(version).names) is known


def test_a_composed_variable_is_dyn_unless_it_is_plain() -> None:
    types = {
        "n": INT,
        "l": list_of(map_of(STRING, INT)),
        "o": optional_of(INT),
        "lo": list_of(optional_of(INT)),
        "t": type_of(INT),
        "r": object_type("kubernetes.AdmissionRequest"),
    }
    declared = admission("1.36", variables=types).types["kubernetes.variables"]
    assert declared == {"n": INT, "l": list_of(map_of(STRING, INT)), "o": DYN, "lo": list_of(DYN), "t": DYN, "r": DYN}


def test_what_an_admission_policy_may_mention() -> None:
    assert list(admission("1.36").variables) == ["object", "oldObject", "request", "namespaceObject"]
    full = admission("1.36", params=True, variables={}, also={"settings": "dyn", "n": INT})
    assert list(full.variables)[4:] == ["params", "variables", "settings", "n"]


def test_every_object_type_that_a_field_has_is_declared() -> None:
    types = admission("1.36", variables={}).types
    for fields in types.values():
        for type in fields.values():
            for each in (type, *type.params):
                assert each.kind is not Kind.OBJECT or each.name in types
