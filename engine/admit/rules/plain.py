"""The message of a lowered rule in one CEL expression, as a ValidatingAdmissionPolicy has it."""

from __future__ import annotations

from admit.cel.ast import Call, Comprehension, Expr, Ident, Literal
from admit.rules.lower import Loop, Validation, combined
from admit.rules.names import free
from admit.rules.terms import FALSE, call, let, summed

LONGEST = 5 * 1024  # of a message, in bytes; the API server drops what exceeds it


def shown(message: object) -> str:
    """What is shown of a message: as in the API server, nothing of one that has several lines or is too long."""
    text = message.strip() if isinstance(message, str) else ""
    return text if "\n" not in text and fits(text) else ""


def fits(text: str) -> bool:
    return len(text.encode(errors="replace")) <= LONGEST


def text(rule: Validation) -> Expr | None:
    """The message of a rule that failed, where it has one: `A.filter(a, !E).map(a, M)` joined, or the summary.

    A message that is the same of every combination is said once.
    """
    if not rule.messages or is_said_once(rule):
        return rule.messages[0] if rule.messages else None
    return let("found", found(rule), joined(rule, Ident("found")))


def is_said_once(rule: Validation) -> bool:
    """Whether the message is the same of every combination."""
    return free(rule.messages[0]).isdisjoint(loop.variable for loop in rule.loops)


def found(rule: Validation) -> Expr:
    """The messages of the combinations of loops that fail, in lists in one another as the loops are."""
    return _found(rule, rule.loops, _trimmed(rule.messages[0]))


def joined(rule: Validation, found: Expr) -> Expr:
    """The texts that `found` has made one, or the summary of what is too long."""
    depth = len(rule.loops)
    all_ = _joined(found, depth, rule.separator)
    summary = rule.summary or _first_and_count(found, depth)
    return Call("_?_:_", (Call("_>_", (_size_in_bytes(all_), Literal("int", LONGEST))), summary, all_))


def _trimmed(message: Expr) -> Expr:
    """The text without white space around it; it has none where it begins and ends with literal text that has none."""
    is_tight = _end(message, 0)[:1].strip() and _end(message, 1)[-1:].strip()
    return message if is_tight else call("trim", target=message)


def _end(text: Expr, side: int) -> str:
    """The literal text at one end of a sum."""
    match text:
        case Call("_+_", operands):
            return _end(operands[side], side)
        case Literal("string", literal):
            return str(literal)
        case _:
            return ""


def _found(rule: Validation, loops: tuple[Loop, ...], message: Expr) -> Expr:
    """The messages of what fails, nested as the loops are:

    `A.filter(a, !B.all(b, E)).map(a, B.filter(b, !E).map(b, M))`
    """
    loop, *inner = loops
    holds = combined(inner, rule.element, rule.span)
    failing = Comprehension("filter", loop.list, loop.variable, call("!_", holds))
    result = _found(rule, tuple(inner), message) if inner else message
    over = loop.list if holds == FALSE else failing
    return Comprehension("map", over, loop.variable, None, result)


def _joined(found: Expr, depth: int, separator: str) -> Expr:
    if depth > 1:
        found = Comprehension("map", found, "found", None, _joined(Ident("found"), depth - 1, separator))
    return call("join", Literal("string", separator), target=found)


def _first_and_count(found: Expr, depth: int) -> Expr:
    first = found
    for _ in range(depth):
        first = call("_[_]", first, Literal("int", 0))
    more = call("string", call("_-_", _count(found, depth), Literal("int", 1)))
    return summed([first, Literal("string", " (and "), more, Literal("string", " more)")])


def _count(found: Expr, depth: int) -> Expr:
    if depth == 1:
        return call("size", found)
    counts = Comprehension("map", found, "found", None, _count(Ident("found"), depth - 1))
    return call("sum", target=counts)


def _size_in_bytes(node: Expr) -> Expr:
    return call("size", call("bytes", node))
