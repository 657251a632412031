"""From the text of an expression to its nodes: literals, operators by precedence, macros; every span exact.

Texts and places of errors are cel-go's. As there, what is superfluous is left out after a message, to find what else is
wrong; what is missing, or in the place of something else, is the last syntax error, where cel-go may have others.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from admit.cel import grammar, literals
from admit.cel.ast import (
    SORTED,
    Bind,
    Call,
    Comprehension,
    Entry,
    Expr,
    FieldInit,
    Ident,
    ListExpr,
    Literal,
    MapExpr,
    Message,
    OptMap,
    Select,
    children,
)
from admit.cel.grammar import PRECEDENCE
from admit.cel.syntax_error import syntax_error
from admit.errors import CompileError, Issue
from admit.source import Source, Span

if TYPE_CHECKING:
    from admit.cel.grammar import Token

MAX_SIZE = 100_000
"""The code points that an expression may have."""

MAX_DEPTH = 250
"""The nodes that may lie in one another, and the brackets; it also bounds the recursion of every later stage."""

MAX_REPEATED = 500_000
"""The code points that are read again, altogether, without what was found to be superfluous."""

RESERVED = frozenset({
    "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "namespace",
    "package", "return", "var", "void", "while",
})  # fmt: skip
"""Words that name no variable and no function; fields and methods may have them."""

_QUANTIFIERS = frozenset({"all", "exists", "exists_one"})
_QUANTIFIERS2 = _QUANTIFIERS | {"existsOne"}
_OPERAND_ENDS = frozenset({
    "IDENTIFIER", "ESC_IDENTIFIER", "NUM_INT", "NUM_UINT", "NUM_FLOAT", "STRING", "BYTES", "TRUE", "FALSE", "NULL",
    "RPAREN", "RBRACKET", "RBRACE",
})  # fmt: skip
_EXTREMES = {"greatest": "math.@max", "least": "math.@min"}
_TRANSFORMATIONS = frozenset({"transformList", "transformMap", "transformMapEntry"})


def parse(
    text: str | Source,
    *,
    macros: bool = True,
    optional_syntax: bool = True,
    backquotes: bool = False,
    two_variable: bool = True,
    sort_by: bool = True,
    bind: bool = False,
) -> Expr:
    """The expression, macros expanded into nodes of their own.

    `optional_syntax`: `a.?b`, `a[?b]`, `[?a]`, `{?a: b}`, optMap and optFlatMap; `backquotes`: a.`b-c`;
    `two_variable`: the macros with two variables; `sort_by`: sortBy; `bind`: cel.bind, cel.block and
    what goes with it, math.greatest and math.least.
    Raises CompileError.
    """
    source = text if isinstance(text, Source) else Source(text)
    size = len(source.text)
    if size > MAX_SIZE:
        message = f"expression code point size exceeds limit: size: {size}, limit {MAX_SIZE}"
        raise CompileError([_limit(message, source)])
    syntax = _Syntax(macros, optional_syntax, backquotes, macros and two_variable, macros and sort_by, macros and bind)
    return _own_reader().read(source, syntax)


@dataclass(frozen=True, slots=True)
class _Syntax:
    macros: bool
    optional: bool
    backquotes: bool
    two_variable: bool
    sort_by: bool
    bind: bool


_thread = threading.local()


def _own_reader() -> _Reader:
    """The thread's own: Lark binds the callbacks to a parser once, so they find the text at hand in `self`."""
    if not hasattr(_thread, "reader"):
        _thread.reader = _Reader()
    reader: _Reader = _thread.reader
    return reader


def _limit(message: str, source: Source) -> Issue:
    return Issue(message, Span(0, len(source.text), -1, source))


_Parts: TypeAlias = list[Any]  # tokens that the grammar names, and nodes


