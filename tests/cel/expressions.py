"""Random expressions, made type by type from the function table, and random objects for them to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import chain, product
from pathlib import Path
from random import Random
from typing import TypeAlias

from admit.cel.ast import Call, Expr, Literal, children
from admit.cel.env import parse_type
from admit.cel.library import Overload, _known
from admit.cel.parse import parse
from admit.cel.types import BOOL, DYN, INT, STRING, Kind, Type, list_of, map_of, object_type, optional_of
from admit.cel.unparse import unparse
from admit.cel.values import Uint, Value

VARIABLES = {
    "object": "dyn",
    "i": "int",
    "u": "uint",
    "d": "double",
    "s": "string",
    "b": "bool",
    "l": "list(int)",
    "m": "map(string, dyn)",
}
MACROS = (
    *("all", "exists", "exists_one", "filter", "map", "map with a filter", "has", "optMap", "optFlatMap", "bind"),
    *("all of two", "exists of two", "exists_one of two", "existsOne of two"),
    *("transformList", "transformMap", "transformMapEntry"),
)

LANGUAGES = (36, None)
_RECORD = object_type("record")  # dyn to the checker, with FIELDS below it
_BYTES, _DURATION, _TIMESTAMP = map(parse_type, ("bytes", "google.protobuf.Duration", "google.protobuf.Timestamp"))
_TYPES = tuple(
    parse_type(text)
    for text in (
        *("bool", "int", "string", "double", "uint", "bytes", "null_type", "dyn"),
        *("google.protobuf.Timestamp", "google.protobuf.Duration", "list(int)", "list(string)", "list(dyn)"),
        *("map(string, int)", "map(string, dyn)", "map(int, string)", "list(list(int))"),
    )
)
_WEIGHTS = (6, 6, 6, 3, 2, 1, 1, 4, 1, 1, 3, 3, 1, 2, 1, 1, 1)

FIELDS = {
    "i": INT,
    "j": INT,
    "d": parse_type("double"),
    "s": STRING,
    "q": STRING,
    "b": BOOL,
    "n": parse_type("null_type"),
    "l": list_of(INT),
    "k": list_of(STRING),
    "c": list_of(_RECORD),
    "m": map_of(STRING, INT),
    "o": _RECORD,
}

INTS = (0, 1, -1, 2, 3, 4, 7, 10, 60, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**63 - 1, -(2**63), 2**62, -(2**53) - 1)
DOUBLES = (0.0, -0.0, 1.0, 1.5, -2.5, 2.0, 3.0, 1e6, 1e300, 2.0**53, 2.0**63, -(2.0**63), 1e-7, 5e-324)
STRINGS = (
    *("", "a", "b", "ab", "s", "kube-system", "añb", "tacocat", "a,b", " a\t", "x😀y", "\u2028", "i", "1", "-5", "1.5"),
    *("true", "1h30m", "90s", "2023-01-31T23:59:59.5+01:00", "[a-z]+", "^a", "b$", "ab|c", "Ⅷ", "\x00", "'\"\\"),
)
COMMON = ("", "a", "b", "s", "i", "a", "b", "É")
SURROGATES = ("\ud800", "a\udfffb")
_ZONES = ("UTC", "Europe/Zurich", "US/Central", "+01:00", "-02:30", "02:00", "nowhere")
_LITERALS: dict[str, tuple[str, ...]] = {
    "int": tuple(f"({n})" if n < 0 else str(n) for n in INTS),
    "uint": ("0u", "1u", "2u", "3u", "7u", "9007199254740993u", "18446744073709551615u"),
    "double": (*(f"({n!r})" for n in DOUBLES), "double('NaN')", "double('-Infinity')", "(0.0 / 0.0)"),
    "bool": ("true", "false"),
    "bytes": ("b''", "b'a'", "b'\\xff'", "b'ab'", "b'\\xc3\\xa9'"),
    "null_type": ("null",),
    "type": ("int", "string", "list", "map", "type", "null_type", "bool", "google.protobuf.Timestamp"),
    "google.protobuf.Duration": ("duration('0s')", "duration('1h')", "duration('-1.5s')", "duration('90m')"),
    "google.protobuf.Timestamp": (
        *("timestamp(0)", "timestamp('2023-01-31T23:59:59.123456789Z')", "timestamp('0001-01-01T00:00:00Z')"),
        *("timestamp('9999-12-31T23:59:59Z')", "timestamp('2020-02-29T12:00:00-08:00')"),
    ),
}

CONFUSED: dict[str, tuple[Value, ...]] = {  # what Python may take for a value of a type
    "int": (True, False, 0.0, -0.0, 1.0, "1", "a"),
    "double": (1, 0, True, 2**53 + 1),
    "string": (["a"], ["a", 1], {"a": 1}, {"i": "a"}, [], None),
    "bool": (0, 1, "true", "", None, []),
    "list": ("ab", "", {"a": 1}, {"i": True}, {}, [True], [False], [1.0, 1, True], [[]], ["a", None], None),
    "map": ("ai", ["a", "i"], [["a", 1]], "", {"a": True}, None),
    "record": ("ai", [], ["i"], None, 0),
    "null_type": (False, 0, "", [], {}),
}

_Substitution: TypeAlias = dict[str, Type]


class Expressions:
    """A source of expressions.

    `covered` counts overloads and macros; of what could be made, what was covered least is made first. `listed` is how
    often an expression begins with one of them, not as rules do; `wrong`, how often an operand is of another type than
    it should be; `depths`, how deep expressions are.
    """

    def __init__(
        self,
        seed: int | str,
        covered: Counter[str] | None = None,
        listed: float = 0.4,
        wrong: float = 0.025,
        depths: Sequence[int] = (2, 3, 3, 4, 5),
    ) -> None:
        self.random = Random(seed)
        self.depths = depths
        self.listed = listed
        self.covered: Counter[str] = Counter() if covered is None else covered
        self.wrong = wrong
        self.scope: list[tuple[str, Type]] = []
        self.paths: list[tuple[str, Type]] = []

    def next(self) -> str:
        """The text of one expression; most are well typed."""
        self.paths = []
        depth = self.random.choice(self.depths)
        if self.random.random() < self.listed:
            _, wanted, make = self._least_covered([*_by_overload(), *_by_macro(None)], 40)
            return make(self, self._concrete(wanted, {}), depth)
        form = self.random.choice(("rule", "rule", "rule", "message", "message", "any"))
        return self.of(self.any_type(), depth) if form == "any" else self.rule(depth, message=form == "message")

    def of(self, wanted: Type, depth: int) -> str:
        """An expression of a type, to be used as an operand of anything."""
        chance = self.random.random()
        if chance < self.wrong:
            return self._wrong(wanted, depth)
        if depth <= 0 or chance < 0.3:
            return self._leaf(wanted, depth)
        if wanted == BOOL and chance < 0.6:
            return self.rule(depth - 1)
        _, _, make = self._least_covered([*_by_result(wanted), *_by_macro(wanted)], 4)
        return make(self, wanted, depth)

    def _wrong(self, wanted: Type, depth: int) -> str:
        """An operand of any type, taken by the checker for one of the type wanted."""
        if wanted.kind is Kind.PARAM or self.random.random() < 0.5:
            return f"dyn({self.of(self.any_type(), depth - 1)})"
        lists = [name for name, type_ in FIELDS.items() if type_.name == "list"]
        return f"([{self.literal(wanted)}] + {self._base()}.{self.random.choice(lists)})[{self.random.randrange(3)}]"

    def _least_covered(self, made: Sequence[Production], of: int) -> Production:
        return min(self.random.sample(made, min(of, len(made))), key=lambda each: self.covered[each[0]])

    # Leaves

    def _leaf(self, wanted: Type, depth: int) -> str:
        chance = self.random.random()
        if chance < 0.7 and (path := self._path(wanted)):
            return path
        names = [name for name, type_ in self.scope if type_ == wanted]
        names += [name for name, text in VARIABLES.items() if parse_type(text) == wanted and name != "object"]
        if names and chance < 0.85:
            return self.random.choice(names)
        return self.literal(wanted, depth)

    def literal(self, wanted: Type, depth: int = 0) -> str:
        if wanted.name in _LITERALS:
            return self.random.choice(_LITERALS[wanted.name])
        match wanted:
            case Type(name="string"):
                return quoted(self.random.choice((self.random.choice(STRINGS), self.random.choice(COMMON))))
            case Type(name="list", params=(element,)):
                item = self.literal if self.random.random() < 0.7 else self.of  # of one type, for Kubernetes
                return f"[{', '.join(item(element, depth - 2) for _ in range(self.random.randrange(4)))}]"
            case Type(name="map", params=(key, value)):
                pairs = [(self.literal(key), self.of(value, depth - 2)) for _ in range(self.random.randrange(3))]
                return f"{{{', '.join(f'{key}: {value}' for key, value in pairs)}}}"
            case Type(name="optional_type", params=(value,)):
                optional = self._leaf(_RECORD, 0)
                field = self._field(value)
                if field and (value.kind is Kind.DYN or self.random.random() < 0.4):
                    return f"{optional}.?{field}"
                return f"optional.of({self.of(value, depth - 1)})" if self.random.random() < 0.7 else "optional.none()"
            case Type(name="record"):
                return self._path(_RECORD) or "object"
            case Type(kind=Kind.DYN):
                some = self.any_type()
                return f"dyn({self.literal(some, depth)})"
            case _:
                constructors = _constructors(wanted)
                return written(*self.random.choice(constructors)) if constructors else "dyn(null)"

    def _path(self, wanted: Type) -> str:
        """A selection that has the type where the object is as it should be, "" if there is none."""
        if self.paths and self.random.random() < 0.4:
            again = [path for path, type_ in self.paths if type_ == wanted]
            if again:
                return self.random.choice(again)
        chance = self.random.random()
        if chance < 0.05:  # of whatever type it is
            return f"{self._base()}.{self.random.choice([*FIELDS])}"
        if wanted == _RECORD and chance < 0.5:
            return self._base()
        field = self._field(wanted)
        if not field:
            return ""
        base = self._base()
        chance = self.random.random()
        if chance < 0.08:
            return f"{base}[{quoted(field)}]"
        if chance < 0.12:
            return f"{base}.?{field}.orValue({self.literal(wanted)})"
        path = f"{base}.{field}"
        if base.startswith(("object", "m.")):
            self.paths.append((path, wanted))
        return path

    def _base(self) -> str:
        bound = [name for name, type_ in self.scope if type_ == _RECORD]
        base = self.random.choice([*bound * 3, "object", "object", "m"])
        while self.random.random() < 0.3:
            base += self.random.choice((".o", ".o", ".c[0]", "['o']"))
        return base

    def _field(self, wanted: Type) -> str:
        if wanted.kind is Kind.DYN:
            return self.random.choice([*FIELDS])
        fields = [name for name, type_ in FIELDS.items() if type_ == wanted]
        return self.random.choice(fields) if fields else ""

    # What rules are made of

    def rule(self, depth: int, base: str = "", message: bool = False) -> str:
        """A condition as rules have them, on a field of an object; or a message, made of what is there."""
        base, field = base or self._base(), self.random.choice([*FIELDS])
        value, type_ = f"{base}.{field}", FIELDS[field]
        if depth <= 0:
            return self.about(value, type_, 0)
        if "." in base or base in VARIABLES:
            self.paths.append((value, type_))
        template = self._template("message", type_) if message else self.random.choice(_templates()["rule"])
        return self._filled(template, _Filling(self, value, type_, depth, base, field))

    def about(self, value: str, type_: Type, depth: int) -> str:
        """A condition on a value, now and then one that is meant for another type."""
        if self.random.random() < 0.1:
            type_ = self.random.choice([*FIELDS.values()])
        template = "has({x}.{field})" if type_ == _RECORD and depth <= 0 else self._template("condition", type_)
        return self._filled(template, _Filling(self, value, type_, depth))

    def _template(self, kind: str, type_: Type) -> str:
        everything = _templates()[f"{kind} dyn"]
        return self.random.choice(
            everything if self.random.random() < 0.2 else _templates().get(f"{kind} {type_.name}", everything)
        )

    def _filled(self, template: str, filling: _Filling) -> str:
        if "{v}" not in template:
            return template.format_map(filling)
        with self._bound(filling.element) as filling["v"]:
            return template.format_map(filling)

    # Macros

    def quantifier(self, macro: str, depth: int) -> str:
        range_, element = self._range(depth)
        with self._bound(element) as name:
            return f"{range_}.{macro}({name}, {self.about(name, element, depth - 1)})"

    def filtered(self, wanted: Type, depth: int) -> str:
        range_ = self.of(wanted, depth - 1)
        with self._bound(_element(wanted)) as name:
            return f"{range_}.filter({name}, {self.of(BOOL, depth - 1)})"

    def mapped(self, wanted: Type, depth: int, condition: bool) -> str:
        range_, element = self._range(depth)
        with self._bound(element) as name:
            kept = f"{self.of(BOOL, depth - 2)}, " if condition else ""
            return f"{range_}.map({name}, {kept}{self.of(_element(wanted), depth - 1)})"

    def of_two(self, macro: str, result: Type, depth: int) -> str:
        """A comprehension of two variables; the second form of it has a condition first."""
        range_, element = self._range(depth)
        mapping = range_.startswith("{") or element == STRING
        with self._bound(STRING if mapping else INT) as first, self._bound(DYN if mapping else element) as second:
            kept = f"{self.of(BOOL, 0)}, " if macro.startswith("transform") and self.random.random() < 0.3 else ""
            body = self.of(result, depth - 1)
            if macro == "transformMapEntry":
                body = f"{{{first}: {body}}}"
            return f"{range_}.{macro}({first}, {second}, {kept}{body})"

    def has(self, depth: int) -> str:
        base = self._base() if self.random.random() < 0.8 else self.of(map_of(STRING, INT), depth - 1)
        return f"has({base}.{self.random.choice([*FIELDS])})"

    def optional_map(self, wanted: Type, depth: int, flat: bool) -> str:
        value = self.random.choice((INT, STRING, DYN, _RECORD))
        target = self.literal(optional_of(value), depth - 1)
        with self._bound(value) as name:
            body = self.literal(wanted, depth - 1) if flat else self.of(wanted.params[0], depth - 1)
            return f"{target}.{'optFlatMap' if flat else 'optMap'}({name}, {body})"

    def bind(self, wanted: Type, depth: int) -> str:
        type_ = self.random.choice((INT, STRING, BOOL, list_of(INT)))
        value = self.of(type_, depth - 1)
        with self._bound(type_) as name:
            return f"cel.bind({name}, {value}, {self.of(wanted, depth - 1)})"

    def _range(self, depth: int) -> tuple[str, Type]:
        """What a comprehension goes over, and the type of an element; a map's are its keys."""
        type_ = self.random.choice((list_of(INT), list_of(STRING), list_of(_RECORD), map_of(STRING, INT), list_of(DYN)))
        if type_ == list_of(_RECORD):
            range_, element = self._path(type_) or "object.c", _RECORD
        else:
            range_, element = self.of(type_, depth - 1), type_.params[0]
        while self.random.random() < 0.3:
            with self._bound(element) as name:
                if self.random.random() < 0.5:
                    range_ += f".filter({name}, {self.about(name, element, depth - 2)})"
                    continue
                mapped = self.random.choice((INT, STRING, BOOL, DYN))
                range_ += f".map({name}, {self.of(mapped, depth - 2)})"
            element = mapped
        return range_, element

    @contextmanager
    def _bound(self, type_: Type) -> Iterator[str]:
        """A variable of a comprehension; now and then its name is one that there is."""
        name = f"v{len(self.scope)}" if self.random.random() < 0.9 else self.random.choice(("x", "object", "i", "s"))
        self.scope.append((name, type_))
        saved, self.paths = self.paths, []
        try:
            yield name
        finally:
            self.scope.pop()
            self.paths = saved

    # Calls

    def call(self, overload: Overload, wanted: Type, depth: int) -> str:
        bound: _Substitution = {}
        unified(overload.result, wanted, bound)
        types = [self._concrete(each, bound) for each in overload.params]
        args = [self._argument(overload, at, type_, depth) for at, type_ in enumerate(types)]
        if not overload.declared:  # reached only through what the checker does not know
            args = [
                self.of(self.any_type(), 1) if type_ == DYN else arg for type_, arg in zip(types, args, strict=True)
            ]
            args = [f"dyn({arg})" for arg in args]
        return written(overload, args)

    def any_type(self) -> Type:
        return self.random.choices(_TYPES, _WEIGHTS)[0]

    def _argument(self, overload: Overload, at: int, type_: Type, depth: int) -> str:
        if overload.function == "_?._" and at == 1:
            return self.random.choice([*FIELDS])
        if overload.function == "_?._" and at == 0:
            type_ = _RECORD
        if overload.function == "lists.range":  # a longer one is a matter of memory
            return str(self.random.randrange(8))
        if type_ == STRING and at == 1 and overload.function.startswith("get"):
            return quoted(self.random.choice(_ZONES))
        chance = self.random.random()
        hints = _hints().get((overload.function, at, type_.name))
        if hints and chance < 0.4:
            return self.random.choice(hints)
        return self.literal(type_, depth - 1) if chance > 0.6 else self.of(type_, depth - 1)

    def _concrete(self, type_: Type, bound: _Substitution) -> Type:
        """The type with its parameters bound, each to one of a few types where it is free."""
        if type_.kind is Kind.PARAM:
            if type_.name not in bound:
                bound[type_.name] = self.random.choice((INT, STRING, DYN, BOOL) if type_.name != "K" else (STRING, INT))
            return bound[type_.name]
        return Type(type_.kind, type_.name, tuple(self._concrete(each, bound) for each in type_.params))


