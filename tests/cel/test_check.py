from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from admit.cel.ast import Call, Expr, Ident, Literal, Select, children
from admit.cel.check import check
from admit.cel.env import Declarations, admission, declarations, parse_type
from admit.cel.link import parse_in
from admit.cel.parse import parse
from admit.cel.types import BOOL, DYN, INT, NULL, STRING, object_type
from admit.errors import CompileError

ERRORS = Path(__file__).parents[1] / "errors" / "check.txt"

VARIABLES = {
    "object": "dyn",
    "i": "int",
    "u": "uint",
    "d": "double",
    "s": "string",
    "by": "bytes",
    "b": "bool",
    "l": "list(int)",
    "ld": "list(dyn)",
    "m": "map(string, list(int))",
    "t": "google.protobuf.Timestamp",
    "du": "google.protobuf.Duration",
    "o": "optional_type(int)",
    "w": "wrapper(int)",
    "a.b": "map(string, int)",
    "a.b.c": "string",
}
KUBERNETES = declarations("1.36", VARIABLES)
SPECIFICATION = declarations(None, VARIABLES)

TYPES = [
    ("1", "int"),
    ("b'a'", "bytes"),
    ("null", "null_type"),
    ("int", "type(int)"),
    ("google.protobuf.Timestamp", "type(google.protobuf.Timestamp)"),
    ("optional_type", "type(optional_type(dyn))"),
    ("type(l)", "type(list(int))"),
    ("a.b.c", "string"),
    ("a.b.x", "int"),
    (".a.b.c", "string"),
    ("object.a.b", "dyn"),
    ("object.a[0].b['c']", "dyn"),
    ("object.a == 1 && has(object.b)", "bool"),
    ("m.x", "list(int)"),
    ("m['x'][0]", "int"),
    ("m.?x", "optional_type(list(int))"),
    ("m.?x[0]", "optional_type(int)"),
    ("m[?'x']", "optional_type(list(int))"),
    ("{'x': o}.?x", "optional_type(optional_type(int))"),
    ("object.?a.b.orValue('x')", "dyn"),
    ("o.orValue(1)", "int"),
    ("has(object.?a.b)", "bool"),
    ("[]", "list(dyn)"),
    ("{}", "map(dyn, dyn)"),
    ("optional.none()", "optional_type(dyn)"),
    ("[[], [1]]", "list(list(int))"),
    ("[[1], [dyn(1)]]", "list(list(dyn))"),
    ("[1, 'a']", "list(dyn)"),
    ("{1: 'a', 'b': 2}", "map(dyn, dyn)"),
    ("[?o, 1]", "list(int)"),
    ("{?'a': o}", "map(string, int)"),
    ("b ? 1 : dyn('a')", "dyn"),
    ("b ? [] : [1]", "list(int)"),
    ("b ? t : null", "google.protobuf.Timestamp"),
    ("object.a + 1", "int"),
    ("object.a + object.b", "dyn"),
    ("object.a < object.b", "bool"),
    ("[].map(x, x)[0].foo", "dyn"),
    ("l.all(x, x > 0)", "bool"),
    ("l.exists_one(x, x > 0)", "bool"),
    ("l.filter(x, x > 0)", "list(int)"),
    ("m.filter(x, x == 'a')", "list(string)"),
    ("l.map(x, string(x))", "list(string)"),
    ("l.map(x, x > 0, [x])", "list(list(int))"),
    ("object.map(x, x)", "list(dyn)"),
    ("l.map(s, s + 1)", "list(int)"),
    ("l.map(s, .s)", "list(string)"),
    ("ld.map(a, a.b)", "list(dyn)"),
    ("l.transformList(i, v, v)", "list(int)"),
    ("m.transformList(k, v, k)", "list(string)"),
    ("l.transformMap(i, v, string(v))", "map(int, string)"),
    ("m.transformMap(k, v, v[0] > 0, v[0])", "map(string, int)"),
    ("m.transformMapEntry(k, v, {v[0]: k})", "map(int, string)"),
    ("m.all(k, v, k == 'a' || v[0] == 1)", "bool"),
    ("o.optMap(x, string(x))", "optional_type(string)"),
    ("o.optFlatMap(x, l[?x])", "optional_type(int)"),
    ("w + 1", "int"),
    ("b ? w : 1", "wrapper(int)"),
    ("w == null", "bool"),
    ("t - t", "google.protobuf.Duration"),
    ("'a'.matches('b')", "bool"),
]


