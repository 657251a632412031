"""The well-known messages of protocol buffers, as the API server's CEL has them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from admit.cel import CompileError, Environment, EvaluationError, Program, encode
from admit.cel.evaluate import evaluate
from admit.cel.messages import MESSAGES, message
from admit.cel.parse import parse

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
    (
        "Any{}.map(x, x)",
        "expression of type 'any' cannot be range of a comprehension (must be list, map, or dynamic)",
    ),
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


def test_a_field_that_was_not_checked() -> None:
    with pytest.raises(EvaluationError, match="no such field: seconds"):
        evaluate(parse("google.protobuf.Empty{seconds: 1}"), {})


def test_what_no_list_is() -> None:
    with pytest.raises(EvaluationError, match=r"unsupported field type for google.protobuf.Struct.fields: list\(dyn\)"):
        compiled("Struct{fields: dyn([])}")()


PACKED = [
    ("Int32Value", rb"\x08\x01", {"int": "1"}),
    ("Int32Value", rb"\x10\x01\x08\x02\x08\x03", {"int": "3"}),
    ("Int32Value", rb"\x08\xff\xff\xff\xff\x0f", {"int": "-1"}),
    ("Int32Value", rb"\x0a\x01a", {"int": "0"}),
    ("Int64Value", rb"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", {"int": "-1"}),
    ("UInt64Value", rb"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", {"uint": "18446744073709551615"}),
    ("DoubleValue", rb"\x09\x00\x00\x00\x00\x00\x00\xf8\x3f", {"double": "1.5"}),
    ("FloatValue", rb"\x0d\x00\x00\xc0\x3f", {"double": "1.5"}),
    ("StringValue", rb"\x0a\x01a", {"string": "a"}),
    ("BytesValue", rb"\x0a\x01\xff", {"bytes": "/w=="}),
    ("Timestamp", rb"\x08\x01\x10\x05", {"timestamp": "1970-01-01T00:00:01.000000005Z"}),
    ("Value", rb"\x08\x00", {"null": None}),
    ("ListValue", rb"\x0a\x03\x1a\x01a", {"list": [{"string": "a"}]}),
    ("Struct", rb"\x0a\x08\x0a\x01k\x12\x03\x1a\x01v", {"map": [[{"string": "k"}, {"string": "v"}]]}),
    ("Any", rb"\x0a\x1ca/google.protobuf.Int32Value\x12\x02\x08\x01", {"int": "1"}),
    ("Int32Value", rb"\xff", None),
    ("Int32Value", rb"\x08", None),
    ("StringValue", rb"\x0a\x02a", None),
    ("StringValue", rb"\x0a\x01\xff", None),
    ("Any", b"", None),
    ("FieldMask", b"", None),
]


@pytest.mark.parametrize("name, data, value", PACKED)
def test_what_an_any_holds(name: str, data: bytes, value: dict[str, Any] | None) -> None:
    program = compiled(f"Any{{type_url: 'a/google.protobuf.{name}', value: b'{data.decode()}'}}")
    if value is None:
        with pytest.raises(EvaluationError, match="unsupported conversion to"):
            program()
    else:
        assert encode(program()) == value


@given(st.sampled_from(sorted(MESSAGES)), st.binary())
@example("google.protobuf.Value", b"\x32\x80\x01" * 9 + b"\x32\x00")
def test_any_bytes(name: str, data: bytes) -> None:
    with suppress(EvaluationError):
        encode(message("google.protobuf.Any", {"type_url": name, "value": data}))
