"""The well-known messages of protocol buffers, as the API server's CEL has them."""

from __future__ import annotations

from typing import Any

import pytest

from admit.cel import CompileError, Environment, EvaluationError, Program, encode

KUBERNETES = Environment("1.36")
SPECIFICATION = Environment()

VALUES = [
    ("Int32Value{value: 1}", "wrapper(int)", {"int": "1"}),
    ("Int32Value{?value: optional.of(1)}", "wrapper(int)", {"int": "1"}),
    ("Int32Value{value: 1, ?value: optional.none()}", "wrapper(int)", {"int": "0"}),
    ("Int32Value{value: dyn(optional.of(1))}", "wrapper(int)", {"int": "1"}),
    ("UInt64Value{value: 18446744073709551615u}", "wrapper(uint)", {"uint": "18446744073709551615"}),
    ("FloatValue{value: 1.333}", "wrapper(double)", {"double": "1.3329999446868896"}),
    ("FloatValue{value: -1e300}", "wrapper(double)", {"double": "-Infinity"}),
    ("BoolValue{}", "wrapper(bool)", {"bool": False}),
    ("BytesValue{}", "wrapper(bytes)", {"bytes": ""}),
    ("StringValue{value: 'a'} + 'b'", "string", {"string": "ab"}),
    ("Int32Value{value: 5} < 6", "bool", {"bool": True}),
    ("Int32Value{value: 5} == null", "bool", {"bool": False}),
    ("[google.protobuf.Int32Value{value: 5}, 7]", "list(wrapper(int))", {"list": [{"int": "5"}, {"int": "7"}]}),
    ("true ? google.protobuf.StringValue{value: 'x'} : null", "wrapper(string)", {"string": "x"}),
    ("Timestamp{seconds: 1, nanos: -5}", "google.protobuf.Timestamp", {"timestamp": "1970-01-01T00:00:00.999999995Z"}),
    ("Timestamp{seconds: 253402300800}.getFullYear()", "int", {"int": "10000"}),
    ("Duration{seconds: 1, nanos: -500}", "google.protobuf.Duration", {"duration": "0.9999995s"}),
    (
        "Duration{seconds: -9223372036854775807}",
        "google.protobuf.Duration",
        {"duration": "-9223372036.854775808s"},
    ),
    ("Struct{fields: {'a': 1}}", "map(string, dyn)", {"map": [[{"string": "a"}, {"double": "1.0"}]]}),
    ("Struct{fields: {'a': 1u}}.a", "dyn", {"double": "1.0"}),
    ("Struct{fields: {'a': 9007199254740992}}.a", "dyn", {"string": "9007199254740992"}),
    ("Struct{fields: {'a': b'abc'}}.a", "dyn", {"string": "YWJj"}),
    ("Struct{fields: {'a': duration('1.5s')}}.a", "dyn", {"string": "1.5s"}),
    ("Struct{fields: {'a': timestamp(0)}}.a", "dyn", {"string": "1970-01-01T00:00:00Z"}),
    ("Struct{fields: {'a': google.protobuf.Empty{}}}.a", "dyn", {"map": []}),
    ("ListValue{values: [1, 2]}[1]", "dyn", {"double": "2.0"}),
    ("ListValue{} == []", "bool", {"bool": True}),
    ("Value{}", "dyn", {"null": None}),
    ("Value{null_value: google.protobuf.NullValue.NULL_VALUE}", "dyn", {"null": None}),
    ("Value{number_value: 1.0, string_value: 'a'}", "dyn", {"string": "a"}),
    ("Value{struct_value: {'a': 'b'}}.a", "dyn", {"string": "b"}),
    ("NullValue.NULL_VALUE", "int", {"int": "0"}),
    ("Empty{} == google.protobuf.Empty{}", "bool", {"bool": True}),
    ("Empty{}", "google.protobuf.Empty", {"message": {"type": "google.protobuf.Empty", "fields": {}}}),
    ("Empty", "type(google.protobuf.Empty)", {"type": "google.protobuf.Empty"}),
    ("dyn(google.protobuf.Struct{}).size()", "int", {"int": "0"}),
]

FAILURES = [
    ("Int32Value{value: 2147483648}", "Int32Value.value", "integer overflow"),
    ("UInt32Value{value: 4294967296u}", "UInt32Value.value", "unsigned integer overflow"),
    ("Int64Value{value: dyn('a')}", "Int64Value.value", "unsupported native conversion from string to 'int64'"),
    ("BoolValue{value: dyn(1)}", "BoolValue.value", "unsupported type conversion from 'int' to bool"),
    ("BytesValue{value: dyn(1.5)}", "BytesValue.value", "type conversion error from Double to '[]uint8'"),
    ("StringValue{value: dyn(null)}", "StringValue.value", "type conversion error from 'null_type' to 'string'"),
    ("StringValue{value: dyn(optional.none())}", "StringValue.value", "optional.none() dereference"),
    ("Struct{fields: {'a': {1: 2}}}", "Struct.fields", "unsupported type conversion from 'int' to string"),
    ("Struct{fields: {'a': type(1)}}", "Struct.fields", "type conversion not supported for 'type'"),
    ("Value{list_value: dyn({})}", "Value.list_value", "type conversion error from map to '*structpb.ListValue'"),
]

REFUSED = [
    ("Int32Value{value: 'a'}", "expected type of field 'value' is 'int' but provided type is 'string'"),
    ("Int32Value{value: 1}.value", "type 'wrapper(int)' does not support field selection"),
    ("Duration{seconds: 1}.seconds", "type 'duration' does not support field selection"),
    ("Empty{}.a", "undefined field 'a'"),
    ("FieldMask{}", "undeclared reference to 'google.protobuf.FieldMask' (in container '')"),
    ("NullValue", "undeclared reference to 'google' (in container '')"),
]


def compiled(text: str, environment: Environment = KUBERNETES) -> Program:
    return environment.compile(text if text.startswith(("[", "true", "dyn")) else f"google.protobuf.{text}")


@pytest.mark.parametrize("environment", [KUBERNETES, SPECIFICATION])
@pytest.mark.parametrize("text, type, value", VALUES)
def test_value(text: str, type: str, value: dict[str, Any], environment: Environment) -> None:
    program = compiled(text, environment)
    assert str(program.type) == type
    assert encode(program()) == value


@pytest.mark.parametrize("text, field, message", FAILURES)
def test_failure(text: str, field: str, message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        compiled(text)()
    assert str(caught.value) == f"field type conversion error for google.protobuf.{field} value type: {message}"


@pytest.mark.parametrize("text, message", REFUSED)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(CompileError) as caught:
        compiled(text)
    assert [issue.message for issue in caught.value.issues] == [message]


@pytest.mark.parametrize(
    "text, name", [("google.protobuf.Value == int", "google.protobuf.Value"), ("[int].map(t, t)", "t")]
)
def test_names_that_have_no_value(text: str, name: str) -> None:
    with pytest.raises(CompileError, match=f"program instantiation failed: reference to undefined type: {name}"):
        KUBERNETES.compile(text)


def test_what_no_list_is() -> None:
    with pytest.raises(EvaluationError, match=r"unsupported field type for google.protobuf.Struct.fields: list\(dyn\)"):
        compiled("Struct{fields: dyn([])}")()


def test_an_any_of_unknown_content() -> None:
    with pytest.raises(EvaluationError, match="unsupported conversion to"):
        compiled("Any{type_url: 'x', value: b''}")()
