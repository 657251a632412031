"""Expressions in the language of an older API server: what is too new for it, rewritten where there is an exact form.

New objects may only use what the minor before the API server's has. What takes the place of a function that is missing
has its value, and fails where it fails, for lists of up to a thousand items; beyond, it is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

from admit.cel.ast import Bind, Call, Comprehension, Expr, Ident, ListExpr, Literal, Select, rebuild
from admit.cel.env import NEWEST, OLDEST, TWO_VARIABLES_SINCE, parse_version
from admit.cel.library import functions
from admit.cel.library.lists import SINCE
from admit.cel.parse import parse
from admit.cel.types import BOOL, BYTES, DYN, INT, STRING, UINT, Kind, Type
from admit.errors import AdmitError
from admit.rules.names import free, fresh, substitute
from admit.rules.terms import conjunction, let

KINDS = {
    "ValidatingAdmissionPolicy": {28: "v1beta1", 30: "v1"},
    "MutatingAdmissionPolicy": {32: "v1alpha1", 34: "v1beta1", 36: "v1"},
}
"""The versions of the API in which a Kubernetes minor has a kind, by the first that has it."""


_PLAIN = (BOOL, BYTES, INT, STRING, UINT)  # what is equal is the same


class TooNew(AdmitError):
    """What an API server does not take into new objects. `since`: the first Kubernetes that does, None if none does."""

    def __init__(self, construct: str, since: int | None) -> None:
        self.construct = construct
        self.since = None if since is None else f"1.{since}"
        super().__init__(f"{construct} is too new" if since else f"no API server has {construct}")


def api_version(kind: str, kubernetes: str) -> str:
    """The version in which a kind, or its binding, is written for an API server (`v1`). Raises TooNew."""
    minor = parse_version(kubernetes)
    versions = KINDS[kind.removesuffix("Binding")]
    known = [version for since, version in versions.items() if since <= minor]
    if not known:
        raise TooNew(f"the kind {kind}", min(versions))
    return known[-1]


def rewritten(expression: Expr, kubernetes: str) -> Expr:
    """The checked expression as an API server of that version takes it into new objects, no longer checked.

    The expression itself where nothing in it is too new. Raises TooNew for what has no other form.
    """
    return _rewritten(expression, parse_version(kubernetes) - 1)


def _rewritten(node: Expr, minor: int) -> Expr:
    """The expression in the language of a minor."""
    match node:
        case Call("sort", (), Call("distinct", (), items)) if minor < SINCE and _element(node) in _PLAIN:
            assert items is not None
            return _filled(_DISTINCT_AND_SORTED, given=_given(_rewritten(items, minor)))
        case Bind() if minor < SINCE:
            raise TooNew("sortBy", SINCE + 1)  # what has equal keys is in no order that could be told
        case Select(field=field) if not field.replace("_", "a").isalnum():
            raise TooNew("a name in backquotes", NEWEST + 1)
    node = rebuild(node, lambda child: _rewritten(child, minor))
    match node:
        case Comprehension(var2=str()) if minor < TWO_VARIABLES_SINCE:
            return _of_one_variable(node)
        case Call() if (since := _since(node)) is None or since > minor:
            older = _FORMS.get(node.function)
            if older is None or since is None:
                raise TooNew(node.function.replace("_?._", ".?"), since and since + 1)
            return older(node)
        case _:
            return node


@cache
def _first(function: str, member: bool, operands: int) -> int | None:
    """The first minor whose checker knows a function of that form; None where none does."""
    for minor in range(OLDEST, NEWEST + 1):
        for overload in functions(minor, patches=True).get(function, ()):
            if (overload.member, len(overload.params)) == (member, operands):
                return 0 if overload.library == "jsonpatch" else minor  # which mutations have whatever the version
    return None


def _since(node: Call) -> int | None:
    return _first(node.function, node.target is not None, len(node.operands))


# Forms. `given` is a list of the one list that the function is called on, which so has a name: Kubernetes has no
# cel.bind. It is empty, and its first item an error, where that proves to be no list, or one that has no order.


def _distinct(node: Call) -> Expr:
    if _element(node.operands[0]).kind in (Kind.OBJECT, Kind.OPAQUE):  # a == b says nothing of b == a
        raise TooNew("distinct of what is no plain value", SINCE + 1)
    return _filled(_DISTINCT, given=_given(node.operands[0]))


def _sorted(node: Call) -> Expr:
    return _filled(_SORTED, given=_given(node.operands[0], alike=True))


def _flattened(node: Call) -> Expr:
    items, *depth = node.operands
    match depth:
        case []:
            levels = 1
        case [Literal("int", int(levels))] if levels > 0:
            pass
        case _:
            raise TooNew("flatten of so many levels as the request says", SINCE + 1)
    flat, of_lists = items, _element(items).kind is Kind.LIST
    given = _given(items)
    for _ in range(levels):
        flat = _filled(_FLATTENED, given=given if of_lists else _filled(_AS_LISTS, given=given))
        given, of_lists = ListExpr((flat,)), False
    return flat


def _sliced(node: Call) -> Expr:
    items, start, end = node.operands
    if (_type(start), _type(end)) != (INT, INT):
        raise TooNew("slice between what may be no integers", SINCE + 1)
    return _filled(_SLICE, given=_given(items), start=start, end=end)


def _includes(node: Call) -> Expr:
    target, item = node.operands
    return _filled(_INCLUDES, target=target, item=item)


def _of_target(text: str) -> Callable[[Call], Expr]:
    template = parse(text)
    return lambda node: _filled(template, given=_given(node.operands[0]))


def _numbers(size: str) -> str:
    """The numbers from 0 on, so many of them: cut off ` 000 001 ... 999`."""
    tenfold = "map(t, '0123456789'.split('').map(d, t.replace(' ', ' ' + d)).join())"
    thousand = f"[' 0 1 2 3 4 5 6 7 8 9'].{tenfold}.{tenfold}[0]"
    return f"{thousand}.substring(0, 4 * ({size})).findAll('[0-9]+').map(n, int(n))"


_DISTINCT = parse(f"given.map(l, {_numbers('size(l)')}.filter(i, l.indexOf(l[i]) in [i, -1]).map(i, l[i]))[0]")
_RANKS = "[l.map(e, size(l.filter(other, other < e)))]"
_SORTED = parse(
    f"given.map(l, {_RANKS}.map(ranks, {_numbers('size(l)')}"
    ".map(i, l[ranks.indexOf(ranks.filter(rank, rank <= i).max())]))[0])[0]"
)
_DISTINCT_AND_SORTED = parse(
    f"given.map(l, {_RANKS}.map(ranks, {_numbers('size(l)')}.filter(i, i in ranks).map(i, l[ranks.indexOf(i)]))[0])[0]"
)
_AS_LISTS = parse("[given.map(l, l.map(e, type(e) == list ? dyn(e) : dyn([e])))[0]]")
_FLATTENED = parse(
    f"given.map(l, [{_numbers('size(l)')}].map(all, [all.map(i, all.filter(j, j <= i).map(j, size(l[j])).sum())]"
    f".map(ends, {_numbers('l.map(e, size(e)).sum()')}.map(n, [size(ends.filter(end, end <= n))]"
    ".map(i, l[i][n - ends[i] + size(l[i])])[0]))[0])[0])[0]"
)
_SLICE = parse(
    "given.map(l, [start].map(a, [end].map(b, [0 <= a && a <= b && b <= size(l)].filter(fits, fits)"
    f".map(fits, {_numbers('b')}.filter(i, i >= a).map(i, l[i]))[0])[0])[0])[0]"
)
_INCLUDES = parse("[dyn(target)].map(l, type(l) == list ? dyn(item) in l : l == dyn(item))[0]")
_RANGE = parse(f"[size].map(n, {_numbers('n < 0 ? 0 : n')})[0]")
_KEYS = parse(f"type(l) == list ? dyn({_numbers('size(l)')}) : dyn(l)")
_INDEXES = parse(_numbers("size(l)"))
_IS_LIST = parse("type(l) == list")
_ARE_ALIKE = parse("l.all(e, type(e) == type(l[0]))")
_UNWRAPPED = "given.map(l, l.filter(o, o.hasValue()).map(o, o.value()))[0]"
_FORMS: Mapping[str, Callable[[Call], Expr]] = {
    "distinct": _distinct,
    "sort": _sorted,
    "flatten": _flattened,
    "slice": _sliced,
    "reverse": _of_target(f"given.map(l, {_numbers('size(l)')}.map(i, l[size(l) - 1 - i]))[0]"),
    "lists.range": lambda node: _filled(_RANGE, size=node.args[0]),
    "first": _of_target("given.map(l, l[?0])[0]"),
    "last": _of_target("given.map(l, l[?size(l) - 1])[0]"),
    "unwrapOpt": _of_target(_UNWRAPPED),
    "optional.unwrap": _of_target(_UNWRAPPED),
    "includes": _includes,
}


def _of_one_variable(node: Comprehension) -> Expr:
    """A macro of two variables, the second written as what is at the first."""
    assert node.var2 is not None
    macro = {"transformList": "map", "existsOne": "exists_one"}.get(node.macro, node.macro)
    if macro.startswith("transform"):
        raise TooNew(macro, TWO_VARIABLES_SINCE + 1)
    bodies = [body for body in (node.condition, node.result) if body is not None]
    all_ = fresh("l", frozenset((node.var, node.var2)), *map(free, bodies))
    at = {node.var2: Call("_[_]", (Ident(all_), Ident(node.var)))}
    kind = _type(node.range).kind
    keys = {Kind.LIST: _INDEXES, Kind.MAP: Ident("l")}.get(kind, _KEYS)
    each = replace(
        node,
        macro=macro,
        range=substitute(keys, {"l": Ident(all_)}),
        condition=node.condition and substitute(node.condition, at),
        result=node.result and substitute(node.result, at),
        var2=None,
    )
    return let(all_, node.range, each)


def _given(items: Expr, alike: bool = False) -> Expr:
    """A list of these items alone, without them where they are no list or, if asked, not all of one type."""
    conditions = [] if _type(items).kind is Kind.LIST else [_IS_LIST]
    if alike and _element(items) == DYN:
        conditions.append(_ARE_ALIKE)
    given = ListExpr((items,))
    return Comprehension("filter", given, "l", conjunction(*conditions)) if conditions else given


def _filled(template: Expr, **parts: Expr) -> Expr:
    return substitute(template, parts)


def _type(node: Expr) -> Type:
    return node.type or DYN


def _element(items: Expr) -> Type:
    """The type of the items."""
    type = _type(items)
    return type.params[0] if type.kind is Kind.LIST else DYN
