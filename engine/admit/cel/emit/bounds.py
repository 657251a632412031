"""How much the fast form may do before it hands over: what is above the API server's limit must not get past."""

from __future__ import annotations

from admit.cel.ast import Call, Comprehension, Expr, children

MOST_WORK = 1_000_000
"""What the loops of a function may do, in nodes of Python: the API server's limit of an expression.

A node takes less than a unit of its budget. Not counted are lists that are parts of a loop's elements, which are no
longer than the object, and long texts.
"""

CHECK = 350_000
"""The units that asking the authorizer takes, also for what it was asked before."""

MOST_CHECKS = 2


def may_exceed(expr: Expr) -> bool:
    """Whether an expression may be above the limit by asking the authorizer alone."""
    return _checks(expr) > MOST_CHECKS


def most_work(expr: Expr) -> int:
    """What loops may do beside the questions to the authorizer."""
    return MOST_WORK - MOST_CHECKS * CHECK if _checks(expr) else MOST_WORK


def _checks(node: Expr) -> int:
    """How often an expression asks the authorizer, at most; in a loop, more than MOST_CHECKS."""
    below = sum(map(_checks, children(node)))
    if isinstance(node, Comprehension):
        return below * (MOST_CHECKS + 1)
    return below + 1 if isinstance(node, Call) and node.function == "check" else below
