"""Random expressions over random objects, put to `admit` and to the API server's CEL: `make fuzz EXAMPLES=20000`.

Where the two differ, the example is made small and printed as a row for regressions.yaml.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

import yaml
from platformdirs import user_cache_path

from admit.admission.native import native
from admit.cel.ast import Expr, Ident, ListExpr, Literal, MapExpr, children, rebuild
from admit.cel.library import _known
from admit.cel.parse import parse
from admit.cel.unparse import unparse
from admit.cel.values import decode, encode
from admit.errors import CompileError

from ..cel.differential import features
from ..cel.expressions import VARIABLES, Expressions, Objects, overloads
from ..cel.twists import tokens_of, twisted
from .answers import MINOR, Answer, Example, answer, checked, difference

HERE = Path(__file__).parent
GRAVE = ("verdict", "value", "cost")
BATCH = 1000
TWISTED = 0.12
OF_OTHER_MINORS = 0.1
OTHER_MINORS = (31, 34)  # lists of several types are refused by another step before 1.29, which this cel-go has not
NEWER = re.compile("unwrap|first|last|Selector|%")  # what this cel-go has, or does otherwise, in these minors, too
CHUNK = 40  # candidates for a smaller example, tried at once
SMALL = (*GRAVE, "cost")  # the ways to differ that are worth the time to make an example small
PRINTED = 8  # of the examples that differ in one way, the shortest
CHUNKS = 25  # at most, for one example
ASKED_AGAIN = 20  # times, before an answer is taken for the only one: Go's maps have no order


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("examples", type=int, nargs="?", default=5000)
    options.add_argument("--seed", type=int, default=SystemRandom().randrange(2**32))
    chosen = options.parse_args()
    if not shutil.which("go"):
        print("there is no Go to build the oracle with: nothing is compared", file=sys.stderr)
        return os.environ.get("CI") == "true"
    oracle = Oracle()
    print(f"{chosen.examples} examples, seed {chosen.seed}")
    seen: Counter[str] = Counter()
    differing: defaultdict[str, list[Example]] = defaultdict(list)
    covered: Counter[str] = Counter()
    source = examples(chosen.seed, covered)
    while (left := chosen.examples - seen["examples"]) > 0:
        batch = [next(source) for _ in range(min(left, BATCH))]
        for example, theirs in zip(batch, oracle.answers(batch), strict=True):
            ours = answer(example)
            seen["examples"] += 1
            seen.update(ours.keys() - {"type"})
            if difference(ours, theirs) and (kind := oracle.differs(example)):
                differing[kind].append(example)
    for kind, found in sorted(differing.items()):
        print(f"\n# {kind}: {len(found)}")
        found.sort(key=lambda example: len(example.expression))
        shown = [smallest(oracle, each) if kind in SMALL else each for each in found[:PRINTED]]
        for row in sorted({rendered(each, oracle) for each in shown}, key=len):
            print(row)
    least = sorted((covered[id], id) for id, overload in overloads().items() if overload.declared)
    print("\nleast covered:", ", ".join(f"{id} {count}" for count, id in least[:8]))
    print(f"{dict(seen)}, differing: { {kind: len(found) for kind, found in differing.items()} }")
    texts = seen["error"] + seen["compile_error"]
    grave = sum(len(differing[kind]) for kind in GRAVE)
    return grave > seen["examples"] / 10_000 or len(differing["text"]) > texts / 20


class Oracle:
    """The program of main.go, built where caches are."""

    def __init__(self) -> None:
        self.program = user_cache_path("admit") / "oracle" / "oracle"
        subprocess.run(["go", "build", "-o", self.program, "."], cwd=HERE, check=True)

    def answers(self, asked: Sequence[Example]) -> list[Answer]:
        """The answer to each."""
        lines = "".join(f"{example.question()}\n" for example in asked)
        done = subprocess.run(
            [self.program], input=lines, capture_output=True, text=True, encoding="utf-8", timeout=600
        )
        if done.returncode:
            raise RuntimeError(f"the oracle ended with {done.returncode}: {done.stderr[:2000]}")
        return [json.loads(line) for line in done.stdout.split("\n") if line]

    def differs(self, example: Example) -> str | None:
        """In what `admit` differs from all that the oracle has to say, if so."""
        ours = answer(example)
        times = 1 if "compile_error" in ours else ASKED_AGAIN
        found = [difference(ours, theirs) for theirs in self.answers([example] * times)]
        return found[0] if all(found) else None


# Examples


def examples(seed: int, covered: Counter[str]) -> Iterator[Example]:
    """Examples without end; `covered` counts the overloads and macros of those that compile."""
    random = Random(seed)
    unknown = overloads().keys() - {overload.id for each in _known(MINOR).values() for overload in each}
    covered.update(dict.fromkeys(unknown, 2**31))
    made = Expressions(seed, covered, wrong=0.04)
    objects = Objects(seed)
    while True:
        text = made.next()
        while random.random() < TWISTED:
            text = twisted(text, random)
        given = {name: value if _plain(name) else encode(value) for name, value in objects.next().items()}
        minor = MINOR if random.random() >= OF_OTHER_MINORS or NEWER.search(text) else random.choice(OTHER_MINORS)
        example = Example(text, given, minor)
        with suppress(CompileError):
            covered.update(features(checked(example)))
        yield example


def _plain(name: str) -> bool:
    return VARIABLES[name] == "dyn"


# Shrinking


def smallest(oracle: Oracle, example: Example) -> Example:
    """The example, made as small as leaving out makes it, that differs in the same way."""
    kind = oracle.differs(example)
    candidates, chunks = _smaller(example), 0
    while (chunk := list(islice(candidates, CHUNK))) and (chunks := chunks + 1) <= CHUNKS:
        for candidate, theirs in zip(chunk, oracle.answers(chunk), strict=True):
            if difference(answer(candidate), theirs) == kind and oracle.differs(candidate) == kind:
                example, candidates = candidate, _smaller(candidate)
                break
    return example


def _smaller(example: Example) -> Iterator[Example]:
    for text in _shorter(example.expression):
        if len(text) < len(example.expression):
            yield replace(example, expression=text)
    for name, value in example.variables.items():
        others = {other: each for other, each in example.variables.items() if other != name}
        yield replace(example, variables=others)
        if VARIABLES[name] == "dyn":
            less = _without(value)
        else:
            less = map(encode, _without(decode(value)))
        yield from (replace(example, variables={**others, name: each}) for each in less)


def _shorter(text: str) -> Iterator[str]:
    try:
        yield from map(unparse, _reduced(parse(text)))
    except CompileError:  # no expression: with tokens left out, the longest runs of them first
        tokens = tokens_of(text)
        for length in (len(tokens) >> shift for shift in range(1, len(tokens).bit_length())):
            yield from ("".join(tokens[:at] + tokens[at + length :]) for at in range(len(tokens) - length + 1))


def _reduced(node: Expr) -> Iterator[Expr]:
    """The node with one sub-expression less."""
    yield from children(node)
    if not isinstance(node, Ident | Literal):
        yield from (Literal("bool", True), Literal("int", 0), Literal("string", ""), Ident("object"))
    match node:
        case ListExpr(items=items, optional=frozenset()) if items:
            yield from (ListExpr(items[:at] + items[at + 1 :]) for at in range(len(items)))
        case MapExpr(entries=entries):
            yield from (MapExpr(entries[:at] + entries[at + 1 :]) for at in range(len(entries)))
    for child in children(node):
        for smaller in _reduced(child):
            yield rebuild(node, lambda each: smaller if each is child else each)  # noqa: B023


def _without(value: Any) -> Iterator[Any]:
    """A JSON value with one thing less."""
    match value:
        case dict():
            for key in value:
                yield {name: item for name, item in value.items() if name != key}
            yield from ({**value, key: less} for key, item in value.items() for less in _without(item))
        case list():
            for at, item in enumerate(value):
                yield value[:at] + value[at + 1 :]
                yield from ([*value[:at], less, *value[at + 1 :]] for less in _without(item))


def rendered(example: Example, oracle: Oracle) -> str:
    """The row of an example for regressions.yaml, with what `admit` says as a comment."""
    (theirs,) = oracle.answers([example])
    row = {
        "expression": example.expression,
        **({"minor": example.minor} if example.minor != MINOR else {}),
        "variables": native(example.variables),
        "expected": {kind: said for kind, said in theirs.items() if kind != "cost" or "value" in theirs},
    }
    text = yaml.safe_dump([row], sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=None)
    return f"{text}  # {dict(answer(example))}"


if __name__ == "__main__":
    sys.exit(main())