@pytest.mark.parametrize(("text", "expected"), TYPES)
def test_type(text: str, expected: str) -> None:
    assert str(checked(text).type) == expected


def errors() -> Iterator[tuple[str, list[str]]]:
    for line in ERRORS.read_text("utf-8").split("\n"):
        if line and not line.startswith("#"):
            text, messages = line.split("  ### ", 1)
            yield text, messages.split(" ### ")


@pytest.mark.parametrize(("text", "expected"), list(errors()))
def test_errors(text: str, expected: list[str]) -> None:
    with pytest.raises(CompileError) as caught:
        checked(text, KUBERNETES)
    places = ((*issue.span.source.locate(issue.span.at), issue.message) for issue in caught.value.issues)
    assert [f"{line}:{column}: {message}" for line, column, message in places] == expected


def test_display() -> None:
    with pytest.raises(CompileError) as caught:
        checked("i +\n  s.size('é', s)", KUBERNETES)
    assert str(caught.value) == (
        "ERROR: <input>:2:9: found no matching overload for 'size' applied to 'string.(string, string)'\n"
        " |   s.size('é', s)\n"
        " | ........^"
    )


def test_every_node_has_its_type_and_every_call_its_overloads() -> None:
    for text, _ in TYPES:
        for node in nodes(checked(text)):
            assert node.type is not None, text
            assert "_var" not in str(node.type), text
            assert not isinstance(node, Call) or node.overloads, text


NODES = [
    ("a.b.c", Ident("a.b.c")),
    ("a.b.x", Select(Ident("a.b"), "x")),
    ("optional.of(i)", Call("optional.of", (Ident("i"),))),
    ("s.size()", Call("size", (), Ident("s"))),
]


@pytest.mark.parametrize(("text", "expected"), NODES)
def test_names_become(text: str, expected: Expr) -> None:
    assert checked(text) == expected


def test_the_name_of_a_type_is_a_constant() -> None:
    node = checked("int")
    assert isinstance(node, Literal)
    assert (node.kind, node.value, node.span.text) == ("constant", INT, "int")


def test_only_where_a_variable_of_a_macro_has_the_name_is_an_ident_absolute() -> None:
    assert [node.absolute for node in nodes(checked(".i + [1].map(i, .i)[0]")) if isinstance(node, Ident)] == [
        False,
        True,
    ]


OVERLOADS = [
    ("i + 1", ["add_int64"]),
    ("object.a + 1", ["add_int64"]),
    ("l[0]", ["index_list"]),
    ("i == 1", ["equals"]),
    ("b && b", ["logical_and"]),
]


@pytest.mark.parametrize(("text", "ids"), OVERLOADS)
def test_overloads(text: str, ids: list[str]) -> None:
    node = checked(text)
    assert isinstance(node, Call)
    assert [overload.id for overload in node.overloads] == ids


def test_of_dyn_all_overloads_remain() -> None:
    node = checked("object.a < object.b", KUBERNETES)
    assert isinstance(node, Call)
    assert len(node.overloads) == 14


CONTAINERS = [
    ("x.y", "y", "string", Ident("x.y.y")),
    ("x.y", ".y", "int", Ident("y")),
    ("x", "y", "bool", Ident("x.y")),
    ("x", "y.y", "string", Ident("x.y.y")),
    ("z", "y", "int", Ident("y")),
    ("x.y", "[0.5].map(y, y)[0]", "double", None),
]


@pytest.mark.parametrize(("container", "text", "type", "node"), CONTAINERS)
def test_container(container: str, text: str, type: str, node: Expr | None) -> None:
    within = declarations(None, {"y": "int", "x.y": "bool", "x.y.y": "string"}, container=container)
    made = checked(text, within)
    assert str(made.type) == type
    assert node is None or made == node


