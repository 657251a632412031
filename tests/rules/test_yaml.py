"""YAML with places: what a text is read as, faults with their places, scalars mapped onto the file, round trips."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admit.errors import RuleSetError
from admit.rules import yaml as reading
from admit.rules.scalars import json_number
from admit.rules.yaml import MAX_DEPTH, document_of, dump, listed, load, read

VALUES = [
    ("", []),
    ("# nothing\n", []),
    ("---\n---\n# nothing\n---\na: 1\n---\nnull\n", [{"a": 1}]),
    ("a: 1\n---\nb: 2\n...\n", [{"a": 1}, {"b": 2}]),
    ("\ufeffa: 1\r\nb: 😀\r\n", [{"a": 1, "b": "😀"}]),
    (b"\xef\xbb\xbfa: 1\n", [{"a": 1}]),
    ("a: é\n".encode("utf-16"), [{"a": "é"}]),
    ('{"a": [1, 1.5, "x", null, true],\n "b": {}}', [{"a": [1, 1.5, "x", None, True], "b": {}}]),
    ("<<: [{a: 1}, {b: 2}]\nc: 3\n", [{"a": 1, "b": 2, "c": 3}]),
    ("'<<': 1\n", [{"<<": 1}]),
    ("1.10: a\n1e6: b\n0x10: c\n.5: d\n", [{"1.1": "a", "1e+06": "b", "16": "c", "0.5": "d"}]),
    (
        "[9007199254740993, 9223372036854775807.0, 1234567890123456789.0]",
        [[9007199254740993, 2.0**63, 1234567890123456800]],
    ),
    ("[0b-11, 0x-1, -0777, 1_000.5, .5_0, ._5]", [[-3, "0x-1", -511, 1000.5, 0.5, "._5"]]),
    ("!!binary /w==\n", ["\ufffd"]),
    ("[" * MAX_DEPTH + "]" * MAX_DEPTH, None),
]

FAULTS = [
    ("a: 1\na: 2\nb: !x 1\n", "2:1: duplicate key 'a'", "3:4: unknown tag !x"),
    ("a: {b: 1, b: 2}\n'1': a\n1: b\n", "1:11: duplicate key 'b'", "3:1: duplicate key '1'"),
    ("x: &x {b: 1}\ny:\n  <<: *x\n  b: 2\n", "4:3: duplicate key 'b'"),
    ("x: &x {b: 1}\ny:\n  b: 2\n  <<: *x\n", "4:3: duplicate key 'b': what '<<' merges has it too"),
    ("<<: 3\n", "1:5: '<<' merges a map or a list of maps only"),
    ("a: .inf\nb: [.nan]\n", "1:4: JSON has no number .inf", "2:5: JSON has no number .nan"),
    ("null: 1\n", "1:1: a key must be a string, a number or a boolean"),
    ("? [a]\n: 1\n", "1:3: a key must be a string, a number or a boolean"),
    ("a: !!int x\n", "1:4: 'x' is no int"),
    ("a: !!str [x]\n", "1:4: a list cannot have the tag !!str"),
    ("a: !!binary '?'\n", "1:4: invalid base64 in !!binary"),
    ('a: "x\\/y"\n', "1:4: unknown escape '\\/': write '/'"),
    ("\ta: 1\n", "1:1: YAML is not indented with tabs: use spaces"),
    ("a: `x\n", "1:4: a value cannot start with '`': quote it"),
    ("a: b: c\n", "1:5: a ':' cannot stand here: quote the text or mend the indentation"),
    ("a: [1,\n  2\nb", "3:2: did not find expected ',' or ']' while parsing a flow sequence, begun in line 1"),
    ("a: *x\n", "1:4: unknown anchor: quote the text, if it is no alias"),
    ("a: \x01\n", "1:4: control characters are not allowed"),
    ("a: \ud800\n", "1:4: control characters are not allowed"),
    (b"a: x\nb: \xff\n", "2:4: the text is not UTF-8"),
    ("%YAML 1.2\n---\na: 1\n", "1:7: YAML must be of version 1.1"),
    (" a: 1\nb: 2\n", "2:1: the document has ended: mend the indentation or write '---'"),
    (
        "a: 1\na: 1\n---\nb: '\n",
        "2:1: duplicate key 'a'",
        "4:5: found unexpected end of stream while scanning a quoted scalar",
    ),
    ("a: &x [*x]\n", "1:4: an alias stands inside of what it names"),
    ("[" * 100_000, f"1:{MAX_DEPTH}: nested deeper than {MAX_DEPTH} levels"),
    ("- " * 100_000, f"1:{2 * MAX_DEPTH - 1}: nested deeper than {MAX_DEPTH} levels"),
    (
        "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 1000)),
        f"{MAX_DEPTH}:7: nested deeper than {MAX_DEPTH} levels",
    ),
    (
        "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 20)),
        "7:5: aliases expand to more than 1,000,000 nodes",
    ),
]


@pytest.fixture(params=["libyaml", "pure"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module as it is, and as it is without libyaml."""
    if request.param == "libyaml":
        yield reading
        return
    monkeypatch.setitem(sys.modules, "yaml._yaml", None)
    spec = importlib.util.spec_from_file_location("pure_reading", reading.__file__)  # a module of its own
    assert spec is not None and spec.loader is not None
    pure = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "pure_reading", pure)
    spec.loader.exec_module(pure)
    yield pure


