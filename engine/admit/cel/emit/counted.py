"""A priced expression to Python that counts as it goes: a plain translation, node by node.

As in the fast form, anything but the usual case is a surprise, and the counting evaluator decides. What a block is
charged whatever happens is one sum, since only the total matters. Nothing is charged before it is done, so that the
limit is passed in any case where it is seen to be.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from admit.cel.ast import (
    Bind,
    Call,
    Comprehension,
    Expr,
    Ident,
    ListExpr,
    Literal,
    MapExpr,
    Node,
    OptMap,
    Select,
    children,
)
from admit.cel.cost.folds import FOLDS, LIST, MAP
from admit.cel.cost.priced import INDEXES, Priced
from admit.cel.cost.runtime import Price, one
from admit.cel.emit.emitter import KIND_OF_TYPE
from admit.cel.emit.frame import Exceeded, Frame, Py, Unfit
from admit.cel.emit.native import NATIVE
from admit.cel.library import dispatcher, operation, result_of
from admit.cel.quote import constant, quote, statements
from admit.cel.types import Kind
from admit.cel.values import NONE, Value, index, make_map, merged, opt_index
from admit.source import Span

MOST_NODES = 2000
"""Of an expression; a chain of optMap doubles with each."""

_CONVERSIONS = frozenset(("string", "duration", "timestamp"))  # they go by the type that the checker saw


class CountingEmitter:
    """Emits a function of the parameters, and of the limit, which gives the value and what it has cost.

    `chosen` is what becomes of an optional that a `?:` gives (see Evaluator.chosen).
    """

    def __init__(self, priced: Priced, parameters: Sequence[str], chosen: Callable[[Value], Value]) -> None:
        self.priced = priced
        self.chosen = chosen
        self.frame = Frame(parameters)
        self.limit, self.cost = self.frame.fresh("limit"), self.frame.fresh("cost")
        self.frame.parameters = (*parameters, self.limit)
        self.frame.exclusives = True  # to look for them would take as long as there are ways through the tree
        self.kubernetes = priced.within.kubernetes
        self.strict = constant(self.kubernetes is None, priced.expr.span)
        self.parameters = frozenset(parameters)
        self.variables: dict[str, Py] = {}
        self.charged = 0  # to the block that is being emitted
        self.nodes = 0

    def emit(self) -> None:
        span = self.priced.expr.span
        self.frame.prologue.extend(statements("cost = 0", span, cost=self.cost))
        value = self.named(self.value(self.priced.expr), span)
        self._settle(span)
        self._check_limit(span)
        self.frame.emit("return value, cost", span, value=value.code, cost=self.cost)

    # Costs

    def charge(self, amount: int) -> None:
        self.charged += amount

    def _pay(self, price: Price | None, operands: Sequence[Py], result: Py, span: Span) -> None:
        if price is one:
            self.charge(1)
        elif price is not None:
            given = ast.copy_location(ast.Tuple([each.code for each in operands], ast.Load()), quote("x", span))
            known = {"price": self.frame.helper(price, "price"), "operands": given, "result": result.code}
            self.frame.emit("cost = cost + price(operands, result)", span, cost=self.cost, **known)

    def _settle(self, span: Span) -> None:
        if self.charged:
            self.frame.emit("cost = cost + amount", span, cost=self.cost, amount=constant(self.charged, span))
            self.charged = 0

    def _check_limit(self, span: Span) -> None:
        known = {"cost": self.cost, "limit": self.limit, "exceeded": self.frame.helper(Exceeded, "Exceeded")}
        self.frame.emit("if cost > limit: raise exceeded", span, **known)

    @contextmanager
    def block(self, span: Span) -> Iterator[list[ast.stmt]]:
        """A block of its own, with its own charges."""
        outer, self.charged = self.charged, 0
        with self.frame.scope() as inner:
            yield inner
            self._settle(span)
        self.charged = outer

    # Values

    def value(self, node: Expr) -> Py:
        """The value, computed where the statements that it needs stand."""
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise Unfit("too many nodes")
        span = node.span
        self.charge(self.priced.heads.get(id(node), 0))
        match node:
            case Literal(value=value):
                return Py(self.frame.fixed(value, span), type(value).__name__, literal=node)
            case Ident():
                return self._ident(node)
            case Select(operand=operand, field=field, test=test):
                return self._step(operand, Py(constant(field, span), "str"), node, test)
            case Call(function=function, args=(operand, key)) if function in INDEXES:
                return self._step(operand, key, node, optional=function != "_[_]")
            case Call(function="_&&_" | "_||_" as operator, args=(a, b)):
                return self._connective(operator == "_&&_", a, b, span)
            case Call(function="_?_:_", args=(condition, a, b)):
                return self._conditional(condition, a, b, span)
            case Call(function="or" | "orValue" as function, target=Node() as target, args=(other,)):
                return self._or(function == "orValue", target, other, span)
            case Call():
                return self._call(node)
            case ListExpr(items=items, optional=optional) if not optional:
                self.charge(LIST)
                code = ast.List([self.value(item).code for item in items], ast.Load())
                return Py(ast.copy_location(code, quote("x", span)), "list")
            case MapExpr():
                return self._map(node)
            case Comprehension():
                return self._fold(node)
            case Bind(var=var, value=bound, body=body) if self.priced.eager or _reads(body, var):
                self.charge(self.priced.empty(LIST))
                value = self.named(self.value(bound), span)
                return self._within({var: value}, body)
            case OptMap():
                return self._opt_map(node)
        raise Unfit(f"no counted form of {type(node).__name__}")

    def named(self, value: Py, span: Span) -> Py:
        return self.frame.named(value, span)

    def test(self, node: Expr) -> ast.expr:
        return self.frame.guard(self.value(node), node.span, "bool").code

    def _within(self, variables: dict[str, Py], body: Expr) -> Py:
        outer, self.variables = self.variables, {**self.variables, **variables}
        value = self.value(body)
        self.variables = outer
        return value

    def _ident(self, node: Ident) -> Py:
        if node.name in self.variables and not node.absolute:
            return self.variables[node.name]
        if node.name not in self.parameters:
            raise Unfit("a name that is no variable")
        self.frame.bound(node.name)
        return Py(quote("name", node.span, name=node.name))

    # Chains

    def _step(self, operand: Expr, key: Expr | Py, node: Expr, test: bool = False, optional: bool = False) -> Py:
        """A selection or an index; of an optional, which costs only where there is something."""
        span = node.span
        holder = self.value(operand)
        if _is_optional(operand) or optional:
            return self._optional_step(operand, holder, key, test, span)
        self.charge(1)
        if isinstance(key, Py):
            if test:
                holder = self.frame.guard(holder, span, "dict")
                return Py(quote("key in a", span, a=holder.code, key=key.code), "bool")
            if self.frame.kind(holder) not in ("", "dict"):  # Python warns of `1['field']`
                raise Unfit("a field of what has none")
            return Py(quote("a[key]", span, a=holder.code, key=key.code))
        at = self.value(key)
        if (made := NATIVE["_[_]"](self.frame, span, (holder, at))) is not None:
            return made
        holder = self.frame.guard(holder, span, "dict", "list")
        called = self.frame.helper(index, "index")
        return Py(quote("index(a, key, strict)", span, index=called, a=holder.code, key=at.code, strict=self.strict))

    def _optional_step(self, operand: Expr, holder: Py, key: Expr | Py, test: bool, span: Span) -> Py:
        if not isinstance(key, Py | Literal) or test:
            raise Unfit("an index that is not always computed")
        if _is_optional(operand) and _is_element(operand):
            raise Unfit("an optional out of a list or map")
        at = key if isinstance(key, Py) else self.value(key)
        kinds = ("Optional",) if _is_optional(operand) else ("dict", "list")
        holder = self.frame.guard(holder, span, *kinds)
        called = self.frame.helper(opt_index, "opt_index")
        code = quote("index(a, key, strict)", span, index=called, a=holder.code, key=at.code, strict=self.strict)
        found = self.named(Py(code, "Optional"), span)
        self.frame.emit("if a.present: cost = cost + 1", span, a=found.code, cost=self.cost)
        return found

    # Control flow

    def _connective(self, conjunction: bool, a: Expr, b: Expr, span: Span) -> Py:
        first = self.test(a)
        result = self.frame.fresh("t")
        self.frame.emit("result = first", span, result=result, first=first)
        with self.block(span) as inner:
            self.frame.emit("result = second", span, result=result, second=self.test(b))
        template = "if result: inner" if conjunction else "if not result: inner"
        self.frame.emit(template, span, result=result, inner=inner)
        return Py(quote("result", span, result=result), "bool")

    def _conditional(self, condition: Expr, a: Expr, b: Expr, span: Span) -> Py:
        test = self.test(condition)
        result = self.frame.fresh("t")
        branches, kinds = [], []
        for branch in (a, b):
            with self.block(span) as inner:
                value = self.value(branch)
                kinds.append(self.frame.kind(value))
                self.frame.emit("result = value", span, result=result, value=value.code)
            branches.append(inner)
        self.frame.emit("if test: yes\nelse: no", span, test=test, yes=branches[0], no=branches[1])
        return self._packed(result, kinds[0] if len({*kinds}) == 1 else "", span)

    def _packed(self, result: str, kind: str, span: Span) -> Py:
        """What a `?:` gives."""
        if kind in ("", "Optional"):
            known = {"type": self.frame.helper(type, "type"), "Optional": self.frame.type_name("Optional")}
            chosen = self.frame.helper(self.chosen, "chosen")
            self.frame.emit("if type(a) is Optional: a = chosen(a)", span, a=result, chosen=chosen, **known)
        return Py(quote("result", span, result=result), kind)

    def _or(self, unwrapped: bool, target: Expr, other: Expr, span: Span) -> Py:
        held = self.frame.guard(self.value(target), span, "Optional")
        result = self.frame.fresh("t")
        with self.block(span) as inner:
            value = self.value(other)
            self.frame.emit("result = value", span, result=result, value=value.code)
        template = "if a.present: result = found\nelse: inner"
        found = quote("a.value" if unwrapped else "a", span, a=held.code)
        self.frame.emit(template, span, a=held.code, result=result, found=found, inner=inner)
        return Py(quote("result", span, result=result))

    def _opt_map(self, node: OptMap) -> Py:
        """The target has a value or not; the body takes it again (see Priced)."""
        span = node.span
        target = self.frame.guard(self.value(node.target), span, "Optional")
        result = self.frame.fresh("t")
        self.charge(1)
        with self.block(span) as some:
            value = self.value(node.body).code
            if not node.flat:
                self.charge(1)
                value = quote("Optional(a)", span, Optional=self.frame.type_name("Optional"), a=value)
            self.frame.emit("result = value", span, result=result, value=value)
            self._packed(result, "", span)
        with self.block(span) as none:
            self.charge(1)
            self.frame.emit("result = none", span, result=result, none=self.frame.fixed(NONE, span))
        self.frame.emit("if a.present: some\nelse: none", span, a=target.code, some=some, none=none)
        return Py(quote("result", span, result=result))

    # Calls and what is made

    def _call(self, node: Call) -> Py:
        span = node.span
        operands = tuple(self.value(operand) for operand in node.operands)
        price = self.priced.prices.get(id(node))
        if price is not one:
            operands = tuple(self.named(operand, span) for operand in operands)
        result = self._called(node, operands)
        if price is not None and price is not one:
            result = self.named(result, span)
        self._pay(price, operands, result, span)
        return result

    def _called(self, node: Call, operands: tuple[Py, ...]) -> Py:
        span = node.span
        if node.function == "!_":
            test = self.frame.guard(operands[0], span, "bool")
            return Py(quote("not a", span, a=test.code), "bool")
        native = None if node.function in _CONVERSIONS else NATIVE.get(node.function)
        made = None if native is None else native(self.frame, span, operands)
        if made is not None:
            return made
        function = dispatcher(operation(node.function, node.overloads), self.kubernetes)
        code = quote("call()", span, call=self.frame.helper(function, "call"))
        assert isinstance(code, ast.Call)
        code.args = [operand.code for operand in operands]
        result = result_of(node.function, self.kubernetes)
        return Py(code, "" if result is None else KIND_OF_TYPE.get(result.name, ""))

    def _map(self, node: MapExpr) -> Py:
        if any(entry.optional for entry in node.entries):
            raise Unfit("an optional entry")
        span = node.span
        self.charge(MAP)
        pairs = [self._pair(self.value(entry.key), self.value(entry.value), span) for entry in node.entries]
        code = ast.copy_location(ast.Tuple(pairs, ast.Load()), quote("x", span))
        return self._made(make_map, code, self.strict, span)

    def _pair(self, key: Py, value: Py, span: Span) -> ast.expr:
        return ast.copy_location(ast.Tuple([key.code, value.code], ast.Load()), quote("x", span))

    def _made(self, make: Callable[..., Value], *operands: Any) -> Py:
        *given, span = operands
        code = quote("make()", span, make=self.frame.helper(make, "make"))
        assert isinstance(code, ast.Call)
        code.args = given
        return Py(code)

    # Loops

    def _fold(self, node: Comprehension) -> Py:
        span, macro = node.span, node.macro
        added = FOLDS[macro]
        ranging = self.named(self.value(node.range), span)
        if self.frame.kind(ranging) not in ("list", "dict"):
            ranging = self.frame.guard(ranging, span, "list", "dict")
        self.charge(self.priced.empty(added.made) + added.end)
        result = self.frame.fresh("t")
        if macro in ("all", "exists"):
            return self._quantified(node, ranging, result)
        counted = macro in ("exists_one", "existsOne")
        start = "result = 0" if counted else "result = []"
        self.frame.emit(start, span, result=result)
        with self._loop(node, ranging):
            if node.condition is None:
                self._kept(node, result)
            else:
                test = self.test(node.condition)
                with self.block(span) as inner:
                    self.charge(added.kept)
                    self._kept(node, result)
                self.frame.emit("if test: inner", span, test=test, inner=inner)
        value = quote("result", span, result=result)
        if counted:
            return Py(quote("result == 1", span, result=result), "bool")
        if macro == "transformMap":
            return self._made(make_map, value, constant(False, span), span)
        return self._made(merged, value, span) if macro == "transformMapEntry" else Py(value, "list")

    def _kept(self, node: Comprehension, result: str) -> None:
        """What is done of an element that is kept."""
        span = node.span
        if node.macro in ("exists_one", "existsOne"):
            self.frame.emit("result = result + 1", span, result=result)
            return
        element = self.variables[node.var]
        code = element.code
        if node.result is not None:
            self.charge(self.priced.per_result(node))
            made = self.value(node.result)
            code = self._pair(element, made, span) if node.macro == "transformMap" else made.code
        self.frame.emit("result.append(value)", span, result=result, value=code)

    def _quantified(self, node: Comprehension, ranging: Py, result: str) -> Py:
        """`all` and `exists`, which go no further than they need, and then ask once more whether to go on."""
        span, added, holds = node.span, FOLDS[node.macro], node.macro == "all"
        seen = self.frame.fresh("seen")
        start = constant(holds, span)
        self.frame.emit("result = start\nseen = 0", span, result=result, start=start, seen=seen)
        with self._loop(node, ranging):
            self.charge(added.condition)
            assert node.condition is not None
            test = self.test(node.condition)
            self._settle(span)
            self.frame.emit("seen = seen + 1", span, seen=seen)
            template = f"if {'not ' if holds else ''}test:\n result = found\n break"
            self.frame.emit(template, span, test=test, result=result, found=constant(not holds, span))
        known = {"len": self.frame.helper(len, "len"), "a": ranging.code, "seen": seen, "cost": self.cost}
        more = constant(added.condition - 1, span)
        self.frame.emit("if seen < len(a): cost = cost + more", span, more=more, **known)
        return Py(quote("result", span, result=result), "bool")

    @contextmanager
    def _loop(self, node: Comprehension, ranging: Py) -> Iterator[None]:
        """A `for` over the elements, in which the limit is looked at."""
        span = node.span
        names = [self.frame.fresh("v_" + name) for name in (node.var, node.var2) if name is not None]
        targets = [quote("name", span, name=name) for name in names]
        outer, self.variables = self.variables, dict(self.variables)
        for variable, code in zip((node.var, node.var2), targets, strict=False):
            self.variables[str(variable)] = Py(code)
        with self.block(span) as inner:
            yield
            self._settle(span)
            self._check_limit(span)
        self.variables = outer
        source = ranging.code
        if node.var2 is None:
            self.frame.emit("for a in source: inner", span, a=names[0], source=source, inner=inner)
            return
        known = {"type": self.frame.helper(type, "type"), "dict": self.frame.type_name("dict")}
        known["enumerate"] = self.frame.helper(enumerate, "enumerate")
        template = "for a, b in source.items() if type(source) is dict else enumerate(source): inner"
        self.frame.emit(template, span, a=names[0], b=names[1], source=source, inner=inner, **known)


def _is_optional(node: Expr) -> bool:
    return node.type is not None and node.type.name == "optional_type"


def _is_element(node: Expr) -> bool:
    match node:
        case Select(operand=holder) | Call(function="_[_]", args=(holder, _)):
            return holder.type is not None and holder.type.kind in (Kind.LIST, Kind.MAP)
    return False


def _reads(node: Expr, variable: str) -> bool:
    """Whether the variable is read whatever happens."""
    match node:
        case Ident(name=name):
            return name == variable
        case (
            Call(function="_&&_" | "_||_" | "_?_:_", args=(first, *_))
            | Call(function="or" | "orValue", target=Node() as first)
        ):
            return _reads(first, variable)
        case Comprehension(range=first) | OptMap(target=first):
            return _reads(first, variable)
        case Bind(var=var, body=body):
            return var != variable and _reads(body, variable)
    return any(_reads(child, variable) for child in children(node))