def test_the_container_is_named_in_errors() -> None:
    with pytest.raises(CompileError, match=r"undeclared reference to 'z' \(in container 'x.y'\)"):
        checked("z", declarations(None, container="x.y"))


RESULTS = [
    ("1", INT, None),
    ("1", BOOL, "must evaluate to bool but got int"),
    ("object.a", BOOL, "must evaluate to bool but got dyn"),
    ("object.a == 1", BOOL, None),
    ("null", (STRING, NULL), None),
    ("object.a", (STRING, NULL), "must evaluate to one of [string null_type] but got dyn"),
]


@pytest.mark.parametrize(("text", "result", "message"), RESULTS)
def test_result(text, result, message) -> None:
    if message is None:
        check(parse(text), KUBERNETES, result)
        return
    with pytest.raises(CompileError) as caught:
        check(parse(text), KUBERNETES, result)
    assert [issue.message for issue in caught.value.issues] == [message]


VERSIONS = [
    (
        "1.31",
        "[1].all(i, v, v > 0)",
        "undeclared reference to 'all' (in container '') (Kubernetes 1.32 and later have it)",
    ),
    (
        "1.31",
        "[1].transformList(1, 2, 3)",
        "undeclared reference to 'transformList' (in container '') (Kubernetes 1.32 and later have it)",
    ),
    (
        "1.28",
        "'%s'.format([1])",
        "undeclared reference to 'format' (in container '') (Kubernetes 1.29 and later have it)",
    ),
    ("1.28", "'a'.reverse()", "undeclared reference to 'reverse' (in container '')"),
    (
        "1.28",
        "[1].reverse()",
        "undeclared reference to 'reverse' (in container '') (Kubernetes 1.34 and later have it)",
    ),
    ("1.29", "ip('::1')", "undeclared reference to 'ip' (in container '') (Kubernetes 1.30 and later have it)"),
    (
        "1.29",
        "ip.isCanonical('::1')",
        "undeclared reference to 'isCanonical' (in container '') (Kubernetes 1.30 and later have it)",
    ),
    ("1.33", "lists.range(1)", "undeclared reference to 'range' (in container '') (Kubernetes 1.34 and later have it)"),
    (
        "1.33",
        "[1].sortBy(x, -x)",
        "undeclared reference to 'sortBy' (in container '') (Kubernetes 1.34 and later have it)",
    ),
    (
        "1.36",
        "[1].includes(1)",
        "undeclared reference to 'includes' (in container '') (Kubernetes 1.37 and later have it)",
    ),
    ("1.36", "cel.bind(x, 1, x)", "undeclared reference to 'bind' (in container '')"),
]


@pytest.mark.parametrize(("version", "text", "message"), VERSIONS)
def test_which_version_has_a_function(version: str, text: str, message: str) -> None:
    with pytest.raises(CompileError) as caught:
        checked(text, declarations(version))
    assert message in [issue.message for issue in caught.value.issues]


PRESETS = [
    ("1 < 2.0", False, True),
    ("[1, 'a']", True, False),
    ("[[1, 'a']]", True, False),
    ("duration('x')", True, False),
    ("'a'.matches('(')", True, False),
    ("cel.bind(x, 1, x + 1)", True, False),
    ("object.`a-b`", True, False),
    ("net.IP", True, True),
]


@pytest.mark.parametrize(("text", "specification", "kubernetes"), PRESETS)
def test_presets(text: str, specification: bool, kubernetes: bool) -> None:
    assert (accepted(text, SPECIFICATION), accepted(text, KUBERNETES)) == (specification, kubernetes)


def test_elements_that_do_not_unify_in_1_28() -> None:
    within = declarations("1.28", {"object": "dyn"})
    assert accepted("[object.a, 'a']", within)
    assert not accepted("[1, 'a']", within)
    with pytest.raises(CompileError, match="program instantiation failed: type conversion error"):
        check(parse("duration('x')"), within)


