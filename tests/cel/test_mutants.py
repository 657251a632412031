"""Faults put into the emitter, each of which the comparison with the reference evaluator must find."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import cycle, product
from pathlib import Path
from types import ModuleType

import pytest

from admit.cel.link import link
from admit.errors import CompileError

from .differential import PRESETS, Example, example, verify
from .expressions import VARIABLES, Expressions, Objects

PACKAGE = "admit.cel.emit"
_MUTANT = "mutant_of_emit"
MODULES = ("frame", "names", "native", "bounds", "optionals", "emitter", "counted", "")  # in the order of their imports
MOST = 16_000  # examples; most mutants take a few hundred, the hardest some thousand


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module of the emitter in which one text, which occurs once, is replaced by another."""

    name: str
    module: str
    old: str
    new: str


MUTANTS = (
    Mutant("true is one", "native", '"a == b and a is not c"', '"a == b"'),
    Mutant("Python's equality", "native", '"a == b if type(a) is str else equal(a, b)"', '"a == b"'),
    Mutant("large integers are exact", "native", "or not -EXACT < value < EXACT", "or False"),
    Mutant("at most is less", "native", '_order("a <= b")', '_order("a < b")'),
    Mutant("more is at least", "native", '_order("a > b")', '_order("a >= b")'),
    Mutant("NaN has an order", "native", '_ORDERED = ("str", "int", "bytes")', '_ORDERED = ("str", "int", "float")'),
    Mutant("no overflow", "native", '"if not low <= a <= high: raise surprise"', '"if not low <= a: raise surprise"'),
    Mutant("negative overflow", "native", 'if frame.kind(a) == "float":\n', 'if frame.kind(a) in ("float", "int"):\n'),
    Mutant("in of a string", "native", 'container = frame.guard(container, span, "list", "dict")', "pass"),
    Mutant("in by Python's equality", "native", 'if frame.kind(item) != "str":\n        return None', "pass"),
    Mutant("true among numbers", "native", "if value in values and frame.kind(item) not in _NUMBERS", "if False"),
    Mutant("index from the end", "native", '"if a < 0: raise surprise"', '"if a < -9: raise surprise"'),
    Mutant("index of a string", "native", 'container = frame.guard(container, span, "list")\n', "pass\n"),
    Mutant("contains of a list", "native", '(frame.guard(operand, span, "str") for operand in operands)', "operands"),
    Mutant("string(true) is True", "native", 'a = frame.guard(a, span, "str", "int")\n', "pass\n"),
    Mutant("string(1.0) is 1.0", "native", 'if frame.kind(a) == "int":\n', 'if frame.kind(a) in ("int", "float"):\n'),
    Mutant("all letters are small", "native", '"if not a.isascii(): raise surprise"', '"if not a: raise surprise"'),
    Mutant("join of a map", "native", 'items = frame.guard(items, span, "list")', "pass"),
    Mutant("or for and", "emitter", "return both([first, second], span) if", "return either([first, second], span) if"),
    Mutant("one of for all of", "emitter", 'if (operator == "_&&_") is wanted:', 'if (operator == "_||_") is wanted:'),
    Mutant("no else of a loop", "emitter", ' orelse" if orelse else', ' orelse" if not orelse else'),
    Mutant("what is empty is missing", "emitter", '"found is not missing", span', '"found", span'),
    Mutant("what is false is missing", "optionals", '"if name is missing: inner"', '"if not name: inner"'),
    Mutant("a loop over a string", "emitter", "return self.frame.guard(source, node.span, *kinds)", "return source"),
    Mutant("at least one", "emitter", '"count == 1"', '"count >= 1"'),
    Mutant("a loop ends early", "emitter", "not self._fuses(node.range)", "True"),
    Mutant("a loop for a value ends early", "emitter", "if self._fuses(node.range):", "if False:"),
    Mutant("one of two is known", "emitter", 'if (operator == "_&&_") is truth:', "if truth:"),
    Mutant("a test is always met", "emitter", "self._assume(condition, truth)", "self._assume(condition, True)"),
    Mutant("a key twice", "emitter", "if len(literals) < len(keys):", "if False:"),
    Mutant(
        "types are certain",
        "emitter",
        "result_of(node.function, self.kubernetes)",
        "node.overloads[0].result if len(node.overloads) == 1 else None",
    ),
    Mutant("absence is a value", "emitter", "self.frame.bound(node.name)", "pass"),
    Mutant("all is bool", "frame", '"a is not True and a is not False"', '"a is None"'),
    Mutant(
        "a known kind is right",
        "frame",
        'self.emit("raise surprise", span, surprise=self.helper(Surprise, "Surprise"))\n            return value',
        "return value",
    ),
    Mutant(
        "facts outlive their block",
        "frame",
        "[], {**self.kinds}, {**self.choices}, {**self.known}",
        "[], self.kinds, self.choices, self.known",
    ),
    Mutant("choices outlive their block", "frame", "{**self.choices}", "self.choices"),
    Mutant("one choice is as good as another", "frame", "self.choices[name].issubset(kinds)", "self.choices[name]"),
    Mutant("what is null has a value", "optionals", '"a if a else default"', '"a if a != [] else default"'),
    Mutant("one name for all", "names", 'unique = f"{name}#{self.count}"', "unique = name"),
)