@pytest.mark.parametrize("text, values", VALUES)
def test_values(text: str | bytes, values: list[Any] | None, reader: ModuleType) -> None:
    found = reader.load(text)
    assert values is None or repr(found) == repr(values)


@pytest.mark.parametrize("text, faults", [(text, faults) for text, *faults in FAULTS])
def test_faults(text: str | bytes, faults: list[str]) -> None:
    with pytest.raises(RuleSetError) as error:
        load(text, "x.yaml")
    found = [f"{fault.place.removeprefix('x.yaml:')}: {fault.message}" for fault in error.value.faults]
    assert len(found) == len(faults)
    assert all(map(str.startswith, found, faults)), found


@pytest.mark.parametrize("text, _", [(text, None) for text, *_ in FAULTS if isinstance(text, str)])
def test_faults_without_libyaml(text: str, _: None, reader: ModuleType) -> None:
    with pytest.raises(RuleSetError):
        reader.load(text)


# Each scalar, whether it maps onto the file, and the line and column of its offset 4 there.
SCALARS = [
    ("a: abcdef\n", True, (1, 8)),
    ("a: 'abcdef'\n", True, (1, 9)),
    ('a: "abcdef"\n', True, (1, 9)),
    ("a: !!str &x abcdef\n", True, (1, 17)),
    ("😀: 😀bcdef\n", True, (1, 8)),
    ("\ufeffa: abcdef\n", True, (1, 8)),
    ("a: 'it''s so'\n", False, (1, 4)),
    ('a: "a\\tbcde"\n', False, (1, 4)),
    ("a: ab\n  cdef\n", False, (1, 4)),
    ("a: |\n  ab\n  cdef\n", True, (3, 4)),
    ("a: |-\n  ab\n  cdef\n", True, (3, 4)),
    ("a: |+\n  ab\n\n  cdef\n\n", True, (4, 3)),
    ("a: |\r\n  ab\r\n  cdef\r\n", True, (3, 4)),
    ("a: |2 # indented by two\n    abcd\n  e\n", True, (2, 7)),
    ("a:\n- |\n\n     abc\n", True, (4, 9)),
    ("a: >\n  abcdef\n", True, (2, 7)),
    ("a: >\n  ab\n  cdef\n", False, (1, 4)),
    ("a: |\n  abcd", True, (2, 7)),
    ("a: |\n  abc\nb: 1\n", True, (2, 6)),
]


@pytest.mark.parametrize("text, exact, place", SCALARS)
def test_scalar(text: str, exact: bool, place: tuple[int, int], reader: ModuleType) -> None:
    (document,) = reader.read(text)
    ((key, value),) = list(document.value.items())[:1]
    path = [key, 0] if isinstance(value, list) else [key]
    scalar = document.scalar(path)
    assert scalar.text == (value[0] if isinstance(value, list) else value)
    assert scalar.exact is exact
    assert document.source.locate(scalar.in_file(4)) == place
    if exact:
        for offset, character in enumerate(scalar.text):
            assert document.source.text[scalar.in_file(offset)] in (character, "\r" if character == "\n" else character)


