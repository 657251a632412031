"""The function table: every function of CEL as data, read by the checker, the evaluator, the emitter and the manual.

A function is declared once, in CEL's notation, with examples that are tests:

    @overload("string.startsWith(string) -> bool", "'kube-system'.startsWith('kube-')", id="starts_with_string")
    def starts_with(text: str, prefix: str) -> bool:
        "Whether the text begins with the prefix."
        return text.startswith(prefix)

`functions` is what a program may mention. `dispatch` picks the overload by what the arguments are at run time, as
cel-go does where types are not known; it also knows a few that no checker admits. Special forms are the evaluator's
and the emitter's: `_&&_`, `_||_`, `_?_:_` (here only for two or three values), and `or`, `orValue`, whose right side
is evaluated only where the left is NONE; for any other left, dispatch with NONE in its place.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import TypeVar

from admit.cel.library.signature import Signature, parse_signature
from admit.cel.types import Type
from admit.cel.values import Value, matches_type, type_of
from admit.errors import EvaluationError


@dataclass(frozen=True, slots=True)
class Overload:
    """One signature of one function.

    `params` has the receiver first where `member`. `call` takes as many arguments; it may rely on their kinds
    (a `string` is a `str`, a `list(T)` a `list`), since `dispatch` and the checker see to that, and raises
    EvaluationError. `since` is the Kubernetes minor that has it (0: all of them; None: none, the specification only,
    in place of one with the same id), `until` the first that has it no more. The checker does not know what is not
    `declared`. `examples` are expressions that must evaluate to true; `fails` pairs of expression and error text.
    """

    id: str
    function: str
    member: bool
    params: tuple[Type, ...]
    result: Type
    call: Callable[..., Value]
    library: str
    since: int | None = 0
    until: int | None = None
    declared: bool = True
    doc: str = ""
    examples: tuple[str, ...] = ()
    fails: tuple[tuple[str, str], ...] = ()


EXTENSIONS = frozenset(("lists", "network", "regex", "sets"))
"""Libraries of cel-go that the CEL specification's environment has only if asked to."""

_Function = TypeVar("_Function", bound=Callable[..., Value])


def overload(
    text: str,
    *examples: str,
    id: str = "",
    library: str = "standard",
    since: int | None = 0,
    until: int | None = None,
    declared: bool = True,
    fails: Mapping[str, str] | None = None,
) -> Callable[[_Function], _Function]:
    """Declares the function decorated as `text` has it; without an `id`, one is made in cel-go's manner."""
    signature = parse_signature(text)

    def declare(function: _Function) -> _Function:
        _declared.append(
            Overload(
                id or _id(signature),
                *(signature.function, signature.member, signature.params, signature.result),
                function,
                library,
                since,
                until,
                declared,
                inspect.getdoc(function) or "",
                examples,
                tuple((fails or {}).items()),
            )
        )
        return function

    return declare


@lru_cache
def functions(
    kubernetes: int | None, patches: bool = False, libraries: frozenset[str] = frozenset(), messages: bool = False
) -> Mapping[str, tuple[Overload, ...]]:
    """What a program may call: in a Kubernetes minor, or (None) in the CEL specification's environment.

    `patches`: with the functions that only the expressions of mutations have; `libraries`: with those of these
    EXTENSIONS, which the specification's environment has not by itself; `messages`: with those that no API server has.
    """
    hidden = {name for name, wanted in (("jsonpatch", patches), ("messages", messages)) if not wanted}
    if kubernetes is None:
        hidden |= EXTENSIONS - libraries
    known = {
        name: tuple(o for o in overloads if o.declared and o.library not in hidden)
        for name, overloads in _known(kubernetes).items()
    }
    return {name: overloads for name, overloads in known.items() if overloads}


def dispatch(function: str, args: Sequence[Value], kubernetes: int | None = None) -> Value:
    """The result of a function, receiver first, by the arguments' types at run time. Raises EvaluationError."""
    return dispatcher(function, kubernetes)(*args)


@lru_cache(maxsize=1024)
def dispatcher(function: str, kubernetes: int | None = None) -> Callable[..., Value]:
    """`dispatch` for one function, or for what `operation` made of it."""
    known = _known(kubernetes)
    overloads = known.get(function) or tuple(o for each in known.values() for o in each if o.id == function)
    if overloads:
        function = overloads[0].function

    def call(*args: Value) -> Value:
        for candidate in overloads:
            if len(candidate.params) == len(args) and all(map(matches_type, args, candidate.params)):
                return candidate.call(*args)
        raise no_such_overload(function, args)

    return call


def implementation(function: str, kubernetes: int | None = None) -> Callable[..., Value]:
    """What the overloads of a function call, if that is the same for all of them."""
    return _known(kubernetes)[function][0].call


def operation(function: str, overloads: Sequence[Overload]) -> str:
    """The function; or the id of the one overload that the checker left, which is called whatever the operands prove to
    be. Operators and the like go by their operands all the same.
    """
    if len(overloads) != 1 or function in _GENERIC or not function[0].isalpha():
        return function
    return overloads[0].id