ADMISSION = [
    ("request.userInfo.groups.exists(g, g == 'a')", "bool"),
    ("request.kind.group + request.operation", "string"),
    ("request.userInfo.extra['a'][0]", "string"),
    ("request.options.dryRun", "dyn"),
    ("namespaceObject.metadata.labels['a']", "string"),
    ("namespaceObject.status.conditions[0].lastTransitionTime", "google.protobuf.Timestamp"),
    ("variables.count + 1", "int"),
    ("variables.odd.x", "dyn"),
    ("request.object", "undefined field 'object'"),
    ("request.kind.foo == 'x'", "undefined field 'foo'"),
    ("namespaceObject.metadata.ownerReferences", "undefined field 'ownerReferences'"),
    ("variables.later", "undefined field 'later'"),
    ("params.x", "undeclared reference to 'params' (in container '')"),
]


@pytest.mark.parametrize(("text", "expected"), ADMISSION)
def test_admission(text: str, expected: str) -> None:
    within = admission("1.36", variables={"count": INT, "odd": parse_type("optional_type(int)")})
    try:
        assert str(checked(text, within).type) == expected
    except CompileError as error:
        assert [issue.message for issue in error.issues] == [expected]


MESSAGES = [
    ("Patch{op: 'add', value: 1}", "Patch"),
    ("Patch{?op: optional.of('add')}", "Patch"),
    ("Patch{value: dyn(1)}.op", "string"),
    ("[Patch{}]", "list(Patch)"),
    ("Patch", "type(Patch)"),
    ("Patch{op: 1}", "expected type of field 'op' is 'string' but provided type is 'int'"),
    ("Patch{path: 1}", "undefined field 'path'"),
    ("Patch{?op: 'a'}", "expected type 'optional_type(string)' but found 'string'"),
    ("Patch{op: Invalid{}}", "undeclared reference to 'Invalid' (in container '')"),
]


@pytest.mark.parametrize(("text", "expected"), MESSAGES)
def test_messages(text: str, expected: str) -> None:
    within = declarations("1.36", {"p": object_type("Patch")}, types={"Patch": {"op": STRING, "value": DYN}})
    try:
        assert str(checked(text, within).type) == expected
    except CompileError as error:
        assert [issue.message for issue in error.issues] == [expected]


DEEP = [
    "object" + ".a" * 240,
    "+".join(["i"] * 240),
    "&&".join(["b"] * 5000),
    "!(" * 100 + "b" + ")" * 100,
    "[" * 240 + "]" * 240,
    "{'a': " * 120 + "1" + "}" * 120,
    "optional.of(" * 120 + "1" + ")" * 120,
    "l" + ".map(x, [x])" * 100,
]


@pytest.mark.parametrize("text", DEEP)
def test_depth(text: str) -> None:
    room = sys.getrecursionlimit()
    tree = parse(text)
    sys.setrecursionlimit(len(frames()) + 400)
    try:
        check(tree, SPECIFICATION)
    finally:
        sys.setrecursionlimit(room)


def test_a_tree_deeper_than_the_parser_makes() -> None:
    tree: Expr = parse("object")
    for _ in range(5000):
        tree = Call("_+_", (Select(Call("dyn", (tree,)), "a"), Literal("int", 1)))
    assert check(tree, SPECIFICATION).type == INT


def test_types_that_double_are_refused() -> None:
    with pytest.raises(CompileError, match="a type in the expression is too large"):
        checked("l" + ".map(x, {x: x})" * 60)


def test_a_hundred_errors_are_reported() -> None:
    with pytest.raises(CompileError) as caught:
        checked("[" + "nope, " * 5000 + "]")
    assert len(caught.value.issues) == 100


def checked(text: str, within: Declarations = SPECIFICATION) -> Expr:
    return check(parse_in(within, text), within)


def accepted(text: str, within: Declarations) -> bool:
    try:
        checked(text, within)
    except CompileError:
        return False
    return True


def nodes(node: Expr) -> Iterator[Expr]:
    yield node
    for child in children(node):
        yield from nodes(child)


def frames() -> list[object]:
    frame, found = sys._getframe(), list[object]()
    while frame is not None:
        found.append(frame)
        frame = frame.f_back
    return found