@pytest.fixture(scope="module")
def examples() -> Callable[[int], Iterator[Example]]:
    """Gives so many examples: the same for every mutant, made when they are first asked for."""
    made: list[Example] = []
    source = _examples()

    def first(count: int) -> Iterator[Example]:
        for at in range(count):
            if at == len(made):
                made.append(next(source))
            yield made[at]

    return first


RARE = (
    "size(object.l) >= 0 && 'a' in object.l",
    "size(object.l) >= 0 && (b ? 'a' in object.l : true) && 'b' in object.l",
    "optional.ofNonZeroValue(object.l).hasValue()",
)
"""What random expressions hardly ever come to."""


def _examples() -> Iterator[Example]:
    expressions = Expressions("mutants", listed=0.02, depths=(1, 1, 2, 2, 3))
    objects = Objects("mutants", odds=(0.02, 0.3, 0.5))
    for text, within in product(RARE, PRESETS):
        yield example(text, within, tuple(objects.next() for _ in range(200)))
    for within in cycle(PRESETS):
        with suppress(CompileError):
            yield example(expressions.next(), within, tuple(objects.next() for _ in range(6)))


@pytest.fixture
def mutated(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The emitter that links programs is a mutant."""
    mutant: Mutant = request.param
    for module in MODULES:
        name = f".{module}" if module else ""
        spec = find_spec(PACKAGE + name)
        assert spec is not None and spec.origin is not None
        source = Path(spec.origin).read_text(encoding="utf-8")
        if module == mutant.module:
            assert source.count(mutant.old) == 1, f"{mutant.old!r} is {source.count(mutant.old)} times in {module}"
            source = source.replace(mutant.old, mutant.new)
        made = ModuleType(_MUTANT + name)
        made.__path__ = []
        monkeypatch.setitem(sys.modules, made.__name__, made)
        exec(compile(source.replace(PACKAGE, _MUTANT), f"{_MUTANT}{name}", "exec"), made.__dict__)
    linker = importlib.import_module("admit.cel.link")
    for name in ("UNBOUND", "Exceeded", "Unfit", "emit", "emit_counted", "emit_exact"):
        monkeypatch.setattr(linker, name, getattr(made, name))


@pytest.mark.parametrize("mutated", [pytest.param(each, id=each.name) for each in MUTANTS], indirect=True)
@pytest.mark.usefixtures("mutated")
def test_mutant_is_found(examples: Callable[[int], Iterator[Example]]) -> None:
    for at, each in enumerate(examples(MOST)):
        try:
            verify(each, link(each.tree, tuple(VARIABLES), each.within))
        except AssertionError:
            print(f"found by example {at}: {each.text}")
            return
    raise AssertionError("nothing differs")


def test_examples_agree(examples: Callable[[int], Iterator[Example]]) -> None:
    """What is found is the mutants' fault."""
    for each in examples(MOST // 8):
        verify(each, link(each.tree, tuple(VARIABLES), each.within))
