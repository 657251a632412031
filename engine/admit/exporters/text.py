"""Expressions as text that an API server takes: constants spelled, types checked, and written for its version."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from admit.cel.ast import Call, Expr, ListExpr, Literal, MapExpr, children, rebuild
from admit.cel.check import check
from admit.cel.env import NEWEST, Declarations, admission, parse_version
from admit.cel.library import functions
from admit.cel.link import parse_in
from admit.cel.types import BOOL, DYN, NULL, STRING, Type
from admit.cel.unparse import layout, unparse
from admit.errors import CompileError
from admit.exporters.constants import spelled
from admit.exporters.versions import TooNew, rewritten
from admit.rules.lower import PATCHED
from admit.rules.model import PatchKind
from admit.rules.terms import FALSE, TRUE

SUBSTITUTES = {"strings.goQuote": "strings.quote"}
"""What stands for the functions that only our own messages have."""

Result: TypeAlias = Type | tuple[Type, ...] | None
"""The type, or types, that an expression must have; None for any."""


class Unwritable(Exception):
    """Why something cannot be exported; `since`: the first Kubernetes where it could be."""

    def __init__(self, reason: str, since: str | None = None) -> None:
        super().__init__(reason)
        self.since = since


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the expressions of one document, its variables first. What cannot be written is Unwritable."""

    kubernetes: str
    params: bool = False
    types: dict[str, Type] = field(default_factory=dict)

    def condition(self, node: Expr) -> str:
        return self._written(node, self._scope(None), BOOL)

    def variable(self, name: str, node: Expr, only_said: bool) -> str:
        """`only_said`: nothing but messages mentions it."""
        scope = self._of_messages() if only_said else self._scope(self.types)
        checked = self._checked(node, scope)
        if checked.type != node.type:  # what mentions it was written for the type that it had
            with suppress(Unwritable):
                checked = self._checked(node, scope, node.type)
        older = self._rewritten(checked, scope)
        self.types[name] = older.type or DYN
        return layout(older)

    def verdict(self, node: Expr) -> str:
        return self._written(node, self._scope(self.types), BOOL)

    def message(self, node: Expr) -> str:
        return self._written(node, self._of_messages(), STRING)

    def annotation(self, node: Expr) -> str:
        return self._written(node, self._scope(self.types), (STRING, NULL))

    def mutation(self, kind: PatchKind, node: Expr) -> str:
        within = replace(self._scope(self.types), patches=True, functions=functions(NEWEST, patches=True))
        return self._written(node, within, PATCHED[kind])

    def _scope(self, variables: dict[str, Type] | None) -> Declarations:
        """What expressions may mention: what their version lacks, they are rewritten for."""
        return admission(f"1.{NEWEST}", params=self.params, variables=variables, authorizer=True)

    def _of_messages(self) -> Declarations:
        """What messages may mention."""
        return admission(f"1.{NEWEST}", params=self.params, variables=self.types)

    def _written(self, node: Expr, scope: Declarations, result: Result) -> str:
        return layout(self._rewritten(self._checked(node, scope, result), scope, result))

    def _checked(self, node: Expr, scope: Declarations, result: Result = None) -> Expr:
        node = _substituted(node)
        # loose, since a setting was any type to the author
        return _taken(spelled(node), lambda: spelled(node, loose=True), lambda form: _read(form, scope, result))

    def _rewritten(self, node: Expr, scope: Declarations, result: Result = None) -> Expr:
        """The checked node as new policies may have it, checked for these where it is another."""
        if _has_open_option(node):
            raise Unwritable("an API server breaks down at an optional entry of any type")
        try:
            older = rewritten(node, self.kubernetes)
        except TooNew as error:
            raise Unwritable(str(error), error.since) from None
        if older is node:
            return node
        minor = parse_version(self.kubernetes) - 1
        within = replace(scope, kubernetes=minor, functions=functions(minor, patches=scope.patches))
        # loose, since what is rewritten may have lost a type that was concluded from its use
        return _taken(older, lambda: _loosened(older), lambda form: _typed(form, within, result))


def _taken(strict: Expr, loose: Callable[[], Expr], checked: Callable[[Expr], Expr]) -> Expr:
    """Of two forms the first that an API server takes, checked. Raises Unwritable."""
    with suppress(CompileError):
        return checked(strict)
    try:
        return checked(loose())
    except CompileError as error:
        raise Unwritable(f"an API server would not take it: {error.issues[0].message}") from None


def _read(node: Expr, scope: Declarations, result: Result) -> Expr:
    """The node as the text of it is read and checked; what may be a bool is made one where it must."""
    parsed = parse_in(scope, unparse(node))
    if result == BOOL and check(parsed, scope).type == DYN:
        parsed = Call("_?_:_", (parsed, TRUE, FALSE))
    return check(parsed, scope, result)


def _has_open_option(node: Expr) -> bool:
    """Whether the checked expression has an optional entry that is dyn. Source: cel-go, cel/validator.go."""
    match node:
        case MapExpr(entries=entries) if any(each.optional and each.value.type == DYN for each in entries):
            return True
        case ListExpr(items=items, optional=optional) if any(items[i].type == DYN for i in optional):
            return True
        case _:
            return any(map(_has_open_option, children(node)))


def _substituted(node: Expr) -> Expr:
    node = rebuild(node, _substituted)
    match node:
        case Call(function) if function in SUBSTITUTES:
            return replace(node, function=SUBSTITUTES[function])
        case _:
            return node


def _typed(node: Expr, within: Declarations, result: Result) -> Expr:
    """The node as it is written, with its type."""
    parsed = parse_in(within, unparse(node))
    return replace(parsed, type=check(parsed, within, result).type)


def _loosened(node: Expr) -> Expr:
    """With the items of lists of any type, but for lists of literals."""
    node = rebuild(node, _loosened)
    match node:
        case ListExpr((_, _, *_) as items, optional) if not (optional or all(isinstance(i, Literal) for i in items)):
            return replace(node, items=tuple(Call("dyn", (item,)) for item in items))
        case _:
            return node
