"""The manual of the language: every operator, macro and function as one writes it, with examples, by version.

`python -m admit.cel.manual` prints docs/reference/cel-functions.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import TypeAlias

from admit.cel.ast import Call, Ident
from admit.cel.cost import MOST, estimate
from admit.cel.env import NEWEST, OLDEST, TWO_VARIABLES_SINCE, Declarations, declarations
from admit.cel.library import EXTENSIONS, Overload
from admit.cel.types import Type

Within: TypeAlias = frozenset[int | None]
"""The environments that have something: minors of Kubernetes, and None for the CEL specification's."""

ALL: Within = frozenset((None, *range(OLDEST, NEWEST + 1)))


@dataclass(frozen=True, slots=True)
class Entry:
    """What is said of some forms of one name that the same environments have.

    `examples` are true, `fails` are expressions with their errors; `cost` is what a call costs for operands of size
    SIZE, the least and the most of the forms.
    """

    library: str
    name: str
    forms: tuple[str, ...]
    doc: str
    examples: tuple[str, ...]
    fails: tuple[tuple[str, str], ...] = ()
    within: Within = ALL
    cost: tuple[int, int] | None = None


SIZE = 100

LIBRARIES = {
    "syntax": ("Fields, entries and macros", "`x` names the elements of a list or the keys of a map in turn; "
               "`k` and `v` the indexes and elements, or the keys and values."),
    "operators": ("Operators", "From the strongest to the weakest: calls and selections, `-` and `!`, `* / %`, `+ -`, "
                  "comparisons and `in`, `&&`, `||`, `?:`."),
    "standard": ("Functions", "Sizes, texts, conversions, times."),
    "optional": ("Optional values", "What may be there or not, without an error."),
    "strings": ("Texts", "Places count code points, from 0."),
    "lists": ("Lists", ""),
    "sets": ("Sets", "Lists of which neither the order nor repetitions matter."),
    "regex": ("Regular expressions", "In RE2's syntax."),
    "urls": ("URLs", ""),
    "addresses": ("IP addresses and networks", ""),
    "network": ("More of IP addresses and networks", ""),
    "quantity": ("Quantities", "Amounts as Kubernetes writes them: `500m`, `1Gi`."),
    "semver": ("Semantic versions", ""),
    "format": ("Named formats", "What names, labels and the like must look like."),
    "authz": ("The authorizer", "Whether somebody may do something: `authorizer` is the user of the request."),
    "jsonpatch": ("JSON patches", "In mutations only."),
    "math": ("Mathematics", ""),
    "encoders": ("Encodings", ""),
}  # fmt: skip
"""Titles and introductions, in the order of the manual."""

_HOMES = {"strings_before_4": "strings", "kubernetes.lists": "lists"}


def _since(minor: int, spec: bool = True) -> Within:
    return frozenset(each for each in ALL if (spec if each is None else each >= minor))


def _macro(doc: str, *examples: str, forms: Sequence[str], within: Within = ALL) -> Entry:
    name = forms[0].partition("(")[0].rpartition("e.")[2]
    return Entry("syntax", name, tuple(forms), doc, examples, within=within)