SPANS: list[tuple[str, list[str | int], bool, str]] = [
    ("a:\n- b: 1\n- c: x # y\n", ["a", 1, "c"], False, "x"),
    ("a:\n- b: 1\n- c: x # y\n", ["a", 1, "c"], True, "c"),
    ("a:\n- b: 1\n- c: x\n\n", ["a"], False, "- b: 1\n- c: x"),
    ("a:\n- b: 1\n- c: x\n", ["a", 7, "d"], True, "a"),
    ("a: &x {b: 2}\nc: {<<: *x}\n", ["c", "b"], False, "2"),
    ("1: a\n", ["1"], True, "1"),
    ("a: {}\n", ["a", "b", "c"], False, "{}"),
]


@pytest.mark.parametrize("text, path, key, expected", SPANS)
def test_span(text: str, path: list[str | int], key: bool, expected: str) -> None:
    (document,) = read(text)
    assert document.span(path, key).text == expected


WRITTEN = [
    ({"b": 1, "a": [{"x": None, "z": []}]}, "b: 1\na:\n- x: null\n  z: []\n"),
    ({"v": ["yes", "1", "1e3", "", "~", "0o7", "x"]}, 'v:\n- "yes"\n- "1"\n- "1e3"\n- ""\n- "~"\n- "0o7"\n- x\n'),
    ({"v": "a\nb\n"}, "v: |\n  a\n  b\n"),
    ({"v": "a: b\n# c"}, "v: |-\n  a: b\n  # c\n"),
    ({"y": "é", "1": "a" * 200}, '"y": é\n"1": ' + "a" * 200 + "\n"),
    ({"v": ["'a' + b", "a == 'b'", "a ? 'b: c' : d"]}, "v:\n- \"'a' + b\"\n- a == 'b'\n- \"a ? 'b: c' : d\"\n"),
    ({"v": ["'a' + \"b\"", "!'\\d'", "a == '\\d'"]}, "v:\n- |-\n  'a' + \"b\"\n- |-\n  !'\\d'\n- a == '\\d'\n"),
    ("x", "x\n"),
]


@pytest.mark.parametrize("value, text", WRITTEN)
def test_dump(value: Any, text: str) -> None:
    assert dump(value) == text


def test_document_of() -> None:
    document = document_of({"spec": {"expression": "object.a"}}, "<policy>")
    assert document.span(["spec", "expression"]).place == "<policy>:2:15"


def test_listed() -> None:
    text = "kind: PodList\napiVersion: v1\nitems:\n- {a: 1}\n- {kind: List, items: [{kind: B}, 1]}\n"
    found = [*listed(read(text)[0])]
    pod = {"apiVersion": "v1", "kind": "Pod", "a": 1}
    assert [each.value for each in found] == [pod, {"apiVersion": "v1", "kind": "B"}, 1]
    assert [each.span().text for each in found] == ["{a: 1}", "{kind: B}", "1"]
    assert found[0].span(["a"]).text == "1"
    for alone in ("kind: AllowList\nmetadata: {name: a}\nitems: [b]\n", "kind: Pod\nitems: []\n", "1\n"):
        (document,) = read(alone)
        assert [*listed(document)] == [document]


texts = st.text(st.characters(exclude_categories=["Cs"])) | st.text(" -:#'\"\n\t\\|>%@`!&*?{}[],ay1.~é\u2028\x85\r")
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
data = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
)


@given(st.dictionaries(texts, data))
def test_round_trip(value: dict[str, Any]) -> None:
    assert load(dump(value)) == [as_read(value)]


def as_read(value: Any) -> Any:
    match value:
        case dict():
            return {key: as_read(item) for key, item in value.items()}
        case list():
            return [as_read(item) for item in value]
        case float():
            return json_number(value)
        case _:
            return value
