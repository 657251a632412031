"""Settings schemas: what is wrong with one, what is wrong with settings, defaults, and the rules in CEL."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest

from admit.errors import Fault
from admit.rules.settings import Schema, defaulted, load_schema, validate
from admit.rules.yaml import read

# A schema, and its faults with their places.
SCHEMA_FAULTS = [
    ("[]", "1:1: expected a schema but found array"),
    ("{}", "1:1: the field 'type' is required, one of array, boolean, integer, number, object, string"),
    ("type: strin", "1:7: expected one of array, boolean, integer, number, object, string, did you mean 'string'?"),
    ("type: string", "1:7: settings must be of type object"),
    ("type: object\nproprties: {}", "2:1: unknown field 'proprties' of a schema, did you mean 'properties'?"),
    ("type: object\nproperties: {a: {type: array}}", "2:14: the field 'items' is required where type is array"),
    ("type: object\nproperties: {a: {}}", "2:14: the field 'type' is required, one of array"),
    ("type: object\nproperties: {a: 1, b: }", "2:17: expected a schema but found integer", "2:23: expected a schema"),
    ("type: object\nproperties: {a: {type: string, minLength: -1}}", "2:43: expected an integer, 0 or greater but"),
    ("type: object\nproperties: {a: {type: string, minimum: 1}}", "2:32: 'minimum' is for type integer or number"),
    ("type: object\nproperties: {a: {type: string, pattern: '('}}", "2:41: error parsing regexp: missing closing )"),
    ("type: object\nproperties: {a: {type: string, format: datetime}}", "2:40: expected one of the formats date, "),
    ("type: object\nproperties: {a: {type: string, enum: []}}", "2:38: expected a list, not empty but found array"),
    ("type: object\nproperties: {ab: {type: string}}\nrequired: [a]", "3:12: no property 'a', did you mean 'ab'?"),
    ("type: object\nproperties: {}\nadditionalProperties: {type: string}", "2:1: 'properties' and 'additionalProp"),
    ("type: object\nadditionalProperties: false", "2:23: expected a schema or true but found boolean"),
    ("type: object\nproperties: {a: {type: integer, default: x}}", '2:42: the default is not valid: Invalid value: "'),
    (
        "type: object\nproperties: {a: {type: object, default: {b: 1}, properties: {b: {type: string}}}}",
        '2:45: the default is not valid: b: Invalid value: "integer": b in body must be of type string: "integer"',
    ),
    ("type: object\nanyOf: [{properties: {a: {default: 1}}}]", "2:27: 'default' cannot stand inside of 'anyOf'"),
    ("type: object\nnot: " + "{not: " * 190 + "{}" + "}" * 190, "2:606: schemas are nested too deeply"),
    ("type: object\nx-kubernetes-validations: [{rule: 'self.a'}]", "2:36: undefined field 'a'"),
    ("type: object\nx-kubernetes-validations: [{rule: 'true +'}]", "2:42: Syntax error: "),
    ("type: object\nx-kubernetes-validations: [{rule: '1'}]", "2:36: must evaluate to bool but got int"),
    ("type: object\nx-kubernetes-validations: [{rule: 'true', messageExpression: '1'}]", "2:63: must evaluate to stri"),
    ("type: object\nx-kubernetes-validations: [{message: x}]", "2:28: the field 'rule' is required"),
    ("type: object\nx-kubernetes-validations: [{rule: 'true', mesage: x}]", "2:43: unknown field 'mesage' of a rule"),
    ("type: object\nx-kubernetes-validations: [{rule: 'true', reason: Invalid}]", "2:51: expected one of FieldValueI"),
    ("type: object\nx-kubernetes-validations: [{rule: 'true', fieldPath: .a}]", "2:54: no property 'a'"),
    ("type: object\nx-kubernetes-validations: [{rule: 'true', fieldPath: a}]", "2:54: expected a path such as .min"),
]


@pytest.mark.parametrize("text, expected", [(text, expected) for text, *expected in SCHEMA_FAULTS])
def test_schema_faults(text: str, expected: list[str]) -> None:
    (document,) = read(text, "x.yaml")
    faults: list[Fault] = []
    assert load_schema(document, (), faults) is None
    found = [f"{fault.place.removeprefix('x.yaml:')}: {fault.message}" for fault in faults]
    assert len(found) == len(expected), found
    assert all(map(str.startswith, found, expected)), found


def schema_of(text: str) -> Schema:
    (document,) = read(dedent(text))
    faults: list[Fault] = []
    schema = load_schema(document, (), faults)
    assert schema is not None, "\n".join(map(str, faults))
    return schema


# The schema of the one property `v`, a value of it, and what is wrong with that.
PROBLEMS: list[tuple[str, Any, list[str]]] = [
    ("{type: boolean}", True, []),
    ("{type: boolean}", 1, ['v: Invalid value: "integer": v in body must be of type boolean: "integer"']),
    ("{type: integer}", True, ['v: Invalid value: "boolean": v in body must be of type integer: "boolean"']),
    ("{type: integer}", 1.5, ['v: Invalid value: "number": v in body must be of type integer: "number"']),
    ("{type: number}", 1, []),
    ("{type: string}", None, []),
    ("{type: string, nullable: true}", None, []),
    ("{type: object, required: [a], properties: {a: {type: string}}}", {"a": None}, ["v.a: Required value"]),
    (
        "{type: array, items: {type: string}}",
        [None],
        ['v[0]: Invalid value: "null": v[0] in body must be of type string: "null"'],
    ),
    ("{type: string, enum: [a, b]}", "c", ['v: Unsupported value: "c": supported values: "a", "b"']),
    ("{type: integer, enum: [1]}", 1, []),
    ("{type: integer, minimum: 0}", -1, ["v: Invalid value: -1: v in body should be greater than or equal to 0"]),
    (
        "{type: integer, maximum: 2, exclusiveMaximum: true}",
        2,
        ["v: Invalid value: 2: v in body should be less than 2"],
    ),
    ("{type: number, multipleOf: 0.1}", 0.3, []),
    ("{type: number, multipleOf: 0.1}", 0.35, ["v: Invalid value: 0.35: v in body should be a multiple of 0.1"]),
    (
        "{type: integer, format: int32}",
        2**31,
        ['v: Invalid value: 2147483648: v in body must be of type int32: "214748'],
    ),
    ("{type: string, minLength: 2}", "é", ['v: Invalid value: "é": v in body should be at least 2 chars long']),
    ("{type: string, maxLength: 1}", "ab", ['v: Invalid value: "ab": v in body should be at most 1 chars long']),
    ("{type: string, pattern: ^a}", "ba", ["v: Invalid value: \"ba\": v in body should match '^a'"]),
    ("{type: string, format: date}", "2026-02-30", ['v: Invalid value: "2026-02-30": v in body must be of type date']),
    ("{type: string, format: cidr}", "10.0.0.0/8", []),
    ("{type: string, format: duration}", "1x", ['v: Invalid value: "1x": v in body must be of type duration: "1x"']),
    (
        "{type: array, items: {type: string}}",
        ["a", 1],
        ['v[1]: Invalid value: "integer": v[1] in body must be of type'],
    ),
    ("{type: array, items: {type: string}, maxItems: 1}", ["a", "b"], ["v: Too many: 2: must have at most 1 items"]),
    ("{type: array, items: {type: integer}, x-kubernetes-list-type: set}", [1, 2, 1], ["v[2]: Duplicate value: 1"]),
    (
        "{type: array, items: {type: object, additionalProperties: {type: integer}}, x-kubernetes-list-type: map,"
        " x-kubernetes-list-map-keys: [k]}",
        [{"k": 1, "a": 1}, {"k": 1, "a": 2}],
        ['v[1]: Duplicate value: {"k": 1, "a": 2}'],
    ),
    ("{type: object, required: [ab], properties: {ab: {type: string}}}", {}, ["v.ab: Required value"]),
    ("{type: object, properties: {ab: {type: string}}}", {"a": 1}, ["v.a: unknown setting, did you mean 'ab'?"]),
    ("{type: object, x-kubernetes-preserve-unknown-fields: true}", {"a": 1}, []),
    ("{type: object, additionalProperties: {type: string}}", {"a": 1}, ['v.a: Invalid value: "integer": v.a in body']),
    (
        "{type: object, additionalProperties: true, minProperties: 2}",
        {"a": 1},
        ['v: Invalid value: "object": v in body'],
    ),
    ("{x-kubernetes-int-or-string: true}", "50%", []),
    (
        "{x-kubernetes-int-or-string: true}",
        [],
        ['v: Invalid value: "array": v in body must be of type integer or string'],
    ),
    (
        "{type: object, properties: {a: {type: string}, b: {type: string}}, oneOf: [{required: [a]}, {required: [b]}]}",
        {"a": "1", "b": "2"},
        ['v: Invalid value: "object": v in body must validate one and only one schema (oneOf). Found 2'],
    ),
    (
        "{type: string, anyOf: [{pattern: a}, {maxLength: 1}]}",
        "bb",
        ['v: Invalid value: "bb": v in body must validate'],
    ),
    ("{type: string, not: {enum: [x]}}", "x", ['v: Invalid value: "x": v in body must not validate the schema (not)']),
    ("{type: string, allOf: [{minLength: 2}]}", "x", ['v: Invalid value: "x": v in body should be at least 2 chars']),
    (
        "{type: integer, x-kubernetes-validations: [{rule: self > 1}]}",
        1,
        ["v: Invalid value: 1: failed rule: self > 1"],
    ),
    (
        "{type: integer, x-kubernetes-validations: [{rule: 1 / self > 1, message: m}]}",
        0,
        ["v: Invalid value: 0: division by zero evaluating rule: 1 / self > 1"],
    ),
    (
        "{type: string, x-kubernetes-validations: [{rule: self != 'x', messageExpression: self + '!', message: m}]}",
        "x",
        ['v: Invalid value: "x": x!'],
    ),
    (
        "{type: string, x-kubernetes-validations: [{rule: self != 'x', messageExpression: '[\"\"][1]', message: m}]}",
        "x",
        ['v: Invalid value: "x": m'],
    ),
    (
        "{type: object, properties: {a-b: {type: integer}}, x-kubernetes-validations: [{rule: self.a__dash__b > 1,"
        " message: m, reason: FieldValueForbidden, fieldPath: \"['a-b']\"}]}",
        {"a-b": 1},
        ["v.a-b: Forbidden: m"],
    ),
    (
        "{type: array, items: {type: string, format: duration,"
        " x-kubernetes-validations: [{rule: \"self < duration('2m')\"}]}}",
        ["1m", "1h"],
        ["v[1]: Invalid value: \"1h\": failed rule: self < duration('2m')"],
    ),
    ("{type: number, x-kubernetes-validations: [{rule: self / 2.0 == 0.5}]}", 1, []),
]


@pytest.mark.parametrize("schema, value, expected", PROBLEMS)
def test_problems(schema: str, value: Any, expected: list[str]) -> None:
    found = [
        str(problem) for problem in validate(schema_of(f"type: object\nproperties: {{v: {schema}}}"), {"v": value})
    ]
    assert len(found) == len(expected), found
    assert all(map(str.startswith, found, expected)), found


PORTS = schema_of("""
    type: object
    properties:
      ports:
        type: array
        default: [{}]
        items:
          type: object
          properties:
            min: {type: integer, default: 1}
            name: {type: string}
      host: {type: string, default: x}
      maybe: {type: string, default: x, nullable: true}
      nested: {type: object, properties: {a: {type: integer, default: 5}, b: {type: integer}}}
      rest: {type: object, additionalProperties: {type: integer}}
    x-kubernetes-validations:
    - rule: self.host != 'y'
      message: the host cannot be y
    """)

DEFAULTED: list[tuple[Any, dict[str, Any]]] = [
    (None, {"ports": [{"min": 1}], "host": "x", "maybe": "x"}),
    ("", {"ports": [{"min": 1}], "host": "x", "maybe": "x"}),
    ({}, {"ports": [{"min": 1}], "host": "x", "maybe": "x"}),
    ({"host": None, "maybe": None}, {"host": "x", "maybe": None, "ports": [{"min": 1}]}),
    (
        {"nested": {"b": None}, "rest": {"a": None, "b": 1}},
        {"nested": {"a": 5}, "rest": {"b": 1}, "ports": [{"min": 1}], "host": "x", "maybe": "x"},
    ),
    ({"nested": None}, {"ports": [{"min": 1}], "host": "x", "maybe": "x"}),
    (
        {"ports": [{"min": 2}, {}], "nested": {}},
        {"ports": [{"min": 2}, {"min": 1}], "nested": {"a": 5}} | {"host": "x", "maybe": "x"},
    ),
]


@pytest.mark.parametrize("value, expected", DEFAULTED)
def test_defaulted(value: Any, expected: dict[str, Any]) -> None:
    assert defaulted(PORTS, value) == expected
    assert not validate(PORTS, value)


def test_rule_about_all_settings() -> None:
    assert [str(problem) for problem in validate(PORTS, {"host": "y"})] == ["the host cannot be y"]


def test_settings_of_another_type() -> None:
    (problem,) = validate(PORTS, ["x"])
    assert str(problem) == 'Invalid value: "array": body must be of type object: "array"'


def test_deepest() -> None:
    schema = schema_of("type: object\nproperties: {v: " + "{type: array, items: " * 97 + "{type: string}" + "}" * 98)
    value: Any = ["x"]
    for _ in range(96):
        value = [value]
    assert not validate(schema, {"v": value})


def test_no_schema() -> None:
    assert defaulted(None, "") == {}
