"""The terms that rewritten rules are made of: CEL that no author wrote."""

from __future__ import annotations

from collections.abc import Iterable

from admit.cel.ast import Call, Comprehension, Expr, Ident, ListExpr, Literal, Select
from admit.source import Span

NULL = Literal("null_type", None)
TRUE, FALSE = Literal("bool", True), Literal("bool", False)


def call(function: str, *args: Expr, target: Expr | None = None) -> Expr:
    return Call(function, args, target)


def call_at(span: Span, function: str, *args: Expr, target: Expr | None = None) -> Expr:
    """A call in place of what an author wrote there."""
    return Call(function, args, target, span=span)


def negated(node: Expr) -> Expr:
    return call_at(node.span, "!_", node)


def select(*path: str, root: str = "object") -> Expr:
    """`object.a.b`"""
    node: Expr = Ident(root)
    for field in path:
        node = Select(node, field)
    return node


def has(*path: str, root: str = "object") -> Expr:
    """`has(object.a.b)`"""
    return Select(select(*path[:-1], root=root), path[-1], test=True)


def optional(*path: str, root: str = "object") -> Expr:
    """`object.?a.?b`"""
    node: Expr = Ident(root)
    for field in path:
        node = Call("_?._", (node, Literal("string", field)))
    return node


def present_or(default: Expr, *path: str, root: str = "object") -> Expr:
    """`has(object.a) && object.a != null ? object.a : default`"""
    node = select(*path, root=root)
    return Call("_?_:_", (conjunction(has(*path, root=root), differ(node, NULL)), node, default))


def differ(a: Expr, b: Expr) -> Expr:
    return Call("_!=_", (a, b))


def conjunction(*nodes: Expr) -> Expr:
    return _balanced("_&&_", nodes)


def disjunction(*nodes: Expr) -> Expr:
    return _balanced("_||_", nodes)


def summed(nodes: Iterable[Expr]) -> Expr:
    """`a + b + c`"""
    first, *rest = nodes
    for each in rest:
        first = call("_+_", first, each)
    return first


def let(name: str, value: Expr, body: Expr) -> Expr:
    """`[value].map(name, body)[0]`, since Kubernetes has no cel.bind."""
    return call("_[_]", Comprehension("map", ListExpr((value,)), name, None, body), Literal("int", 0))


def _balanced(operator: str, nodes: tuple[Expr, ...]) -> Expr:
    """As the parser builds a chain, so that depth stays logarithmic."""
    if len(nodes) == 1:
        return nodes[0]
    middle = (len(nodes) + 1) // 2
    return Call(operator, (_balanced(operator, nodes[:middle]), _balanced(operator, nodes[middle:])))
