"""Generated code against the reference evaluator, on random expressions over random objects.

`ADMIT_FUZZ=N` makes it N expressions (`make fuzz`), from a seed of their own or from ADMIT_FUZZ_SEED.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random, SystemRandom
from typing import Any

import pytest

from admit.cel import evaluate as evaluator
from admit.cel.ast import Bind, Call, Comprehension, Expr, Ident
from admit.cel.check import check
from admit.cel.emit import SURPRISES, UNBOUND, Unfit, emit
from admit.cel.env import Declarations, declarations
from admit.cel.evaluate import evaluate
from admit.cel.fold import fold
from admit.cel.library import _known
from admit.cel.link import link, load, parse_in
from admit.cel.values import Duration, Map, Timestamp, Value, encode, matches_type
from admit.errors import CompileError, EvaluationError

from .differential import (
    PRESETS,
    Example,
    Outcome,
    example,
    fast_form,
    features,
    outcome,
    smallest,
    unfit,
    verify,
    walk,
)
from .expressions import MACROS, STRINGS, VARIABLES, Expressions, Objects, overloads

COUNT = int(os.environ.get("ADMIT_FUZZ") or 12_000)  # expressions, each in two languages and for three objects
SEED = os.environ.get("ADMIT_FUZZ_SEED") or (
    str(SystemRandom().randrange(2**32)) if "ADMIT_FUZZ" in os.environ else "0"
)
GIVEN = 3  # sets of values for the variables of an expression
PARTS = {  # with how often an expression is made from the list of functions, and the part's share of all expressions
    "functions": (0.85, 0.35),
    "functions again": (0.85, 0.35),
    "rules": (0.1, 0.15),
    "rules again": (0.1, 0.15),
}
LEAST = 25  # times that each overload and each macro is to be evaluated in a part that is about them


@dataclass(slots=True)
class Report:
    """What a run has seen."""

    refused: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    reads: int = 0
    fast: int = 0
    fallen: Counter[str] = field(default_factory=Counter)
    covered: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        least = ", ".join(
            f"{name} {self.covered[name]}" for name in sorted(coverable(), key=lambda name: self.covered[name])[:8]
        )
        return "\n".join(
            (
                f"{self.outcomes.total()} examples: {self.outcomes}, {self.reads} read object; {self.refused} refused",
                f"{self.fast} values by the fast form; the other values: {self.fallen.most_common()}",
                f"of {len(coverable())} overloads and macros the least covered: {least}",
            )
        )

    def judge(self, least: int = 0) -> None:
        """Fails where the run has not seen enough to prove anything."""
        values = self.outcomes["value"]
        assert values >= 0.4 * self.outcomes.total()
        assert self.reads >= 0.3 * self.outcomes.total()
        assert self.fast >= 0.6 * values
        assert {name: self.covered[name] for name in coverable() if self.covered[name] < least} == {}


def coverable() -> set[str]:
    """The overloads of both languages by id, and the macros."""
    return {*overloads(), *MACROS} - {"index", "optindex"}  # how a call of index_list and the like is made at run time


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> Report:
    """A report that counts those overloads that the checker does not know where the reference evaluator uses them."""
    made = Report()
    dispatch = evaluator.dispatch

    def counted(function: str, args: list[Value], kubernetes: int | None) -> Value:
        for overload in _known(kubernetes).get(function, ()):
            if len(overload.params) == len(args) and all(map(matches_type, args, overload.params)):
                made.covered[overload.id] += not overload.declared
        return dispatch(function, args, kubernetes)

    monkeypatch.setattr(evaluator, "dispatch", counted)
    return made


@pytest.mark.parametrize("part", PARTS)
def test_generated_code(part: str, report: Report) -> None:
    seed, (listed, share) = f"{SEED} {part}", PARTS[part]
    expressions, objects, random = Expressions(seed, report.covered, listed), Objects(seed), Random(seed)
    for _ in range(int(COUNT * share)):
        text, given = expressions.next(), tuple(objects.next() for _ in range(GIVEN))
        for within in PRESETS:
            try:
                made = example(text, within, given)
            except CompileError:
                report.refused += 1
                continue
            try:
                compare(made, report)
                if random.random() < 0.2:
                    compare_unfolded(made)
            except AssertionError as error:
                part_of_it = smallest(text, lambda text: differs(text, within, given))  # noqa: B023
                error.add_note(f"in Kubernetes {within.kubernetes}, already for {part_of_it}")
                raise
    print(f"seed {seed}: {report}")
    report.judge(LEAST if listed > 0.5 else 0)


def compare(example: Example, report: Report) -> None:
    """Holds the program, its fast form by itself, and the folded tree against the reference."""
    program = link(example.tree, tuple(VARIABLES), example.within)
    verify(example, program)
    folded = fold(example.tree, example.within)
    verify(example, lambda **values: evaluate(folded, values, example.within))
    reads = Ident("object") in walk(example.tree)
    fast = fast_form(program)
    for values, expected in zip(example.given, example.expected, strict=True):
        report.covered.update(features(example.tree))
        report.outcomes[expected[0]] += 1
        report.reads += reads
        try:
            if fast is None:
                reason = unfit(example)
            else:
                assert ("value", encode(fast(**values))) == expected
                report.fast += 1
                continue
        except SURPRISES as surprise:
            reason = type(surprise).__name__
        if expected[0] == "value":
            report.fallen[reason] += 1


def compare_unfolded(example: Example) -> None:
    """Holds the fast form of the tree as it was checked against the reference."""

    def exact(**values: Value) -> Value:
        given = {name: value for name, value in values.items() if value is not UNBOUND}
        return evaluate(example.tree, given, example.within)

    try:
        code = emit(example.tree, tuple(VARIABLES), exact, example.within.kubernetes)
        program = load(code, example.tree.span)
    except (Unfit, SyntaxError):  # Python warns of what folding leaves none of, `1 is None`
        return
    verify(example, program)


def differs(text: str, within: Declarations, given: tuple[Mapping[str, Value], ...]) -> bool:
    made = example(text, within, given)
    try:
        compare(made, Report())
        compare_unfolded(made)
    except AssertionError:
        return True
    return False


def test_definitions() -> None:
    """Variables that stand for expressions are as `cel.bind`: computed when they are first used, once at most."""
    expressions, objects = Expressions(1), Objects(1)
    compared = 0
    for _ in range(COUNT // 10):
        types = dict(VARIABLES)
        definitions: dict[str, Expr] = {}
        expressions.scope = []
        for name in ("x1", "x2"):
            within = declarations("1.36", types)
            try:
                tree = check(parse_in(within, expressions.of(expressions.any_type(), 2)), within)
            except CompileError:
                continue
            definitions[name], types[name] = tree, tree.type
            expressions.scope.append((name, tree.type))
        within = declarations("1.36", types)
        try:
            tree = check(parse_in(within, expressions.next()), within)
        except CompileError:
            continue
        given = (objects.next(), objects.next())
        bound = tree
        for name, definition in reversed(definitions.items()):
            bound = Bind(name, definition, bound, span=tree.span, type=tree.type)
        expected = tuple(outcome(evaluate, bound, values, within) for values in given)
        program = link(tree, tuple(VARIABLES), within, definitions=definitions)
        verify(Example(f"{expressions.scope}: {tree}", within, tree, given, expected), program)
        compared += 1
    assert compared > COUNT // 20


# cel-cpp: another implementation of the specification

NOT_COMPARED = {
    **dict.fromkeys(("map", "filter", "transformList"), "to it the entries of a map have no order"),
    "int": "it has int(bool), and no int(duration)",
    "-_": "it has no negation of durations",
    "ofNonZeroValue": "its zero time is 1970",
    "_[?_]": "a key or index that can be none gives none; an index out of an optional list, something",
    "_[_]": "as _[?_]",
    "@in": "to it a key that can be none is an error",
    "split": "it gives [''] for the empty text",
    "substring": "to it the end of the text is after its end",
    "indexOf": "from after the text it finds what it finds from the end",
    "lastIndexOf": "as indexOf",
    "or": "to it an operand that is no optional is an error",
    "string": "it writes times in UTC, durations with three digits, infinity as inf",
}
CS_STRINGS = tuple(text for text in STRINGS if "\0" not in text)


def test_cel_cpp() -> None:
    """Value or error, and the value, as cel-cpp has them, but where it is known to differ from cel-go."""
    cel = pytest.importorskip("cel_expr_python.cel", reason="cel-expr-python is not installed")
    from cel_expr_python.ext import ext_bindings, ext_optional, ext_strings

    types = {name: cel.Type.DYN if type == "dyn" else cel.Type(type) for name, type in VARIABLES.items()}
    extensions = [ext_bindings.ExtBindings(), ext_optional.ExtOptional(), ext_strings.ExtStrings()]
    peer = cel.NewEnv(variables=types, extensions=extensions)
    within = PRESETS[-1]
    expressions, objects = Expressions(f"{SEED} cel-cpp"), Objects(f"{SEED} cel-cpp", CS_STRINGS)
    outcomes: Counter[str] = Counter()

    def outcomes_of(text: str, given: Mapping[str, Value]) -> tuple[Outcome, Outcome] | None:
        """Ours and theirs; None where they cannot be compared."""
        tree = check(parse_in(within, text), within)
        try:
            theirs = peer.compile(text).eval(data=given)
            if theirs.type() == cel.Type.ERROR:
                if theirs.value().startswith("UNIMPLEMENTED"):  # by the binding, to make Python's of it
                    return None
                return outcome(evaluate, tree, given, within), ("error", theirs.value())
            return ("value", plain(evaluate(tree, given, within))), ("value", plain(theirs.plain_value()))
        except EvaluationError as error:
            return ("error", str(error)), ("value", theirs.plain_value())
        except (RuntimeError, SystemError, TypeError):  # it does not compile, or has no way back to Python
            return None

    def agree(text: str, given: Mapping[str, Value]) -> bool:
        both = outcomes_of(text, given)
        if both is None:
            return True
        (ours, value), (theirs, expected) = both
        outcomes[ours] += 1
        return ours == theirs and (ours == "error" or value == expected)

    for _ in range(COUNT // 4):
        text, given = expressions.next(), objects.next()
        if len(given) < len(VARIABLES):
            continue  # it wants all of them
        try:
            if agree(text, given):
                continue
        except CompileError:
            continue
        part = smallest(text, lambda text: not agree(text, given))  # noqa: B023
        nodes = [*walk(parse_in(within, part))]
        functions = {node.function for node in nodes if isinstance(node, Call)}
        macros = {node.macro for node in nodes if isinstance(node, Comprehension)}
        assert (functions | macros) & NOT_COMPARED.keys(), f"{part}: {outcomes_of(part, given)} with {given}"
    print(f"compared with cel-cpp: {outcomes}")
    assert outcomes["value"] > COUNT / 40 and outcomes["error"] > COUNT / 80


def plain(value: Value) -> Any:
    """A value as the binding gives it to Python, the kinds told apart: times to the microsecond, uint as int."""
    match value:
        case Timestamp():
            return "timestamp", value.nanoseconds // 1000
        case datetime():
            return "timestamp", (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        case Duration():
            return "duration", abs(value.nanoseconds) // 1000 * (1 if value.nanoseconds >= 0 else -1)
        case timedelta():
            return "duration", value // timedelta(microseconds=1)
        case bool() | None | str():
            return value, type(value)
        case int():
            return int(value), int
        case float():
            return repr(value)
        case bytes() | bytearray():
            return bytes(value)
        case list():
            return [plain(item) for item in value]
        case dict() | Map():
            return sorted(((plain(key), plain(item)) for key, item in value.items()), key=repr)
        case _:
            raise TypeError(f"no way to compare {value!r}")