_TWO = _since(TWO_VARIABLES_SINCE)
_SPECIFICATION: Within = frozenset((None,))
SYNTAX = (
    Entry(
        *("syntax", "e.f", ("e.f",)),
        "The field, or the value under the key; an error if it is not there. Of an optional it is an optional.",
        ("{'a': {'b': 1}}.a.b == 1",),
        (("{'a': 1}.b", "no such key: b"),),
    ),
    Entry(
        *("syntax", "optional entries", ("[?e]", "{?k: e}", "T{?f: e}")),
        "An item, entry or field that is there if the optional has a value.",
        ("[1, ?optional.none()] == [1]", "{?'a': optional.of(1)} == {'a': 1}"),
    ),
    _macro("Whether the field is there.", "has({'a': 1}.a) && !has({'a': 1}.b)", forms=("has(e.f)",)),
    _macro(
        "Whether the predicate holds for all elements of a list, or keys of a map; of none it does. One that does not "
        "hold is enough, whichever others fail.",
        "[1, 2].all(x, x > 0)",
        "{'a': 1}.all(k, k == 'a')",
        forms=("e.all(x, p)",),
    ),
    _macro(
        "Whether the predicate holds for an element or key. One is enough, whichever others fail.",
        "[1, 2].exists(x, x > 1)",
        "[0, 1].exists(x, 1 / x == 1)",
        forms=("e.exists(x, p)",),
    ),
    _macro(
        "Whether the predicate holds for exactly one element or key.",
        "[1, 2].exists_one(x, x > 1)",
        forms=("e.exists_one(x, p)",),
    ),
    _macro(
        "The elements or keys for which the predicate holds.",
        "[1, 2, 3].filter(x, x > 1) == [2, 3]",
        forms=("e.filter(x, p)",),
    ),
    _macro(
        "What becomes of each element or key, or of those for which the predicate holds.",
        "[1, 2].map(x, x * 2) == [2, 4]",
        "[1, 2, 3].map(x, x > 1, x * 2) == [4, 6]",
        forms=("e.map(x, t)", "e.map(x, p, t)"),
    ),
    _macro(
        "Whether the predicate holds for all entries.",
        "{'a': 1}.all(k, v, k == 'a' && v == 1)",
        forms=("e.all(k, v, p)",),
        within=_TWO,
    ),
    _macro(
        "Whether the predicate holds for an entry.",
        "['a', 'b'].exists(i, x, i == 1 && x == 'b')",
        forms=("e.exists(k, v, p)",),
        within=_TWO,
    ),
    _macro(
        "Whether the predicate holds for exactly one entry.",
        "['a', 'b'].existsOne(i, x, i == 0)",
        forms=("e.existsOne(k, v, p)", "e.exists_one(k, v, p)"),
        within=_TWO,
    ),
    _macro(
        "The list of what becomes of each entry, or of those for which the predicate holds.",
        "['a', 'b'].transformList(i, x, i > 0, x + string(i)) == ['b1']",
        forms=("e.transformList(k, v, t)", "e.transformList(k, v, p, t)"),
        within=_TWO,
    ),
    _macro(
        "The map of the same keys with what becomes of each value; of a list, by index.",
        "{'a': 1, 'b': 2}.transformMap(k, v, v > 1, v * 10) == {'b': 20}",
        forms=("e.transformMap(k, v, t)", "e.transformMap(k, v, p, t)"),
        within=_TWO,
    ),
    _macro(
        "One map of all the maps; a key that comes twice is an error.",
        "{'a': 'x'}.transformMapEntry(k, v, {v: k}) == {'x': 'a'}",
        forms=("e.transformMapEntry(k, v, m)", "e.transformMapEntry(k, v, p, m)"),
        within=_TWO,
    ),
    _macro(
        "The optional of what becomes of the value; none stays none.",
        "optional.of(1).optMap(x, x + 1) == optional.of(2)",
        "optional.none().optMap(x, x + 1) == optional.none()",
        forms=("e.optMap(x, t)",),
    ),
    _macro(
        "What becomes of the value, itself an optional; none stays none.",
        "optional.of([1]).optFlatMap(x, x[?0]) == optional.of(1)",
        forms=("e.optFlatMap(x, t)",),
    ),
    _macro(
        "An expression with a name for a value that is computed once at most.",
        "cel.bind(x, 1 + 2, x * x) == 9",
        forms=("cel.bind(x, v, e)",),
        within=_SPECIFICATION,
    ),
    _macro(
        "An expression with numbers for several such values, each of which may mention those before.",
        "cel.block([1 + 2, cel.index(0) * 2], cel.index(1)) == 6",
        forms=("cel.block([v], e)", "cel.index(0)"),
        within=_SPECIFICATION,
    ),
)  # fmt: skip