class _Reader:
    """Lark's transformer, with a method for each rule of grammar/cel.lark, and the filter of its tokens."""

    always_accept = ()  # part of Lark's protocol

    def __init__(self) -> None:
        self.parser = grammar.parser(self)

    def read(self, source: Source, syntax: _Syntax) -> Expr:
        from lark.exceptions import UnexpectedInput

        self.source = source
        self.syntax = syntax
        text = source.text
        wrong: list[Issue] = []
        node: Expr | None = None
        while node is None:
            self.tokens: list[Token] = []
            self.issues: list[Issue] = []
            # Nodes written wider than they are, with parentheses around or a cancelled sign before them. The node is
            # kept, or another could get its id.
            self.extents: dict[int, tuple[Expr, int, int]] = {}
            try:
                node = self.parser.parse(text)  # type: ignore[assignment]
            except UnexpectedInput as error:
                issue, superfluous = syntax_error(error, source, self.tokens, self.stream)
                wrong.append(issue)
                if not superfluous or len(wrong) * len(text) > MAX_REPEATED:
                    break
                text = text[: issue.span.start] + " " * len(issue.span.text) + text[issue.span.end :]
        self.issues += wrong
        if len(self.tokens) > MAX_DEPTH:
            self._check_depth(node)
        if self.issues or node is None:
            raise CompileError(self.issues) from None
        return node

    def _check_depth(self, node: Expr | None) -> None:
        if _recursion(self.tokens) > MAX_DEPTH:
            self.issues = [_limit(f"expression recursion limit exceeded: {MAX_DEPTH}", self.source)]
        elif node is not None:
            level: list[Expr] = [node]
            for _ in range(MAX_DEPTH + 1):
                level = [child for parent in level for child in children(parent)]
            if level:
                self.issues = [_limit("max recursion depth exceeded", self.source)]

    # Tokens

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        self.stream = self._with_signs(stream)
        return self.stream

    def _with_signs(self, stream: Iterator[Token]) -> Iterator[Token]:
        """Joins a minus to the number that follows it, where an operand begins and it is the only one."""
        held: Token | None = None
        operand_ended = run_of_minuses = False
        for token in stream:
            kind = token.type
            if held is not None:
                if kind in ("NUM_INT", "NUM_FLOAT"):
                    start = held.start_pos
                    token = token.update(value=f"-{token}")
                    token.start_pos = start
                else:
                    run_of_minuses = kind == "MINUS"
                    self.tokens.append(held)
                    yield held
                held = None
            elif kind == "MINUS":
                if not operand_ended and not run_of_minuses:
                    held = token
                    continue
            else:
                run_of_minuses = False
            operand_ended = kind in _OPERAND_ENDS
            self.tokens.append(token)
            yield token
        if held is not None:
            self.tokens.append(held)
            yield held

    # Spans

    def _extent(self, node: Expr) -> tuple[int, int]:
        """Where the node is written, with parentheses and cancelled signs."""
        if self.extents and (wider := self.extents.get(id(node))):
            return wider[1:]
        return node.span.start, node.span.end

    def _widen(self, node: Expr, start: int, end: int) -> Expr:
        self.extents[id(node)] = node, start, end
        return node

    def _across(self, first: Expr, last: Expr, at: Token) -> Span:
        return Span(self._extent(first)[0], self._extent(last)[1], at.start_pos, self.source)

    def _after(self, operand: Expr, at: Token, end: Token) -> Span:
        return Span(self._extent(operand)[0], end.end_pos, at.start_pos, self.source)

    def _between(self, start: Token, end: Token, at: Token) -> Span:
        return Span(start.start_pos, end.end_pos, at.start_pos, self.source)

    def _of(self, token: Token) -> Span:
        return Span(token.start_pos, token.end_pos, token.start_pos, self.source)

    def _wrong(self, message: str, span: Span) -> Expr:
        """Keeps the issue; a node to go on with, that no macro takes."""
        self.issues.append(Issue(message, span))
        return Literal("null_type", None, span=span)

    # Literals

    def int_literal(self, parts: _Parts) -> Expr:
        return self._literal("int", parts[0])

    def uint_literal(self, parts: _Parts) -> Expr:
        return self._literal("uint", parts[0])

    def double_literal(self, parts: _Parts) -> Expr:
        return self._literal("double", parts[0])

    def string_literal(self, parts: _Parts) -> Expr:
        return self._literal("string", parts[0])

    def bytes_literal(self, parts: _Parts) -> Expr:
        return self._literal("bytes", parts[0])

    def _literal(self, kind: str, token: Token) -> Expr:
        try:
            return Literal(kind, literals.READ[kind](token), span=self._of(token))
        except ValueError as error:
            return self._wrong(str(error), self._of(token))

    def true_literal(self, parts: _Parts) -> Expr:
        return Literal("bool", True, span=self._of(parts[0]))

    def false_literal(self, parts: _Parts) -> Expr:
        return Literal("bool", False, span=self._of(parts[0]))

    def null_literal(self, parts: _Parts) -> Expr:
        return Literal("null_type", None, span=self._of(parts[0]))

    # Operators

    def operation(self, parts: _Parts) -> Expr:
        """Operands and operators in turn, by precedence; `&&` and `||` are gathered and balanced."""
        operands: list[Expr] = [parts[0]]
        operators: list[Token] = []
        for i in range(1, len(parts), 2):
            operator = parts[i]
            rank = PRECEDENCE[operator]
            while operators and (PRECEDENCE[operators[-1]] > rank or PRECEDENCE[operators[-1]] == rank > 2):
                self._reduce(operands, operators)
            operators.append(operator)
            operands.append(parts[i + 1])
        while operators:
            self._reduce(operands, operators)
        return operands[0]

    def _reduce(self, operands: list[Expr], operators: list[Token]) -> None:
        """Replaces the last operator, or the whole run of a logical one, and its operands by their call."""
        count = 1
        if operators[-1] in ("&&", "||"):
            while count < len(operators) and operators[-count - 1] == operators[-1]:
                count += 1
        run = operators[-count:]
        node = self._balanced(operands[-count - 1 :], run)
        del operators[-count:], operands[-count - 1 :]
        operands.append(node)

    def _balanced(self, terms: Sequence[Expr], operators: Sequence[Token]) -> Expr:
        if not operators:
            return terms[0]
        middle = len(operators) // 2
        left = self._balanced(terms[: middle + 1], operators[:middle])
        right = self._balanced(terms[middle + 1 :], operators[middle + 1 :])
        operator = operators[middle]
        function = "@in" if operator == "in" else f"_{operator}_"
        return Call(function, (left, right), span=self._across(left, right, operator))

    def logical_not(self, parts: _Parts) -> Expr:
        return self._signed("!_", parts)

    def negation(self, parts: _Parts) -> Expr:
        return self._signed("-_", parts)

    def _signed(self, function: str, parts: _Parts) -> Expr:
        *signs, operand = parts
        start, end = signs[0].start_pos, self._extent(operand)[1]
        if len(signs) % 2 == 0:
            return self._widen(operand, start, end)
        return Call(function, (operand,), span=Span(start, end, start, self.source))

    def conditional(self, parts: _Parts) -> Expr:
        condition, at, yes, _, no = parts
        return Call("_?_:_", (condition, yes, no), span=self._across(condition, no, at))

    def parenthesised(self, parts: _Parts) -> Expr:
        start, node, end = parts
        return self._widen(node, start.start_pos, end.end_pos)

    # Names, members, calls

    def ident(self, parts: _Parts) -> Expr:
        name = parts[-1]
        span = self._between(parts[0], name, name)
        if name in RESERVED:
            return self._wrong(f"reserved identifier: {name}", Span(span.start, span.end, span.start, self.source))
        return Ident(str(name), absolute=len(parts) == 2, span=span)

    def select(self, parts: _Parts) -> Expr:
        operand, at, name = parts
        return Select(operand, self._field(name), span=self._after(operand, at, name))

    def _field(self, name: Token) -> str:
        if name.type == "IDENTIFIER":
            return str(name)
        if not self.syntax.backquotes:
            self._wrong("unsupported syntax: '`'", self._of(name))
        return str(name[1:-1])

    def optional_select(self, parts: _Parts) -> Expr:
        operand, at, _, name = parts
        span = self._after(operand, at, name)
        if not self.syntax.optional:
            return self._wrong("unsupported syntax '.?'", span)
        return Call("_?._", (operand, Literal("string", self._field(name), span=self._of(name))), span=span)

    def index(self, parts: _Parts) -> Expr:
        operand, at, *optional, key, end = parts
        span = self._after(operand, at, end)
        if optional and not self.syntax.optional:
            return self._wrong("unsupported syntax '[?'", span)
        return Call("_[?_]" if optional else "_[_]", (operand, key), span=span)

    def function_call(self, parts: _Parts) -> Expr:
        if absolute := parts[0].type == "DOT":
            _, name, at, *rest, end = parts
        else:
            name, at, *rest, end = parts
        span = self._between(parts[0], end, at)
        args = tuple(rest[::2])
        if name in RESERVED:
            return self._wrong(f"reserved identifier: {name}", Span(span.start, span.end, span.start, self.source))
        if self.syntax.macros and name == "has" and len(args) == 1 and not absolute:
            match args[0]:
                case Select(operand=operand, field=field):
                    return Select(operand, field, test=True, span=span)
                case argument:
                    return self._wrong("invalid argument to has() macro", argument.span)
        return Call(f".{name}" if absolute else str(name), args, span=span)

    def member_call(self, parts: _Parts) -> Expr:
        target, _, name, at, *rest, end = parts
        function = str(name)
        args = tuple(rest[::2])
        span = self._after(target, at, end)
        if self.syntax.macros and (node := self._macro(target, function, args, span)):
            return node
        if self.syntax.bind and (node := self._extension(target, function, args, span)):
            return node
        return Call(function, args, target, span=span)

    # Macros

    def _macro(self, target: Expr, name: str, args: tuple[Expr, ...], span: Span) -> Expr | None:
        """The macro's node; None for what is a call, as a macro's name with other numbers of arguments."""
        match args:
            case var, predicate if name in _QUANTIFIERS:
                loop = self._variable(var, "argument must be a simple name")
                return Comprehension(name, target, loop, predicate, span=span)
            case var, predicate if name == "filter":
                return Comprehension(name, target, self._variable(var), predicate, span=span)
            case var, result if name == "map":
                return Comprehension(name, target, self._variable(var), None, result, span=span)
            case var, condition, result if name == "map":
                return Comprehension(name, target, self._variable(var), condition, result, span=span)
            case var, body if name in ("optMap", "optFlatMap") and self.syntax.optional:
                variable = self._name(var, f"{name}() variable name must be a simple identifier")
                return OptMap(target, variable, body, flat=name == "optFlatMap", span=span)
            case var, key if name == "sortBy" and self.syntax.sort_by:
                return self._sort_by(target, var, key, span)
            case var, var2, predicate if name in _QUANTIFIERS2 and self.syntax.two_variable:
                first, second = self._variables(var, var2)
                return Comprehension(name, target, first, predicate, None, second, span=span)
            case var, var2, result if name in _TRANSFORMATIONS and self.syntax.two_variable:
                first, second = self._variables(var, var2)
                return Comprehension(name, target, first, None, result, second, span=span)
            case var, var2, condition, result if name in _TRANSFORMATIONS and self.syntax.two_variable:
                first, second = self._variables(var, var2)
                return Comprehension(name, target, first, condition, result, second, span=span)
            case _:
                return None

    def _extension(self, target: Expr, name: str, args: tuple[Expr, ...], span: Span) -> Expr | None:
        """The node of a macro that is written as a function of `cel` or `math`; None for what is a call."""
        if target == Ident("math") and name in _EXTREMES:
            return self._extreme(f"math.{name}()", _EXTREMES[name], target, args, span)
        if target != Ident("cel"):
            return None
        match name, args:
            case "bind", (var, value, body):
                variable = self._name(var, "cel.bind() variable names must be simple identifiers")
                return Bind(variable, value, body, span=span)
            case "block", (ListExpr(items=items), body):
                for i, item in reversed(tuple(enumerate(items))):
                    body = Bind(f"@index{i}", item, body, span=span)
                return body
            case "index", (Literal(kind="int", value=int(index)),):
                return Ident(f"@index{index}", span=span)
            case (("iterVar" | "accuVar"), (Literal(kind="int", value=depth), Literal(kind="int", value=index))):
                return Ident(f"@{'it' if name == 'iterVar' else 'ac'}:{depth}:{index}", span=span)
        return None

    def _extreme(self, macro: str, function: str, target: Expr, args: tuple[Expr, ...], span: Span) -> Expr:
        """math.greatest or math.least: one number, a list of them, or any number of them."""
        match args:
            case ():
                return self._wrong(f"{macro} requires at least one argument", target.span)
            case (ListExpr(items=(_, *_) as items),) if all(map(_may_be_number, items)):
                pass
            case (argument,) if not _may_be_number(argument):
                return self._wrong(f"{macro} invalid single argument value", argument.span)
            case _:
                for argument in args:
                    if not _may_be_number(argument):
                        return self._wrong(f"{macro} simple literal arguments must be numeric", argument.span)
        return Call(function, args if len(args) < 3 else (ListExpr(args, span=span),), span=span)

    def _sort_by(self, target: Expr, var: Expr, key: Expr, span: Span) -> Expr:
        if isinstance(target, Literal | MapExpr | Message):
            message = "sortBy can only be applied to a list, identifier, comprehension, call or select expression"
            return self._wrong(message, target.span)
        items = Ident(SORTED, span=span)
        keys = Comprehension("map", items, self._variable(var), None, key, span=span)
        return Bind(SORTED, target, Call("@sortByAssociatedKeys", (keys,), items, span=span), span=span)

    def _variable(self, node: Expr, message: str = "argument is not an identifier") -> str:
        name = self._name(node, message)
        self._check_free(name, node)
        return name

    def _variables(self, first: Expr, second: Expr) -> tuple[str, str]:
        """As cel-go, with the first issue only."""
        known = len(self.issues)
        one = self._name(first, "argument must be a simple name")
        if len(self.issues) > known:
            return "", ""
        two = self._name(second, "argument must be a simple name")
        if len(self.issues) > known:
            return "", ""
        if one == two:
            self._wrong(f"duplicate variable name: {one}", second.span)
        else:
            self._check_free(one, first)
            self._check_free(two, second)
        return one, two

    def _check_free(self, name: str, node: Expr) -> None:
        if name == "__result__":
            self._wrong("iteration variable overwrites accumulator variable", node.span)

    def _name(self, node: Expr, message: str) -> str:
        if isinstance(node, Ident):
            return f".{node.name}" if node.absolute else node.name
        self._wrong(message, node.span)
        return ""

    # Lists, maps, messages

    def list_literal(self, parts: _Parts) -> Expr:
        start, *rest, end = parts
        items: list[Expr] = []
        optional: set[int] = set()
        for part in rest:
            match getattr(part, "type", None):
                case "QUESTION":
                    if not self.syntax.optional:
                        self._wrong("unsupported syntax '?'", self._of(part))
                    optional.add(len(items))
                case "COMMA":
                    pass
                case _:
                    items.append(part)
        return ListExpr(tuple(items), frozenset(optional), span=self._between(start, end, start))

    def entry(self, parts: _Parts) -> Entry:
        *optional, key, at, value = parts
        span = self._across(key, value, at)
        if optional:
            span = self._optional(optional[0], span)
        return Entry(key, value, optional=bool(optional), span=span)

    def _optional(self, mark: Token, span: Span) -> Span:
        """The span with the mark before it."""
        if not self.syntax.optional:
            self._wrong("unsupported syntax '?'", self._of(mark))
        return Span(mark.start_pos, span.end, span.at, self.source)

    def map_literal(self, parts: _Parts) -> Expr:
        start, *rest, end = parts
        entries = tuple(part for part in rest if isinstance(part, Entry))
        return MapExpr(entries, span=self._between(start, end, start))

    def field_init(self, parts: _Parts) -> FieldInit:
        *optional, name, at, value = parts
        span = Span(name.start_pos, self._extent(value)[1], at.start_pos, self.source)
        if optional:
            span = self._optional(optional[0], span)
        return FieldInit(self._field(name), value, optional=bool(optional), span=span)

    def message(self, parts: _Parts) -> Expr:
        name, at, *rest, end = parts
        fields = tuple(part for part in rest if isinstance(part, FieldInit))
        return Message(_dotted(name), fields, span=self._after(name, at, end))


