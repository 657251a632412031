"""Checked CEL to the statements of a Python function: control flow, loops, selections; the fast form.

The fast form is written for the usual case. Where it gives a value it is CEL's; anything else (a failed guard, a
missing key, an error of a function) is a surprise, upon which the exact form decides. Hence it may evaluate in
any order, and needs no care for errors and their absorption.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from functools import partial

from admit.cel.ast import Bind, Call, Comprehension, Expr, Ident, ListExpr, Literal, MapExpr, Node, Select
from admit.cel.emit.bounds import MOST_WORK, most_work
from admit.cel.emit.frame import Exit, Frame, Py, Surprise, Unfit, both, either, negated
from admit.cel.emit.names import Numbering, Renamer
from admit.cel.emit.native import NATIVE, may_be_exclusive
from admit.cel.emit.optionals import Optionals, is_optional, stem
from admit.cel.library import dispatcher, implementation, operation, result_of
from admit.cel.quote import constant, quote, statements
from admit.cel.types import Kind
from admit.cel.values import Optional
from admit.source import UNKNOWN, Span

DEEPEST_LOOP = 12
"""CPython refuses 21 nested blocks."""

LONGEST_CHAIN = 12
"""Operands of `||` that are tested one inside the other."""

KIND_OF_TYPE = {
    "int": "int",
    "uint": "Uint",
    "double": "float",
    "bool": "bool",
    "string": "str",
    "bytes": "bytes",
    "null_type": "NoneType",
    "list": "list",
    "google.protobuf.Timestamp": "Timestamp",
    "google.protobuf.Duration": "Duration",
}


class Emitter:
    """Emits expressions over one set of parameters into one function; what one has found out, the next one uses."""

    def __init__(self, parameters: Sequence[str], kubernetes: int | None = None) -> None:
        self.frame = Frame(parameters)
        self.kubernetes = kubernetes
        self.parameters = frozenset(parameters)
        self.variables: dict[str, Py] = {}
        self.definitions: dict[str, Expr] = {}
        self._prepared: dict[str, Expr] = {}
        self._defined_names: dict[str, str] = {}
        self.numbering = Numbering()
        self.optionals = Optionals(self)
        self._renamer = Renamer()
        self._element = ""  # the variable of the innermost loop
        self._most = MOST_WORK

    def prepare(self, expr: Expr) -> Expr:
        """The expression as it must be given to the other methods. All are prepared before the first is emitted."""
        renamed = self._renamer.rename(expr, {})
        self.frame.exclusives = self.frame.exclusives or may_be_exclusive(renamed)
        self.numbering.add(renamed)
        self._most = min(self._most, most_work(renamed))
        for name in self._renamer.free & self.definitions.keys() - self._prepared.keys():
            self._prepared[name] = expr  # it is not its own definition
            self._prepared[name] = self.prepare(self.definitions[name])
        return renamed

    def define(self, name: str, expr: Expr) -> None:
        """A variable that stands for an expression, computed where it is first used."""
        self.definitions[name] = expr

    # Control flow: what follows is reached only where ...

    def unless(self, node: Expr, exit: Exit) -> None:
        """... the condition is true; the exit is taken where it is false."""
        self._settle(node, True, exit)

    def when(self, node: Expr, exit: Exit) -> None:
        """... the condition is false; the exit is taken where it is true."""
        self._settle(node, False, exit)

    def where(self, condition: Expr, body: Callable[[], None]) -> None:
        """What `body` emits is done where the condition is true."""
        self._branch(condition, body, lambda: None)

    def _settle(self, node: Expr, wanted: bool, exit: Exit) -> None:
        """... the condition is as wanted."""
        span = node.span
        match node:
            case Literal(kind="bool", value=value):
                if value is not wanted:
                    self.frame.block.extend(exit.stmts)
            case Call(function="!_", args=(a,)):
                self._settle(a, not wanted, exit)
            case Call(function="_&&_" | "_||_" as operator):
                operands = _chain(node, operator)
                if (operator == "_&&_") is wanted:
                    for operand in operands:
                        self._settle(operand, wanted, exit)
                else:
                    self._settle_one_of(operands, wanted, exit, span)
            case Call(function="_?_:_", args=(condition, a, Literal(kind="bool", value=True))) if wanted:
                against = [Call("!_", (each,), span=each.span) for each in _chain(condition, "_&&_")]
                self._settle_one_of([*against, a], wanted, exit, span)
            case Call(function="_?_:_", args=(condition, a, b)):
                self._branch(condition, partial(self._settle, a, wanted, exit), partial(self._settle, b, wanted, exit))
            case Comprehension(macro="exists", var2=None, var=var, condition=predicate) if (
                _wanted_text(predicate, var) is not None
            ):
                self._leave(self.test(node), wanted, exit, span)
            case Comprehension(macro="all" | "exists" as macro, var2=None, condition=Node() as predicate) if (
                not self._fuses(node.range)
            ):
                if (macro == "all") is not wanted:
                    self.loop(node, partial(self._settle, predicate, not wanted, _break(span)), exit.stmts)
                elif exit.far:
                    self.loop(node, partial(self._settle, predicate, wanted, exit))
                else:
                    self._leave(self.test(node), wanted, exit, span)
            case Select(test=True) | Comprehension():
                self._leave(self.test(node), wanted, exit, span)
            case _:
                value = self.value(node)
                if self.frame.kind(value):
                    self._leave(self.frame.guard(value, span, "bool").code, wanted, exit, span)
                else:
                    self._leave_bool(self.frame.named(value, span), wanted, exit, span)
        self._assume(node, wanted)

    def _settle_one_of(self, operands: Sequence[Expr], wanted: bool, exit: Exit, span: Span) -> None:
        """The exit is taken where no operand is as wanted; each is asked only where those before it were not."""
        first, *rest = operands
        if not rest:
            self._settle(first, wanted, exit)
            return
        test = self.test(first)
        with self.frame.scope() as inner:
            self._assume(first, not wanted)
            self._settle_one_of(rest, wanted, exit, span)
        if inner:
            self.frame.emit("if test: inner", span, test=negated(test, span) if wanted else test, inner=inner)
        else:
            self._ask(test, span)

    def _leave(self, test: ast.expr, wanted: bool, exit: Exit, span: Span) -> None:
        self.frame.emit("if test: leave", span, test=negated(test, span) if wanted else test, leave=exit.stmts)

    def _leave_bool(self, value: Py, wanted: bool, exit: Exit, span: Span) -> None:
        """As `_leave`, for a value that is not sure to be a bool: the usual case has one test."""
        self.frame.emit(
            "if value is not wanted:\n if value is not unwanted: raise surprise\n leave",
            span,
            value=value.code,
            wanted=constant(wanted, span),
            unwanted=constant(not wanted, span),
            surprise=self.frame.helper(Surprise, "Surprise"),
            leave=exit.stmts,
        )

    def _branch(self, condition: Expr, yes: Callable[[], None], no: Callable[[], None]) -> None:
        span = condition.span
        test = self.test(condition)
        with self.frame.scope() as if_true:
            self._assume(condition, True)
            yes()
        with self.frame.scope() as if_false:
            self._assume(condition, False)
            no()
        if if_true and if_false:
            self.frame.emit("if test: yes\nelse: no", span, test=test, yes=if_true, no=if_false)
        elif if_true:
            self.frame.emit("if test: yes", span, test=test, yes=if_true)
        elif if_false:
            self.frame.emit("if test: no", span, test=negated(test, span), no=if_false)
        else:
            self._ask(test, span)

    def _ask(self, test: ast.expr, span: Span) -> None:
        """A test of which nothing depends: it may be a surprise."""
        self.frame.named(Py(test, "bool"), span)

    def _assume(self, node: Expr, truth: bool) -> None:
        """From here on the condition is known: what `has` found is there."""
        match node:
            case Select(test=True) if truth:
                key = self.numbering.selection(node)
                found = self.frame.known.get(("maybe", key))
                if found is not None:
                    self.frame.known[key] = found
            case Call(function="!_", args=(a,)):
                self._assume(a, not truth)
            case Call(function="_&&_" | "_||_" as operator, args=(a, b)) if (operator == "_&&_") is truth:
                self._assume(a, truth)
                self._assume(b, truth)

    # Conditions

    def test(self, node: Expr) -> ast.expr:
        """A Python bool; statements that it needs stand before it."""
        span = node.span
        match node:
            case Literal(kind="bool", value=value):
                return constant(value, span)
            case Call(function="!_", args=(a,)):
                return negated(self.test(a), span)
            case Call(function="_&&_" | "_||_" as operator, args=(a, b)):
                return self._connective(operator == "_&&_", a, b, span)
            case Comprehension(macro="exists", var2=None, var=var, condition=condition) if (
                text := _wanted_text(condition, var)
            ) is not None:
                container = self._iterable(node.range)
                return quote("text in container", span, text=constant(text, span), container=container.code)
            case Comprehension(macro="all" | "exists" as macro, var2=None, condition=Node() as predicate):
                start = macro == "all"
                flag = self.flag(start, span)
                found = statements("flag = value", span, flag=flag, value=constant(not start, span))
                if self._fuses(node.range):
                    self.loop(node, partial(self._settle_once, flag, predicate, start, found))
                else:
                    leave = Exit([*found, *_break(span).stmts])
                    self.loop(node, partial(self._settle, predicate, start, leave))
                return quote("flag", span, flag=flag)
            case Comprehension(macro="exists_one" | "existsOne", var2=None, condition=Node() as predicate):
                count = self.frame.fresh("count")
                self.frame.emit("count = 0", span, count=count)

                def step() -> None:
                    self.unless(predicate, _continue(span))
                    self.frame.emit("count = count + 1", span, count=count)

                self.loop(node, step)
                return quote("count == 1", span, count=count)
            case Select(test=True):
                return self._has(node)
            case _:
                value = self.value(node)
                return self.frame.guard(value, span, "bool").code

    def _connective(self, conjunction: bool, a: Expr, b: Expr, span: Span) -> ast.expr:
        first = self.test(a)
        with self.frame.scope() as inner:
            self._assume(a, conjunction)
            second = self.test(b)
        if not inner:
            return both([first, second], span) if conjunction else either([first, second], span)
        flag = self.frame.fresh("t")
        self.frame.emit("flag = first", span, flag=flag, first=first)
        test = quote("flag", span, flag=flag)
        inner += statements("flag = second", span, flag=flag, second=second)
        self.frame.emit("if test: inner", span, test=test if conjunction else negated(test, span), inner=inner)
        return test

    def flag(self, value: bool | ast.expr, span: Span) -> str:
        flag = self.frame.fresh("t")
        start = constant(value, span) if isinstance(value, bool) else value
        self.frame.emit("flag = value", span, flag=flag, value=start)
        return flag

    def _has(self, node: Select) -> ast.expr:
        if is_optional(node.operand.type):
            raise Unfit("has() through an optional")
        span, key = node.span, self.numbering.selection(node)
        operand = self.operand(node.operand)
        if key is None:
            operand = self.frame.guard(operand, span, "dict")
            return quote("key in operand", span, key=constant(node.field, span), operand=operand.code)
        found = self.frame.known.get(("maybe", key))
        missing = self.optionals.missing()
        if found is None:  # the value is wanted too: one look gives both, and only a dict has `get`
            look = quote("a.get(key, missing)", span, a=operand.code, key=constant(node.field, span), missing=missing)
            found = self.frame.known["maybe", key] = self.frame.named(Py(look), span, stem(node))
            self.frame.learn(operand, "dict")
        return quote("found is not missing", span, found=found.code, missing=missing)

    def _settle_once(self, flag: str, predicate: Expr, wanted: bool, found: Sequence[ast.stmt]) -> None:
        """As `_settle`, while the flag is as wanted; the loop goes on, for the steps before it may yet fail."""
        span = predicate.span
        test = quote("flag", span, flag=flag)
        self._leave(test, wanted, _continue(span), span)
        self._settle(predicate, wanted, Exit([*found, *_continue(span).stmts]))

    # Loops

    def loop(self, node: Comprehension, body: Callable[[], None], orelse: Sequence[ast.stmt] = ()) -> None:
        """A `for` over the range of a comprehension, `body` emitting what is done for each element.

        What `filter` and `map` give to a loop is not built: their steps become part of it.
        """
        self._loop(node.range, node.var, body, orelse, node.span)

    def _loop(self, range_: Expr, var: str, body: Callable[[], None], orelse: Sequence[ast.stmt], span: Span) -> None:
        if self._fuses(range_):
            assert isinstance(range_, Comprehension)
            self._loop(range_.range, range_.var, partial(self._fused, range_, var, body), orelse, span)
            return
        source = self._iterable(range_)
        self.frame.loops += 1
        if self.frame.loops > DEEPEST_LOOP:
            raise Unfit("loops nested too deep")
        item = self.frame.fresh("v_" + var.partition("#")[0])
        outer, self._element = self._element, var
        with self.frame.scope() as inner:
            self.variables[var] = Py(quote("item", span, item=item), source.element)
            body()
        self.frame.loops -= 1
        self._element = outer
        if not inner:  # nothing is asked of an element
            self.frame.named(source, span)
            self.frame.block.extend(orelse)
            return
        if (source.literal is None or self.frame.loops) and not _is_part(range_, outer):
            source = self._bounded(source, inner, range_.span)
        template = "for item in source:\n inner\nelse:\n orelse" if orelse else "for item in source:\n inner"
        self.frame.emit(template, span, item=item, source=source.code, inner=inner, orelse=orelse)

    def _bounded(self, source: Py, body: Sequence[ast.stmt], span: Span) -> Py:
        """The source of a loop, not too long for what is done to each element, nor too often gone through."""
        source = self.frame.named(source, span)
        step = sum(1 for each in body for _ in ast.walk(each))
        known = {"source": source.code, "step": constant(step, span), "most": constant(self._most, span)}
        known["len"] = quote("len", span, len=self.frame.helper(len, "len"))
        known["surprise"] = quote("surprise", span, surprise=self.frame.helper(Surprise, "Surprise"))
        if self.frame.loops:
            template = "work = work + len(source) * step\nif work > most: raise surprise"
            self.frame.emit(template, span, work=self.frame.work(), **known)
        else:
            known["longest"] = constant(self._most // step, span)
            self.frame.emit("if len(source) > longest: raise surprise", span, **known)
        return source

    def _fuses(self, range_: Expr) -> bool:
        """Whether the list is not built: its steps become part of the loop, which is then to go to the end."""
        match range_:
            case Comprehension(macro="filter" | "map", var2=None):
                return not self.numbering.shared(range_)
        return False

    def _iterable(self, node: Expr) -> Py:
        """A list, or a dict for its keys."""
        stands_for = self._prepared.get(node.name, node) if isinstance(node, Ident) else node
        if isinstance(stands_for, Call) and stands_for.function == "_+_":
            return self._concatenation(stands_for)
        source = self.operand(node)
        if self.frame.kind(source) == "list":
            return source
        kinds = ("dict", "list") if node.type is not None and node.type.kind is Kind.MAP else ("list", "dict")
        return self.frame.guard(source, node.span, *kinds)

    def _concatenation(self, node: Expr) -> Py:
        """A list; of a sum of lists, mostly empty ones, no more is copied than must be."""
        if not (isinstance(node, Call) and node.function == "_+_"):
            return self.frame.guard(self.operand(node), node.span, "list")
        key = ("list", self.numbering.of(node))
        known = self.frame.known.get(key)
        if known is None:
            a, b = (self.frame.named(self._concatenation(arg), arg.span) for arg in node.args)
            joined = Py(quote("a + b if b else a", node.span, a=a.code, b=b.code), "list")
            known = self.frame.known[key] = self.frame.named(joined, node.span)
        return known

    def _fused(self, node: Comprehension, var: str, body: Callable[[], None]) -> None:
        if node.condition is not None:
            self.unless(node.condition, _continue(node.span))
        if node.result is None:
            self.variables[var] = self.variables[node.var]
        else:
            self.variables[var] = self.frame.named(self.value(node.result), node.span)
        body()

    # Values

    def value(self, node: Expr) -> Py:
        """The value of an expression; statements that it needs stand before it."""
        if isinstance(node, Ident) and node.name in self.parameters and node.name not in self.variables:
            self.frame.bound(node.name)
        return self.operand(node)

    def operand(self, node: Expr) -> Py:
        """As `value`, for uses that notice by themselves where a variable was not given."""
        match node:
            case Literal():
                return Py(self.frame.fixed(node.value, node.span), _kind_of_literal(node), literal=node)
            case Ident(name=name) if name not in self.definitions:
                return self._variable(node)
        key = self.numbering.of(node)
        known = self.frame.known.get(key)
        if known is None and self.frame.loops and isinstance(node, Ident):
            known = self.frame.known[key] = self._defined(node)
        elif known is None:
            known = self._compute(node)
            if self.numbering.shared(node):
                if not _is_cheap(known.code):
                    known = self.frame.named(known, node.span, stem(node))
                self.frame.known[key] = known
        return known

    def _defined(self, node: Ident) -> Py:
        """A definition that is first used in a loop: computed in the first turn that gets there."""
        with self.frame.scope() as inner:
            value = self._compute(node)
        if not inner and _is_cheap(value.code):
            return value
        missing = self.optionals.missing()
        name = self._defined_names.get(node.name)
        if name is None:
            name = self._defined_names[node.name] = self.frame.fresh(stem(node))
            self.frame.prologue.extend(statements("name = missing", UNKNOWN, name=name, missing=missing))
        inner += statements("name = value", node.span, name=name, value=value.code)
        self.frame.emit("if name is missing: inner", node.span, name=name, missing=missing, inner=inner)
        return Py(quote("name", node.span, name=name), self.frame.kind(value), value.element)

    def _variable(self, node: Ident) -> Py:
        variable = self.variables.get(node.name)
        if variable is not None:
            return variable
        if node.name not in self.parameters:
            raise Unfit(f"no variable {node.name}")
        return Py(quote("name", node.span, name=node.name))

    def _compute(self, node: Expr) -> Py:
        span = node.span
        match node:
            case Ident(name=name):
                return self.value(self._prepared[name])
            case Select(test=False) if not is_optional(node.operand.type):
                operand = self.operand(node.operand)
                if self.frame.kind(operand) not in ("", "dict"):  # Python warns of `1['field']`
                    raise Unfit("a field of what has none")
                return Py(quote("a[key]", span, a=operand.code, key=constant(node.field, span)))
            case Select(test=True):
                return Py(self.test(node), "bool")
            case Call(function="_&&_" | "_||_" | "!_"):
                return Py(self.test(node), "bool")
            case Comprehension(macro="all" | "exists" | "exists_one" | "existsOne", var2=None):
                return Py(self.test(node), "bool")
            case Call(function="_?_:_", args=(condition, a, b)):
                return self._conditional(condition, a, b, span)
            case Call(function="orValue", target=Node() as target, args=(default,)):
                return self.optionals.or_value(node, target, default)
            case Call(function="hasValue", target=Node() as target, args=()):
                found = self.optionals.found(target)
                return Py(quote("a is not missing", span, a=found.code, missing=self.optionals.missing()), "bool")
            case Call(function="value", target=Node() as target, args=()):
                found = self.optionals.found(target)
                test = quote("a is missing", span, a=found.code, missing=self.optionals.missing())
                self.frame.emit(
                    "if test: raise surprise", span, test=test, surprise=self.frame.helper(Surprise, "Surprise")
                )
                return found
            case Call(function="flatten", target=Comprehension() as target, args=()) if self._is_list_of_lists(target):
                return self._collected(target, flat=True)
            case Call():
                return self._call(node)
            case ListExpr(items=items, optional=optional) if not optional:
                values = [self.value(item) for item in items]
                kinds = {self.frame.kind(value) for value in values}
                made = quote("x", span)
                code = ast.copy_location(ast.List([value.code for value in values], ast.Load()), made)
                return Py(code, "list", kinds.pop() if len(kinds) == 1 else "")
            case MapExpr(entries=entries) if not any(entry.optional for entry in entries):
                return self._map(node)
            case Comprehension(macro="filter" | "map", var2=None):
                return self._collected(node)
            case Bind(var=var, value=value, body=body):
                self.variables[var] = self.frame.named(self.value(value), span)
                return self.value(body)
            case _:
                raise Unfit(f"no fast form of {type(node).__name__}")

    def _conditional(self, condition: Expr, a: Expr, b: Expr, span: Span) -> Py:
        if any(
            is_optional(each.type) or (isinstance(each, Literal) and type(each.value) is Optional) for each in (a, b)
        ):
            raise Unfit("an optional that is packed anew")
        test = self.test(condition)
        name = self.frame.fresh("t")
        kinds = []
        branches = []
        for branch, truth in ((a, True), (b, False)):
            with self.frame.scope() as inner:
                self._assume(condition, truth)
                value = self.value(branch)
                kinds.append((self.frame.kind(value), value.element))
                self.frame.emit("name = value", span, name=name, value=value.code)
            branches.append(inner)
        self.frame.emit("if test: yes\nelse: no", span, test=test, yes=branches[0], no=branches[1])
        kind, element = kinds[0] if kinds[0] == kinds[1] else (kinds[0][0] if kinds[0][0] == kinds[1][0] else "", "")
        return Py(quote("name", span, name=name), kind, element)

    def _map(self, node: MapExpr) -> Py:
        """A map of strings; keys that are not literals must turn out to be different ones."""
        span = node.span
        keys = [self.frame.guard(self.value(entry.key), span, "str") for entry in node.entries]
        values = [self.value(entry.value) for entry in node.entries]
        code = ast.copy_location(ast.Dict([k.code for k in keys], [v.code for v in values]), quote("x", span))
        made = Py(code, "dict", "str")
        literals = {key.literal.value for key in keys if key.literal is not None and type(key.literal.value) is str}
        if len(literals) < len(keys):
            made = self.frame.named(made, span)
            self.frame.emit(
                "if len(made) != count: raise surprise",
                span,
                made=made.code,
                count=constant(len(keys), span),
                len=self.frame.helper(len, "len"),
                surprise=self.frame.helper(Surprise, "Surprise"),
            )
        return made

    def _collected(self, node: Comprehension, flat: bool = False) -> Py:
        """The list that `filter` or `map` gives; `flat`, what is in the lists that are in it."""
        if isinstance(node.condition, Literal) and node.condition.value is False and not flat:
            self.frame.named(self._iterable(node.range), node.span)
            return Py(self.frame.fixed([], node.span), "list")
        items = self.frame.fresh("items")
        self.frame.emit("items = []", node.span, items=items)
        kind = self._collect(node, items, flat)
        return Py(quote("items", node.span, items=items), "list", kind)

    def _collect(self, node: Comprehension, items: str, flat: bool) -> str:
        """Appends to the items, and tells of which kind they are."""
        span = node.span
        kinds: list[str] = []

        def step() -> None:
            if node.condition is not None:
                self.unless(node.condition, _continue(span))
            if flat:
                assert isinstance(node.result, Comprehension)
                kinds.append(self._collect(node.result, items, flat=False))
                return
            value = self.variables[node.var] if node.result is None else self.value(node.result)
            kinds.append(self.frame.kind(value))
            self.frame.emit("items.append(value)", span, items=items, value=value.code)

        self.loop(node, step)
        return kinds[0] if len(kinds) == 1 else ""

    def _is_list_of_lists(self, node: Comprehension) -> bool:
        """Whether it maps to lists that are made for it alone, so that they need not be made."""
        match node.result:
            case Comprehension(macro="filter" | "map", var2=None) as inner if node.macro == "map" and node.var2 is None:
                return not self.numbering.shared(node) and not self.numbering.shared(inner)
        return False

    # Calls

    def _call(self, node: Call) -> Py:
        span = node.span
        operands = tuple(self._argument(node, operand) for operand in node.operands)
        if any(map(is_optional, (operand.type for operand in node.operands))) or is_optional(node.type):
            raise Unfit("an optional value")
        native = NATIVE.get(node.function)
        if node.function in _CONVERSIONS and len(node.overloads) == 1:
            native = native if self.frame.kind(operands[0]) in _GUARDED else None  # of the type that the checker saw
        made = None if native is None else native(self.frame, span, operands)
        if made is None:
            if node.function in _OF_LISTS and len(operands) == 1:
                operands = (self.frame.guard(operands[0], span, "list"),)
                called = implementation(node.function, self.kubernetes)
            else:
                called = dispatcher(operation(node.function, node.overloads), self.kubernetes)
            call = self.frame.helper(called, _word(node.function))
            if node.function == "_[_]":
                container, key = operands
                if self.frame.kind(container) in ("", "dict") and not self.frame.kind(key):
                    return self._looked_up(container, key, call, span)
            code = quote("call()", span, call=call)
            assert isinstance(code, ast.Call)
            code.args = [operand.code for operand in operands]
            result = result_of(node.function, self.kubernetes)
            kind = "" if result is None else KIND_OF_TYPE.get(result.name, "")
            made = Py(code, "list" if node.function in _OF_LISTS else kind)
        return made

    def _looked_up(self, container: Py, key: Py, call: str, span: Span) -> Py:
        """`container[key]`, of which mostly one is a map and the other a text."""
        container, key = self.frame.named(container, span), self.frame.named(key, span)
        sure = self.frame.kind(container) == "dict"
        test = "type(b) is str" if sure else "type(b) is str and type(a) is dict"
        return Py(
            quote(
                f"a[b] if {test} else call(a, b)",
                span,
                a=container.code,
                b=key.code,
                call=call,
                type=self.frame.helper(type, "type"),
                str=self.frame.type_name("str"),
                dict=self.frame.type_name("dict"),
            )
        )

    def _argument(self, node: Call, operand: Expr) -> Py:
        """An operand; where the only overload takes one kind of value, of that kind unless the function itself sees."""
        if node.function == "_[_]" and operand is node.args[0]:
            return self.operand(operand)
        value = self.value(operand)
        if not self.frame.kind(value) and node.function in _TYPED and operand.type is not None:
            kind = KIND_OF_TYPE.get(operand.type.name, "")
            if kind in _GUARDED:
                return self.frame.guard(value, operand.span, kind)
        return value


_CONVERSIONS = {"string", "duration", "timestamp"}
_TYPED = {"_+_", "_-_", "_*_", "_<_", "_<=_", "_>_", "_>=_", "_==_", "_!=_", "@in", *_CONVERSIONS}
_GUARDED = ("int", "float", "str")
_OF_LISTS = ("distinct", "flatten", "sort")
"""Functions whose overloads for one operand are one, which errs for every list that none of them takes."""


def _word(function: str) -> str:
    """A name for a function in generated code."""
    name = function.replace(".", "_")
    return name if name.isidentifier() and name.isascii() else "call"


def _is_cheap(code: ast.expr) -> bool:
    """Whether to compute it again costs no more than to keep it."""
    match code:
        case ast.Compare(left=ast.Name(), comparators=[ast.Name() | ast.Constant()]):
            return True
    return isinstance(code, ast.Name | ast.Constant)


def _wanted_text(condition: Expr | None, var: str) -> str | None:
    """The text of `x == 'text'`, x being the variable."""
    match condition:
        case (
            Call(function="_==_", args=(Ident(name=name), Literal(kind="string", value=str(text))))
            | Call(function="_==_", args=(Literal(kind="string", value=str(text)), Ident(name=name)))
        ) if name == var:
            return text
    return None


def _kind_of_literal(node: Literal) -> str:
    if node.kind == "constant":
        return type(node.value).__name__
    return KIND_OF_TYPE[node.kind]


def _break(span: Span) -> Exit:
    return Exit(statements("while True:\n break", span)[0].body)  # type: ignore[attr-defined]


def _continue(span: Span) -> Exit:
    return Exit(statements("while True:\n continue", span)[0].body)  # type: ignore[attr-defined]


def _is_part(node: Expr, element: str) -> bool:
    """Whether a list is a part of the element: all such lists together are no more than the list of the elements."""
    match node:
        case Ident(name=name):
            return name == element
        case Select(operand=part):
            return _is_part(part, element)
        case Call(function="_[_]" | "_?._" | "_[?_]", args=(part, Literal())):
            return _is_part(part, element)
        case Call(function="orValue", target=Node() as part, args=(Literal(),)):
            return _is_part(part, element)
    return False


def _chain(node: Expr, operator: str) -> list[Expr]:
    """The operands of a chain of one operator, in order; of a long one its two halves, lest code be nested too deep."""
    match node:
        case Call(function=function, args=(a, b)) if function == operator:
            left, right = _chain(a, operator), _chain(b, operator)
            return [*left, *right] if len(left) + len(right) <= LONGEST_CHAIN else [a, b]
    return [node]


def far_return(value: object, span: Span = UNKNOWN) -> Exit:
    """`return value`"""
    made = ast.Return(constant(value, span))
    return Exit([ast.copy_location(made, constant(None, span))], far=True)
