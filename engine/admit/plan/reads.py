"""What conditions read of an object: the parts that must be there for them to come out as on the whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from admit.cel.ast import Bind, Call, Comprehension, Expr, Ident, Literal, OptMap, Select, children


@dataclass(slots=True)
class Reads:
    """What is read of a value: all of it, or some fields, and the same of each element.

    A field that is asked for is there exactly if it is in the value.
    """

    whole: bool = False
    fields: dict[str, Reads] = field(default_factory=dict)
    items: Reads | None = None

    def field(self, name: str) -> Reads:
        return self.fields.setdefault(name, Reads())

    def element(self) -> Reads:
        if self.items is None:
            self.items = Reads()
        return self.items

    @property
    def is_leaf(self) -> bool:
        """Whether the value must be taken as it is: also one whose elements are, since it may be a map."""
        return (
            self.whole
            or (not self.fields and (self.items is None or self.items.is_leaf))
            or (bool(self.fields) and self.items is not None)
        )


Places: TypeAlias = tuple[Reads, ...]
"""Where a value may come from; nowhere, if it is computed."""


def reads(conditions: Iterable[Expr], definitions: Mapping[str, Expr], root: str) -> Reads:
    """What the conditions read of the variable `root`."""
    reader = _Reader(definitions, root)
    for condition in conditions:
        reader.consume(condition, {})
    return reader.root


class _Reader:
    """Goes through expressions; whatever it does not know is read as a whole."""

    def __init__(self, definitions: Mapping[str, Expr], root: str) -> None:
        self.root = Reads()
        self._name = root
        self._definitions = definitions
        self._known: dict[str, Places] = {}

    def consume(self, node: Expr, scope: Mapping[str, Places]) -> None:
        """The value is used: compared, counted, given to a function."""
        for place in self.places(node, scope):
            place.whole = True

    def places(self, node: Expr, scope: Mapping[str, Places]) -> Places:
        """Where the value comes from, of which nothing is read yet but what leads there."""
        match node:
            case Literal():
                return ()
            case Ident(name=name):
                return self._variable(name, scope)
            case Select(operand=operand, field=name, test=test):
                found = tuple(place.field(name) for place in self.places(operand, scope))
                return () if test else found
            case Call(function="_?._" | "_[_]" | "_[?_]", args=(operand, Literal(kind="string", value=str(name)))):
                return tuple(place.field(name) for place in self.places(operand, scope))
            case Call(function="orValue" | "or", target=target, args=(other,)) if target is not None:
                return self.places(target, scope) + self.places(other, scope)
            case Call(function="value" | "hasValue" as function, target=target, args=()) if target is not None:
                found = self.places(target, scope)
                return found if function == "value" else ()
            case Call(function="_?_:_", args=(condition, yes, no)):
                self.consume(condition, scope)
                return self.places(yes, scope) + self.places(no, scope)
            case Call(function="_+_", args=(a, b)):
                return self.places(a, scope) + self.places(b, scope)
            case Call(function="_==_" | "_!=_", args=(a, b)) if _is_scalar(a) or _is_scalar(b):
                self.places(a, scope), self.places(b, scope)  # of a part of a map or list it is as false as of all
                return ()
            case Call(function="size", target=target, args=args):
                for place in self.places(args[0] if target is None else target, scope):
                    place.element()  # of a list it is enough that each is there
                return ()
            case Comprehension():
                return self._comprehension(node, scope)
            case Bind(var=var, value=value, body=body):
                return self.places(body, {**scope, var: self.places(value, scope)})
            case OptMap(target=target, var=var, body=body):
                return self.places(body, {**scope, var: self.places(target, scope)})
            case _:
                for child in children(node):
                    self.consume(child, scope)
                return ()

    def _variable(self, name: str, scope: Mapping[str, Places]) -> Places:
        if name in scope:
            return scope[name]
        if name in self._definitions:
            if name not in self._known:
                self._known[name] = self.places(self._definitions[name], {})
            return self._known[name]
        return (self.root,) if name == self._name else ()

    def _comprehension(self, node: Comprehension, scope: Mapping[str, Places]) -> Places:
        source = self.places(node.range, scope)
        if node.var2 is not None:
            for place in source:
                place.whole = True
            inner: Mapping[str, Places] = {**scope, node.var: (), node.var2: ()}
        else:
            inner = {**scope, node.var: tuple(place.element() for place in source)}
        if node.condition is not None:
            self.consume(node.condition, inner)
        if node.result is not None:
            self.consume(node.result, inner)
        return source if node.macro == "filter" else ()


def _is_scalar(node: Expr) -> bool:
    return isinstance(node, Literal) and node.kind != "constant"
