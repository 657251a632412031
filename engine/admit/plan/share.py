"""Many conditions as one: what several loop over is looped over once, what several ask first is asked once.

The result holds where all of them hold. Nothing else is kept (which of them fails, or errs, and in which order), so
it serves to find out that there is nothing to find out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count

from admit.cel.ast import Bind, Call, Comprehension, Expr, Ident, Literal, OptMap, children, rebuild
from admit.cel.types import BOOL

TRUE = Literal("bool", True, type=BOOL)


def conjunction(conditions: Iterable[Expr]) -> Expr:
    """The conjunction of checked conditions, with loops over one list and tests of one thing merged."""
    conditions = [*conditions]
    return _conjunction(conditions, count(1 + max(map(_highest, conditions), default=0)))


def _conjunction(conditions: Iterable[Expr], numbers: Iterator[int]) -> Expr:
    plain: dict[Expr, None] = {}
    loops: dict[Expr, list[Comprehension]] = {}
    tests: dict[Expr, list[Expr]] = {}
    for condition in conditions:
        for conjunct in _conjuncts(condition):
            match conjunct:
                case Literal(kind="bool", value=True):
                    pass
                case Comprehension(macro="all", var2=None) as loop:
                    loops.setdefault(loop.range, []).append(loop)
                case Call(function="_?_:_", args=(test, consequence, Literal(kind="bool", value=True))):
                    first, *others = _conjuncts(test)
                    tests.setdefault(first, []).append(implied(_joined(others), consequence))
                case _:
                    plain[_looked_up_once(conjunct)] = None
    merged = [
        *plain,
        *(implied(test, _conjunction(consequences, numbers)) for test, consequences in tests.items()),
        *(_loop(same, numbers) for same in loops.values()),  # last: what was asked before is known in them
    ]
    return _joined(merged)


def _conjuncts(node: Expr) -> Iterator[Expr]:
    match node:
        case Call(function="_&&_", args=(a, b)):
            yield from _conjuncts(a)
            yield from _conjuncts(b)
        case _:
            yield node


def _loop(same: list[Comprehension], numbers: Iterator[int]) -> Expr:
    """One `all` for several over the same list. Its variable has a name that no expression can have."""
    first = same[0]
    var = f"{first.var.partition('#')[0]}#{next(numbers)}"
    predicates = [_renamed(loop.condition, loop.var, var) for loop in same if loop.condition is not None]
    return replace(first, var=var, condition=_conjunction(predicates, numbers))


def _looked_up_once(node: Expr) -> Expr:
    """`x.orValue(null) == null || x.orValue(null) < 1` for `x.orValue(null) == null || x.value() < 1`"""
    match node:
        case Call(
            function="_||_",
            args=(
                Call(
                    function="_==_",
                    args=(
                        Call(function="orValue", target=x, args=(Literal(value=None),)) as value,
                        Literal(value=None),
                    ),
                ) as missing,
                test,
            ),
        ) if x is not None:
            return replace(node, args=(missing, _replaced(test, Call("value", (), x), value)))
        case _:
            return node


def _replaced(node: Expr, old: Expr, new: Expr) -> Expr:
    """But for where a name may mean something else."""
    if node == old:
        return new
    return node if isinstance(node, Comprehension | Bind | OptMap) else rebuild(node, lambda n: _replaced(n, old, new))


def _highest(node: Expr) -> int:
    """The highest number that a loop got here before."""
    own = int(node.var.partition("#")[2] or 0) if isinstance(node, Comprehension) else 0
    return max(own, *map(_highest, children(node)), 0)


def implied(test: Expr, consequence: Expr) -> Expr:
    """`test ? consequence : true`; it errs where the test does, even if there is nothing more to ask."""
    if test == TRUE:
        return consequence
    return Call("_?_:_", (test, consequence, TRUE), span=test.span, type=BOOL)


def _joined(nodes: list[Expr]) -> Expr:
    """`a && b && ...`, balanced; `true` for none."""
    if not nodes:
        return TRUE
    if len(nodes) == 1:
        return nodes[0]
    middle = (len(nodes) + 1) // 2
    left, right = _joined(nodes[:middle]), _joined(nodes[middle:])
    return Call("_&&_", (left, right), span=left.span, type=BOOL)


def _renamed(node: Expr, old: str, new: str) -> Expr:
    match node:
        case Ident(name=name, absolute=False) if name == old:
            return replace(node, name=new)
        case Comprehension() if old in (node.var, node.var2):  # shadowed, but in the range
            return replace(node, range=_renamed(node.range, old, new))
        case Bind(var=var) if var == old:
            return replace(node, value=_renamed(node.value, old, new))
        case OptMap(var=var) if var == old:
            return replace(node, target=_renamed(node.target, old, new))
        case _:
            return rebuild(node, lambda child: _renamed(child, old, new))
