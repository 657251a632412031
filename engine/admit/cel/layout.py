"""Expressions on lines of bearable length, broken where people break them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from admit.cel.ast import Call, Comprehension, Expr, ListExpr, Literal, MapExpr, Select
from admit.cel.unparse import BINARY, MEMBER, RANKS, unparse

WIDTH = 100


def laid_out(node: Expr, width: int = WIDTH) -> str:
    """The text of the expression, as `unparse` has it, with line breaks; what cannot be broken may be longer."""
    return _Layout(width).text(node, 0, 0)


class _Layout:
    """Texts whose first line starts at a column, and whose other lines have their indentation."""

    def __init__(self, width: int) -> None:
        self.width = width

    def text(self, node: Expr, rank: int, column: int) -> str:
        flat = unparse(node, rank)
        if column + len(flat) <= self.width:
            return flat
        match node:
            case Call(function=function) if function in RANKS and RANKS[function] < rank:
                return f"({self.text(node, 0, column + 1)})"
            case Call("_?_:_", (condition, yes, no)):
                return self._choice(condition, yes, no, column)
            case Call("_&&_" | "_||_" | "_+_" as function):
                terms = _terms(node, function)
                texts = [self.text(term, _term_rank(function, number), column) for number, term in enumerate(terms)]
                return f" {BINARY[function]}\n{' ' * column}".join(texts)
            case Call(function, (left, right), None) if function in BINARY:
                first = f"{self.text(left, RANKS[function], column)} {BINARY[function]} "
                return first + self.text(right, RANKS[function] + 1, column + _width_of_last(first, column))
            case Call("!_" | "-_" as function, (operand,)):
                return function[0] + self.text(operand, MEMBER, column + 1)
            case ListExpr(items=items, optional=optional):
                texts = ["?" * (i in optional) + self.text(item, 0, column + 2) for i, item in enumerate(items)]
                return f"[{self._filled(texts, column + 1)}]"
            case Literal(value=list() as values):
                return f"[{self._filled([unparse(Literal('constant', value)) for value in values], column + 1)}]"
            case MapExpr(entries=entries):
                keys = [f"{'?' * entry.optional}{unparse(entry.key)}: " for entry in entries]
                values = [
                    self.text(entry.value, 0, column + 1 + len(key)) for entry, key in zip(entries, keys, strict=True)
                ]
                return f"{{{self._filled([*map(''.join, zip(keys, values, strict=True))], column + 1)}}}"
            case Select(test=True):
                return flat
            case Select() | Call() | Comprehension():
                return self._chain(node, column)
            case _:
                return flat

    def _choice(self, condition: Expr, yes: Expr, no: Expr, column: int) -> str:
        """`condition ? yes :` on a line, and below it what is otherwise, which may be another choice."""
        first = f"{self.text(condition, 1, column)} ? "
        start = column + _width_of_last(first, column)
        chosen = unparse(yes, 1)
        if start + len(chosen) + 2 > self.width:
            first, start = f"{first.rstrip()}\n{' ' * (column + 2)}", column + 2
            both = f"{chosen} : {unparse(no)}"
            if start + len(both) <= self.width and not _is_choice(no):
                return first + both
            chosen = self.text(yes, 1, start)
        return f"{first}{chosen} :\n{' ' * column}{self.text(no, 0, column)}"

    def _filled(self, texts: Sequence[str], column: int) -> str:
        """As many items on a line as there is room for; one of several lines has its own."""
        lines = [""]
        for number, text in enumerate(texts):
            text += "," if number < len(texts) - 1 else ""
            room = self.width - column - len(lines[-1]) - 1
            if lines[-1] and ("\n" in text or "\n" in lines[-1] or len(text) > room):
                lines.append(text)
            else:
                lines[-1] += f" {text}" if lines[-1] else text
        return f"\n{' ' * column}".join(lines)

    def _chain(self, node: Expr, column: int) -> str:
        """`a.b.f(x).g(y)`, broken before a dot, or after a parenthesis."""
        links: list[Expr] = []
        while (receiver := _receiver(node)) is not None:
            links.append(node)
            node = receiver
        text = self.text(node, MEMBER, column) if links else self._called(node, column, column)
        for number, link in enumerate(reversed(links)):
            start = column + _width_of_last(text, column)
            flat = _link(link)
            if start + len(flat) <= self.width:
                text += flat
            elif number and "(" in flat and column + 2 + len(flat) <= self.width:
                text += f"\n{' ' * (column + 2)}{flat}"
            else:
                text += self._called(link, column, start)
        return text

    def _called(self, node: Expr, column: int, start: int) -> str:
        """The last link of a chain, its arguments on lines of their own."""
        match node:
            case Call(function, args, target) if function not in RANKS and args:
                head = f"{'' if target is None else '.'}{function}("
                parts = list(args)
            case Comprehension(macro=macro, var=var, var2=var2, condition=condition, result=result):
                head = f".{macro}({var}{'' if var2 is None else f', {var2}'},"
                parts = [part for part in (condition, result) if part is not None]
            case _:
                return _link(node)
        below = column + 2
        return head + ",".join(f"\n{' ' * below}{self.text(part, 0, below)}" for part in parts) + ")"


def _is_choice(node: Expr) -> bool:
    return isinstance(node, Call) and node.function == "_?_:_"


def _receiver(node: Expr) -> Expr | None:
    """What a link of a chain is attached to."""
    match node:
        case Select(operand=operand, test=False):
            return operand
        case Call("_[_]" | "_[?_]" | "_?._", (operand, _)):
            return operand
        case Call(target=target):
            return target
        case Comprehension(range=range_):
            return range_
        case _:
            return None


def _link(node: Expr) -> str:
    """What a link adds to the text of what it is attached to."""
    receiver = _receiver(node)
    return unparse(node) if receiver is None else unparse(node)[len(unparse(receiver, MEMBER)) :]


def _terms(node: Expr, function: str) -> Iterator[Expr]:
    """The operands of a chain of one operator; one in parentheses is an operand, if they matter."""
    match node:
        case Call(operator, (left, right)) if operator == function:
            yield from _terms(left, function)
            yield from _terms(right, function) if function != "_+_" else (right,)
        case _:
            yield node


def _term_rank(function: str, number: int) -> int:
    return RANKS[function] + (1 if function == "_+_" and number else 0)


def _width_of_last(text: str, column: int) -> int:
    """How far beyond the column the last line reaches."""
    last = text.rpartition("\n")[2]
    return len(last) - (column if "\n" in text else 0)