@cache
def entries() -> tuple[Entry, ...]:
    """All of them, in the order of the manual."""
    known: dict[tuple[str, str], dict[tuple[str, str], list[_Found]]] = {}
    for environment in (*range(NEWEST, OLDEST - 1, -1), None):
        for overloads in _declared(environment).functions.values():
            for overload in overloads:
                told = _form(overload), " ".join(re.split(r"\s*\b(?:Raises|Source:)\s", overload.doc)[0].split())
                name = _library(overload), _name(overload)
                known.setdefault(name, {}).setdefault(told, []).append((overload, environment))
    made = [*SYNTAX, *(entry for name, forms in known.items() for entry in _entries(*name, forms))]
    order = [*LIBRARIES, *sorted({entry.library for entry in made} - LIBRARIES.keys())]
    as_declared = ("syntax", "operators")
    return tuple(
        sorted(
            made, key=lambda each: (order.index(each.library), each.library not in as_declared and each.name.lower())
        )
    )


def described(entry: Entry) -> str:
    """The entry as a terminal shows it."""
    examples = [*entry.examples[:_MOST], *(f"{text}  // {error}" for text, error in entry.fails[:_MOST])]
    return "\n".join((*entry.forms, *(f"    {line}" for line in (entry.doc, *examples))))


def page() -> str:
    """The manual in Markdown."""
    parts = [_PREFACE]
    for library, group in groupby(entries(), key=lambda entry: entry.library):
        title, introduction = LIBRARIES.get(library, (library, ""))
        members = [*group]
        usual = _all_of(members)
        parts.append(f"## {title}")
        parts.extend(filter(None, (introduction, _home(library, usual))))
        parts.append("\n".join((*_HEAD, *(_row(entry, usual) for entry in members))))
    return "\n\n".join(parts) + "\n"


def versions(within: Within) -> str:
    """In words: `Kubernetes 1.32+, the specification's language`."""
    minors = sorted(minor for minor in within if minor is not None)
    parts: list[str] = []
    if minors and (minors[0], minors[-1]) == (OLDEST, NEWEST):
        parts.append("Kubernetes")
    elif minors:
        parts.append(f"Kubernetes 1.{minors[0]}{'+' if minors[-1] == NEWEST else f' to 1.{minors[-1]}'}")
    if None in within:
        parts.append("the specification's language")
    return ", ".join(parts)


_MOST = 3  # examples that are shown
_PREFACE = f"""\
# Functions, operators and macros

<!-- `python -m admit.cel.manual` prints this page; do not edit it. -->

Written as `type.function(types) -> result`; a single capital is any type, and `google.protobuf.` and `kubernetes.` are
left out before a type. An example is true, unless an error stands beside it. The cost of a call is the most that it can
be for operands of size {SIZE} (code points, bytes, items), without what these cost, in the units of the API server's
budgets. The last column says who has it, where that differs from the whole section: versions of Kubernetes, from
1.{OLDEST} to 1.{NEWEST}, or the CEL specification's language."""
_HEAD = ("| written | gives | examples | cost | only in |", "| --- | --- | --- | --- | --- |")

_Found: TypeAlias = tuple[Overload, int | None]


@cache
def _declared(environment: int | None) -> Declarations:
    if environment is None:
        return declarations(None, libraries=EXTENSIONS)
    return declarations(f"1.{environment}", patches=True)


def _library(overload: Overload) -> str:
    home = _HOMES.get(overload.library, overload.library)
    is_operator = not (overload.function[0].isalpha() or overload.function in _WORDS)
    return "operators" if is_operator and home == "standard" else home


_WORDS = {"@sortByAssociatedKeys": "sortBy", "math.@max": "math.greatest", "math.@min": "math.least"}
_OPERATORS = {"_?_:_": "?:", "@in": "in", "_[_]": "[]", "_[?_]": "[?]", "_?._": ".?"}


