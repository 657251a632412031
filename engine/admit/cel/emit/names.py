"""Every bound variable under a name of its own, and a number for every expression that means the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial

from admit.cel.ast import Bind, Comprehension, Expr, Ident, Literal, OptMap, Select, children, rebuild


class Renamer:
    """Gives each binder of a tree a name that occurs once: `c` becomes `c#1`. `free` are the names not bound."""

    def __init__(self) -> None:
        self.count = 0
        self.free: set[str] = set()

    def rename(self, node: Expr, scope: dict[str, str]) -> Expr:
        match node:
            case Ident(name=name, absolute=False) if name in scope:
                return replace(node, name=scope[name])
            case Ident():
                self.free.add(node.name)
                return node
            case Literal():
                return node
            case Comprehension():
                range_ = self.rename(node.range, scope)
                match range_:
                    case Comprehension(macro="filter", var2=None, var=var) if node.var2 is None:
                        inner = {**scope, node.var: var}  # it stands for the same elements
                    case _:
                        inner, var = self._bind(scope, node.var)
                var2 = None
                if node.var2 is not None:
                    inner, var2 = self._bind(inner, node.var2)
                return replace(
                    node,
                    range=range_,
                    var=var,
                    var2=var2,
                    condition=None if node.condition is None else self.rename(node.condition, inner),
                    result=None if node.result is None else self.rename(node.result, inner),
                )
            case Bind():
                inner, var = self._bind(scope, node.var)
                return replace(node, var=var, value=self.rename(node.value, scope), body=self.rename(node.body, inner))
            case OptMap():
                inner, var = self._bind(scope, node.var)
                return replace(
                    node, var=var, target=self.rename(node.target, scope), body=self.rename(node.body, inner)
                )
            case _:
                return rebuild(node, partial(self.rename, scope=scope))

    def _bind(self, scope: dict[str, str], name: str) -> tuple[dict[str, str], str]:
        self.count += 1
        unique = f"{name}#{self.count}"
        return {**scope, name: unique}, unique


class Numbering:
    """Numbers expressions so that two have the same number where they mean the same, and counts their uses.

    INVARIANT: the trees numbered live as long as the numbering, since it keys on their identity.
    """

    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}
        self.uses: Counter[int] = Counter()
        self._keys: dict[object, int] = {}
        self._trees: list[Expr] = []

    def add(self, tree: Expr) -> None:
        self._trees.append(tree)
        self._number(tree)

    def of(self, node: Expr) -> int:
        return self.numbers[id(node)]

    def shared(self, node: Expr) -> bool:
        """Whether the value is used more than once."""
        return self.uses[self.numbers[id(node)]] > 1

    def only_in(self, node: Expr, outer: Expr) -> bool:
        """Whether the value is used in another one alone, of which it is a part."""
        return self.uses[self.numbers[id(node)]] == self.uses[self.numbers[id(outer)]]

    def selection(self, node: Select) -> int | None:
        """The number of `a.b` for `has(a.b)`, where `a.b` occurs too."""
        return self._keys.get((_label(replace(node, test=False)), (self.numbers[id(node.operand)],)))

    def _number(self, node: Expr) -> int:
        number = self.numbers.get(id(node))
        if number is None:
            below = tuple(map(self._number, children(node)))
            number = self._keys.setdefault((_label(node), below), len(self._keys))
            self.numbers[id(node)] = number
        self.uses[number] += 1
        return number


def _label(node: Expr) -> object:
    """What a node is, without what is below it."""
    if isinstance(node, Literal | Ident):
        return node
    fields = {name: getattr(node, name) for name in node.__match_args__}
    return type(node), tuple((k, _shape(v)) for k, v in fields.items())


def _shape(value: object) -> object:
    """A field of a node, with the expressions in it left out."""
    if isinstance(value, tuple):
        return len(value), tuple(getattr(item, "optional", None) or getattr(item, "field", None) for item in value)
    if value is None or isinstance(value, str | bool | frozenset):
        return value
    return "expression"