@lru_cache(maxsize=1024)
def result_of(function: str, kubernetes: int | None = None) -> Type | None:
    """The type of what a function gives whatever it is given; None where there is not one.

    What a checked call gives may be of another type than the checker's: after `[1] + object.list` all bets are off.
    """
    results = {overload.result for overload in _known(kubernetes).get(function, ())}
    return results.pop() if len(results) == 1 else None


def no_such_overload(function: str, args: Sequence[Value]) -> EvaluationError:
    """What cel-go says of a function that does not take these arguments."""
    types = [type_of(arg).name for arg in args]
    if function in _UNNAMED:
        return EvaluationError("no such overload")
    if function in _OPERANDS or all(function != overload.function for overload in _declared):
        named = not types or (types[0] not in _OPERANDS.get(function, ()) and types[0] not in _RECEIVERS)
        return EvaluationError(f"no such overload: {function}" if named else "no such overload")
    return EvaluationError(f"no such overload: {function}({', '.join(types)})")


_MODULES = (  # these import this one
    *("standard", "optional", "extensions", "formatting", "lists", "sets", "jsonpatch"),
    *("addresses", "authorization", "encoders", "formats", "math", "quantity", "regexes", "semver", "urls"),
)
_SPECIFICATION = frozenset(("standard", "optional", "strings", "addresses", "lists", "sets"))
"""Of Kubernetes' libraries those that the CEL specification's environment has as well, some only if asked to."""
_declared: list[Overload] = []


@lru_cache
def _known(kubernetes: int | None) -> Mapping[str, tuple[Overload, ...]]:
    """Every function that there is at run time; the first call reads the declarations."""
    for module in _MODULES:
        import_module(f"{__name__}.{module}")
    if kubernetes is None:
        ordinary = [o for o in _declared if o.since is not None and o.until is None and o.library in _SPECIFICATION]
        chosen = {o.id: o for o in (*ordinary, *(o for o in _declared if o.since is None))}.values()
    else:
        chosen = {o.id: o for o in _declared if o.since is not None and _holds(o, kubernetes)}.values()
    found: dict[str, list[Overload]] = {}
    for overload in chosen:
        found.setdefault(overload.function, []).append(overload)
    return {name: tuple(overloads) for name, overloads in found.items()}


def _holds(candidate: Overload, kubernetes: int) -> bool:
    assert candidate.since is not None
    return candidate.since <= kubernetes and (candidate.until is None or kubernetes < candidate.until)


# How cel-go words a missing overload: without a name; or with the name alone, unless the operation is one that the
# first operand has (or it is a receiver of functions), when the name is left out.
_UNNAMED = frozenset((
    "_&&_", "_||_", "_?_:_", "!_", "_==_", "_!=_", "@in", "contains", "startsWith", "endsWith", "or", "orValue",
))  # fmt: skip
_RECEIVERS = frozenset(("string", "google.protobuf.Timestamp", "google.protobuf.Duration"))
_ORDERED = frozenset(("bool", "bytes", "double", "int", "uint", *_RECEIVERS))
_OPERANDS: dict[str, frozenset[str]] = {
    "_+_": frozenset(("bytes", "double", "int", "list", "uint", *_RECEIVERS)),
    "_-_": frozenset(("double", "int", "uint", *_RECEIVERS)),
    "_*_": frozenset(("double", "int", "uint")),
    "_/_": frozenset(("double", "int", "uint")),
    "_%_": frozenset(("int", "uint")),
    "-_": frozenset(("bool", "double", "int")),
    **dict.fromkeys(("_<_", "_<=_", "_>_", "_>=_"), _ORDERED),
    "size": frozenset(("bytes", "list", "map")),
    **dict.fromkeys(("matches", "sort", "@sortByAssociatedKeys"), frozenset[str]()),
}


# To cel-go, one function for all overloads.
_GENERIC = frozenset(("or", "orValue", "size", "matches", "type", "dyn", "sort", "flatten"))


_WORDS = {
    "_+_": "add",
    "_-_": "subtract",
    "_*_": "multiply",
    "_/_": "divide",
    "_%_": "modulo",
    "-_": "negate",
    "_<_": "less",
    "_<=_": "less_equals",
    "_>_": "greater",
    "_>=_": "greater_equals",
    "_==_": "equals",
    "_!=_": "not_equals",
    "_&&_": "logical_and",
    "_||_": "logical_or",
    "!_": "logical_not",
    "_?_:_": "conditional",
    "@in": "in",
}
_TYPE_WORDS = {"int": "int64", "uint": "uint64"}


def _id(signature: Signature) -> str:
    """`add_int64`, `less_int64_double`, `string_char_at_int`; a conversion is `int64_to_double`."""
    names = [param.name.rpartition(".")[2].lower() for param in signature.params if len(param.name) > 1]
    function = _WORDS.get(signature.function) or re.sub("([A-Z])", r"_\1", signature.function.replace(".", "_")).lower()
    if signature.member:
        return "_".join((names[0].removesuffix("_type"), function, *names[1:]))
    words = [_TYPE_WORDS.get(name, name) for name in names]
    if signature.function == str(signature.result).lower().rpartition(".")[2]:
        return f"{words[0]}_to_{_TYPE_WORDS.get(signature.function, signature.function)}"
    return "_".join((function, *(words[:1] if len(set(words)) == 1 else words)))