def _name(overload: Overload) -> str:
    function = overload.function
    return _WORDS.get(function) or _OPERATORS.get(function) or function.strip("_")


def _form(overload: Overload) -> str:
    """The overload as one writes it."""
    name, params = _name(overload), [_short(param) for param in overload.params]
    match overload.function, params:
        case "_?_:_", (condition, one, other):
            call = f"{condition} ? {one} : {other}"
        case "_[_]" | "_[?_]", (operand, key):
            call = f"{operand}{name[:-1]}{key}]"
        case "_?._", (operand, _):
            call = f"{operand}.?f"
        case "!_" | "-_", (operand,):
            call = f"{name}{operand}"
        case "@sortByAssociatedKeys", (items, keys):
            call = f"{items}.sortBy(x, {keys[len('list(') : -1]})"
        case function, (left, right) if not name[0].isalpha() or function == "@in":
            call = f"{left} {name} {right}"
        case _, (receiver, *args) if overload.member:
            call = f"{receiver}.{name}({', '.join(args)})"
        case _:
            call = f"{name}({', '.join(params)})"
    return f"{call} -> {_short(overload.result)}"


def _short(type: Type) -> str:
    return re.sub(r"\b(google\.protobuf|kubernetes(\.authorization)?)\.", "", str(type))


def _entries(library: str, name: str, forms: Mapping[tuple[str, str], Sequence[_Found]]) -> Iterator[Entry]:
    """The forms of a name, those together of which the same is said."""
    alike: dict[tuple[str, Within], dict[str, Sequence[_Found]]] = {}
    for (form, doc), found in forms.items():
        within = frozenset(environment for _, environment in found)
        alike.setdefault((doc, within), {})[form] = found
    for (doc, within), members in alike.items():
        overloads = [overload for found in members.values() for overload, _ in found]
        examples = dict.fromkeys(text for overload in overloads for text in overload.examples)
        fails = dict.fromkeys(each for overload in overloads for each in overload.fails)
        costs = [_cost(*found[0]) for found in members.values()]
        yield Entry(library, name, (*members,), doc, (*examples,), (*fails,), within, (min(costs), max(costs)))


def _cost(overload: Overload, environment: int | None) -> int:
    """Of a call whose operands are variables, less what these cost."""
    operands = tuple(Ident(f"v{i}", type=param) for i, param in enumerate(overload.params))
    call = Call(overload.function, operands, overloads=(overload,), type=overload.result)
    return max(estimate(call, _declared(environment), lambda path, type: SIZE).max - len(operands), 0)


def _all_of(members: Iterable[Entry]) -> Within:
    return frozenset[int | None]().union(*(entry.within for entry in members))


# Markdown


def _home(library: str, within: Within) -> str:
    """Who has a library, if it is not all."""
    if library in EXTENSIONS:
        also = f"{versions(minors)}, and in " if (minors := within - {None}) else ""
        return f"In {also}the specification's language with `libraries=['{library}']`."
    return "" if within == ALL else f"In {versions(within)} only."


def _row(entry: Entry, usual: Within) -> str:
    examples = [*map(_code, entry.examples[:_MOST])]
    examples += [f"{_code(text)} error: {_code(error)}" for text, error in entry.fails[:_MOST]]
    cost = "" if entry.cost is None else " to ".join(map(_amount, dict.fromkeys(entry.cost)))
    only = "" if entry.within == usual else versions(entry.within)
    cells = ("<br>".join(map(_code, entry.forms)), entry.doc, "<br>".join(examples), cost, only)
    return f"| {' | '.join(cells)} |"


def _amount(cost: int) -> str:
    return "no bound" if cost > MOST // 2 else f"{cost:,}"


def _code(text: str) -> str:
    ticks = "``" if "`" in text else "`"
    return f"{ticks}{text.replace('|', chr(92) + '|')}{ticks}"


if __name__ == "__main__":
    print(page(), end="")