@dataclass(slots=True)
class _Open:
    """What is open between two brackets: expressions (the last branch of `?:` is one in another), and whether the place
    is right of a comparison, of a sum, of a product in that. `questions`: how many a colon is yet to come for.
    """

    exprs: int = 1
    compared: int = 0
    added: int = 0
    multiplied: int = 0
    questions: int = 0


def _recursion(tokens: Sequence[Token]) -> int:
    """How often, at most, a rule of cel-go's grammar is within itself."""
    deepest = exprs = relations = sums = 0  # the last three: of what encloses the innermost bracket
    levels = [_Open()]
    ended = False
    for token in tokens:
        at, kind = levels[-1], token.type
        if not ended and kind not in _CLOSING:
            inside = max(exprs, relations + at.compared, sums + at.added + at.multiplied)
            deepest = max(deepest, at.exprs + inside)
        if kind in _OPENING:
            exprs += at.exprs
            relations += at.exprs + at.compared
            sums += at.exprs + at.added + at.multiplied
            levels.append(_Open())
        elif kind in _CLOSING and len(levels) > 1:
            at = levels[-2]
            exprs -= at.exprs
            relations -= at.exprs + at.compared
            sums -= at.exprs + at.added + at.multiplied
            levels.pop()
        elif kind == "COMMA":
            levels[-1] = _Open()
        elif kind == "QUESTION" and ended:
            levels[-1] = _Open(at.exprs, questions=at.questions + 1)
        elif kind == "COLON":
            levels[-1] = _Open(at.exprs + 1, questions=at.questions - 1) if at.questions else _Open()
        elif kind == "OPERATOR" or (kind == "MINUS" and ended):
            rank = PRECEDENCE[token]
            if rank < 4:
                levels[-1] = _Open(at.exprs, int(rank == 3), questions=at.questions)
            else:
                at.added, at.multiplied = (1, 0) if rank == 4 else (at.added, 1)
        ended = kind in _OPERAND_ENDS
    return deepest


_OPENING = frozenset({"LPAREN", "LBRACKET", "LBRACE"})
_CLOSING = frozenset({"RPAREN", "RBRACKET", "RBRACE"})


def _may_be_number(node: Expr) -> bool:
    if isinstance(node, Literal):
        return node.kind in ("int", "uint", "double")
    return not isinstance(node, ListExpr | MapExpr | Message)


def _dotted(name: Expr) -> str:
    """The message's name as it is written: names and dots, by the grammar."""
    fields: list[str] = []
    while isinstance(name, Select):
        fields.append(name.field)
        name = name.operand
    if not isinstance(name, Ident):  # a reserved word, of which there is an issue
        return ""
    return "." * name.absolute + ".".join((name.name, *reversed(fields)))