@cache
def _templates() -> Mapping[str, list[str]]:
    """Those of templates.txt by the headings there."""
    templates: dict[str, list[str]] = {}
    for line in Path(__file__).with_name("templates.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            templates[line.removeprefix("# ")] = found = []
        elif line and templates:
            found.append(line)
    return templates


class _Filling(dict[str, str]):
    """What stands in a template: `x` the value, `v` an element of it, `on_v` a condition on that; types by name."""

    def __init__(self, made: Expressions, x: str, type_: Type, depth: int, base: str = "m", field: str = "o") -> None:
        super().__init__(x=x, base=base, **({"field": field} if base in x else {}))
        self.made, self.type, self.depth = made, type_, depth - 1
        self.element = STRING if type_.name == "map" else _element(type_)

    def __missing__(self, name: str) -> str:
        made, random = self.made, self.made.random
        match name:
            case "about":
                return made.about(self["x"], self.type, self.depth)
            case "rule":
                return made.rule(self.depth)
            case "x_rule":
                return made.rule(self.depth, self["x"])
            case "on_v":
                return made.about(self["v"], self.element, self.depth)
            case "same":
                return made.of(self.type, self.depth)
            case "element":
                return made.of(self.element, self.depth)
            case "any":
                return made.of(made.any_type(), self.depth)
            case "n":
                return random.choice("0012345")
            case "large":
                return random.choice(("9007199254740993", "9007199254740992.0", "9223372036854775807", "1.0"))
            case "field":
                return random.choice([*FIELDS])
            case "key":
                return quoted(random.choice([*FIELDS]))
            case _:
                return made.of(Type(_NAMED[name].kind, name), self.depth)


_NAMED = {type_.name: type_ for type_ in (INT, STRING, BOOL, *_TYPES, parse_type("type"))}
Maker: TypeAlias = Callable[[Expressions, Type, int], str]
Production: TypeAlias = tuple[str, Type, Maker]


@cache
def overloads() -> Mapping[str, Overload]:
    """Those of the two languages by id, with those that only values of unknown type reach."""
    known = (overloads for kubernetes in LANGUAGES for overloads in _known(kubernetes).values())
    return {overload.id: overload for overload in chain.from_iterable(known) if _can_be_written(overload)}


def _can_be_written(overload: Overload) -> bool:
    """Not those of mutations or of messages, nor those that only a macro calls, or what was not checked."""
    internal = "@" in overload.function and overload.function not in ("@in", *_WRITTEN)
    reached = overload.declared or not overload.function[0].isalpha()
    return reached and overload.library not in ("jsonpatch", "messages") and not internal


@cache
def _by_overload() -> tuple[Production, ...]:
    return tuple((id, overload.result, _caller(overload)) for id, overload in overloads().items())


def _caller(overload: Overload) -> Maker:
    return lambda made, wanted, depth: made.call(overload, wanted, depth)


@cache
def _by_result(wanted: Type) -> tuple[Production, ...]:
    """The overloads that can give a type."""
    return tuple(each for each in _by_overload() if unified(each[1], wanted, {}))


@cache
def _constructors(wanted: Type) -> tuple[tuple[Overload, tuple[str, ...]], ...]:
    """The calls that give a type from literals alone, as the examples have them: `quantity('1Gi')`."""
    made = []
    for overload in overloads().values():
        texts = [_hints().get((overload.function, at, each.name)) for at, each in enumerate(overload.params)]
        if overload.result == wanted and all(texts):
            made += [(overload, args) for args in product(*(each or () for each in texts))]
    return tuple(made)


@cache
def _by_macro(wanted: Type | None) -> list[Production]:
    """The macros that can give a type; for None, all."""
    made: list[Production] = [("bind", wanted or INT, lambda m, t, n: m.bind(t, n))]
    if wanted in (None, BOOL):
        made.append(("has", BOOL, lambda m, t, n: m.has(n)))
        for macro in ("all", "exists", "exists_one"):
            made.append((macro, BOOL, lambda m, t, n, macro=macro: m.quantifier(macro, n)))
        for macro in ("all", "exists", "exists_one", "existsOne"):
            made.append((f"{macro} of two", BOOL, lambda m, t, n, macro=macro: m.of_two(macro, BOOL, n)))
    if wanted is None or wanted.name == "list":
        list_type = wanted or list_of(INT)
        made.append(("filter", list_type, lambda m, t, n: m.filtered(t, n)))
        made.append(("map", list_type, lambda m, t, n: m.mapped(t, n, False)))
        made.append(("map with a filter", list_type, lambda m, t, n: m.mapped(t, n, True)))
        made.append(("transformList", list_type, lambda m, t, n: m.of_two("transformList", _element(t), n)))
    if wanted is None or wanted.name == "map":
        map_type = wanted or map_of(STRING, INT)
        for macro in ("transformMap", "transformMapEntry"):
            made.append((macro, map_type, lambda m, t, n, macro=macro: m.of_two(macro, t.params[1], n)))
    if wanted is None or wanted.name == "optional_type":
        optional = wanted or optional_of(INT)
        made.append(("optMap", optional, lambda m, t, n: m.optional_map(t, n, False)))
        made.append(("optFlatMap", optional, lambda m, t, n: m.optional_map(t, n, True)))
    return made


def _element(type_: Type) -> Type:
    return type_.params[0] if type_.params else DYN


def unified(pattern: Type, wanted: Type, bound: _Substitution) -> bool:
    """Whether an overload's type can be the one wanted; binds its parameters."""
    if pattern.kind is Kind.PARAM:
        return bound.setdefault(pattern.name, wanted) == wanted
    if wanted.kind is Kind.DYN:
        return pattern.kind is Kind.DYN
    return (
        pattern.name == wanted.name
        and len(pattern.params) == len(wanted.params)
        and all(unified(a, b, bound) for a, b in zip(pattern.params, wanted.params, strict=True))
    )


def written(overload: Overload, args: Sequence[str]) -> str:
    """The call of an overload, in brackets where it is an operator's."""
    match overload.function, args:
        case "_?_:_", (condition, yes, no):
            return f"({condition} ? {yes} : {no})"
        case "_[_]", (operand, key):
            return f"{operand}[{key}]"
        case "_[?_]", (operand, key):
            return f"{operand}[?{key}]"
        case "_?._", (operand, field):
            return f"{operand}.?{field}"
        case "!_" | "-_" as function, (operand,):
            return f"({function[0]}({operand}))"
        case "@in", (item, container):
            return f"({item} in {container})"
        case str(function), (left, right) if function.startswith("_"):
            return f"({left} {function.strip('_')} {right})"
        case function, (receiver, *rest) if overload.member or function in ("or", "orValue"):
            return f"{receiver}.{function}({', '.join(rest)})"
        case function, _:
            return f"{_WRITTEN.get(function, function)}({', '.join(args)})"


_WRITTEN = {"math.@max": "math.greatest", "math.@min": "math.least"}


@cache
def _hints() -> dict[tuple[str, int, str], list[str]]:
    """Literals that make sense as an operand of a function: those of the examples in the function table."""
    hints: dict[tuple[str, int, str], list[str]] = {}
    for overload in overloads().values():
        for text in (*overload.examples, *(text for text, _ in overload.fails)):
            _collect(parse(text), hints)
    return hints


def _collect(node: Expr, hints: dict[tuple[str, int, str], list[str]]) -> None:
    match node:
        case Call(function=function, operands=operands):
            for at, operand in enumerate(operands):
                if isinstance(operand, Literal):
                    text = unparse(operand)
                    texts = hints.setdefault((function, at, operand.kind), [])
                    texts.append(f"({text})" if text.startswith("-") else text)
    for child in children(node):
        _collect(child, hints)


def quoted(text: str) -> str:
    return unparse(Literal("string", text))


# Objects


class Objects:
    """A source of values for VARIABLES; `odds` are how often a field is missing or of a wrong kind."""

    def __init__(
        self,
        seed: int | str,
        texts: Sequence[str] = (*STRINGS, *SURROGATES),
        odds: Sequence[float] = (0.02, 0.1, 0.1, 0.4),
    ) -> None:
        self.random = Random(seed)
        self.odds = odds
        self.texts = (*texts, *COMMON * 3)
        self.odd = 0.0

    def next(self) -> dict[str, Value]:
        """Values by name; now and then a variable is not given."""
        choose = self.random.choice
        self.odd = choose(self.odds)
        values = {
            "object": self.record(3),
            "i": choose(INTS),
            "u": Uint(choose((0, 1, 2, 3, 7, 2**53 + 1, 2**63, 2**64 - 1))),
            "d": choose((choose(DOUBLES), choose(DOUBLES), float("nan"), float("inf"))),
            "s": choose(self.texts),
            "b": choose((True, False)),
            "l": [choose(INTS) for _ in range(self.random.randrange(4))],
            "m": self.record(2),
        }
        if self.random.random() < 0.05:
            del values[choose([*values])]
        return values

    def record(self, depth: int) -> dict[str, Value]:
        fields: dict[str, Value] = {}
        for name, type_ in FIELDS.items():
            if self.random.random() >= self.odd:
                fields[name] = self.value(type_, depth)
            elif self.random.random() < 0.6:
                fields[name] = self.odd_value(type_, depth)
        return fields

    def value(self, type_: Type, depth: int) -> Value:
        choose = self.random.choice
        match type_:
            case Type(name="int"):
                return choose(INTS) if self.random.random() < 0.3 else self.random.randrange(4)
            case Type(name="double"):
                return choose(DOUBLES)
            case Type(name="string"):
                return choose(self.texts)
            case Type(name="bool"):
                return choose((True, False))
            case Type(name="list", params=(element,)):
                length = self.random.randrange(4) if depth > 0 else 0
                return [
                    self.odd_value(element, depth - 1)
                    if self.random.random() < self.odd / 2
                    else self.value(element, depth - 1)
                    for _ in range(length)
                ]
            case Type(name="map", params=(_, value)):
                return {choose((*FIELDS, *self.texts)): self.value(value, 0) for _ in range(self.random.randrange(4))}
            case Type(name="record"):
                return self.record(depth - 1) if depth > 0 else {}
            case _:
                return None

    def odd_value(self, type_: Type, depth: int) -> Value:
        """What is not of the type, any JSON."""
        choose = self.random.choice
        kind = choose(("confused", "confused", "number", "text", "nested"))
        if kind == "confused":
            return choose(CONFUSED[type_.name])
        if kind == "number":
            return choose((choose(INTS), choose(DOUBLES)))
        if kind == "text":
            return choose(self.texts)
        made: Value = choose((1, "s", None))
        for _ in range(self.random.randrange(1, 30)):
            made = [made] if self.random.random() < 0.5 else {choose([*FIELDS]): made}
        return made
