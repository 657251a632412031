"""The proof of an export: the rules and what they are exported as, asked the same, answer the same.

Asked are the rules' own tests, under all settings that these have, and requests made of them at random (variants). What
is exported is loaded again as the API server's policies, which run here to the letter.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from admit.admission import Decision
from admit.cel.env import OLDEST, parse_version
from admit.engine import Engine, Way
from admit.errors import RequestError
from admit.exporters import Exported, export
from admit.exporters.model import Target
from admit.kubernetes.decode import decode
from admit.kubernetes.normalise import bare, redefaulted
from admit.kubernetes.types import of_kind
from admit.loading import check, load
from admit.proof.cost import BUDGETS, costs, enlarged, warnings
from admit.proof.variants import variants
from admit.rules.lower import Bound
from admit.testing import Asked, trials

WEIGHED = 3
"""Requests under each settings of which the cost is counted."""
SHOWN = 20
"""Differences that a record has at most."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What matters of a decision: the verdict, its code and message, and the object that mutations made of it."""

    allowed: bool
    code: int
    message: str
    warned: bool
    object: Any

    @classmethod
    def of(cls, decision: Decision, made: Any) -> Answer:
        """Without the API server's prefix; of evaluations that failed, which each have their own text, there is but one
        answer; of what is `made`, without what says nothing."""
        message, erred = _PREFIX.sub("", decision.message), _ERROR.search(decision.message)
        return cls(
            decision.allowed,
            500 if erred else decision.code,
            ERROR if erred else message,
            bool(decision.warnings),
            bare(made) if decision.allowed else None,
        )

    def __str__(self) -> str:
        verdict = "allowed" if self.allowed else f"denied: {self.message}"
        return f"{verdict}, changed" if self.object is not None else verdict


ERROR = "(an error)"
_PREFIX = re.compile("ValidatingAdmissionPolicy '[^']*' with binding '[^']*' denied request: ")
_ERROR = re.compile(
    "^((mutation|rule) .* failed to evaluate: "
    "|policy '[^']*' with binding '[^']*' denied request: "  # of a MutatingAdmissionPolicy
    f"|{_PREFIX.pattern}expression '.*' resulted in error: )",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A request to which the rules and what they are exported as do not answer the same."""

    policies: tuple[str, ...]
    settings: tuple[Mapping[str, Any], ...]
    asked: Asked
    rules: Answer
    exported: Answer

    def __str__(self) -> str:
        request = f"{self.asked.operation} of a {self.asked.object['kind']}"
        return f"{', '.join(self.policies)}: {request}: {self.rules} by the rules, {self.exported} by the export"

    def record(self) -> dict[str, Any]:
        """As plain data, without what is the same of both answers."""
        answers = asdict(self.rules), asdict(self.exported)
        unlike = [key for key in answers[0] if answers[0][key] != answers[1][key]]
        rules, exported = ({key: answer[key] for key in ("allowed", *unlike)} for answer in answers)
        return {
            "policies": list(self.policies),
            "settings": list(map(dict, self.settings)),
            "request": {key: value for key, value in asdict(self.asked).items() if value},
            "rules": rules,
            "exported": exported,
        }


@dataclass(slots=True)
class Proof:
    """The record of what was asked and answered. `failed`: rules that something asked made fail; `unfailed`: those
    that nothing did."""

    digest: str
    target: Target
    kubernetes: str
    seed: int
    exports: int = 0
    cases: int = 0
    generated: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    costs: dict[str, int] = field(default_factory=lambda: dict.fromkeys(BUDGETS, 0))
    failed: set[str] = field(default_factory=set)
    unfailed: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    notes: set[str] = field(default_factory=set)
    untaken: set[str] = field(default_factory=set)
    differences: list[Difference] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.differences and not self.untaken

    def weigh(self, exported: Engine, asked: Asked) -> None:
        """Notes what a request costs an API server."""
        with suppress(RequestError):
            for what, cost in costs(exported, asked.decided(exported, "validate").request).items():
                self.costs[what] = max(self.costs[what], cost)

    def __str__(self) -> str:
        asked = f"{self.cases} cases and {self.generated} requests made of them (seed {self.seed})"
        return f"{asked}: {len(self.differences) or 'no'} differences"

    def record(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "rules": self.digest,
            "target": self.target,
            "kubernetes": self.kubernetes,
            "exports": self.exports,
            "asked": {"cases": self.cases, "generated": self.generated, "seed": self.seed},
            "answered": dict(sorted(self.answers.items())),
            "not covered": {"rules that nothing made fail": sorted(self.unfailed), "refused": sorted(self.refused)},
            "cost of requests with ten times the containers and so on": {
                what: f"{cost} of {BUDGETS[what]}" for what, cost in self.costs.items()
            },
            "notes": [*sorted(self.notes), *warnings(self.costs)],
            "not taken by the API server": sorted(self.untaken),
            "differences": len(self.differences),
            "first differences": [difference.record() for difference in self.differences[:SHOWN]],
        }


def prove(
    engine: Engine,
    tests: Iterable[Path],
    target: Target = "vap",
    *,
    kubernetes: str | None = None,
    generated: int = 1000,
    seed: int = 0,
    policy: str | None = None,
    partial: bool = True,
    **options: Any,
) -> Proof:
    """The proof of an engine's export, and of the exports of what its tests load: their policies under other settings.

    `generated` requests are made besides, of all that is asked; `policy` and what follows is that of `export`, what is
    refused is not asked whatever `partial` says. Raises RuleSetError, UsageError.
    """
    minor = kubernetes or engine.kubernetes
    if policy is not None:
        engine = replace(engine, bounds=tuple(b for b in engine.bounds if b.binding.policy.name == policy))
    by_tests = [trial for file in tests for trial in trials(file)]
    own: dict[int, tuple[Engine, list[Asked]]] = {id(engine): (engine, [asked for _, asked in by_tests])}
    for each, asked in by_tests:
        own.setdefault(id(each), (each, []))[1].append(asked)
    proof = Proof(digest(engine.bounds), target, minor, seed)
    every = own[id(engine)][1]
    for number, (each, cases) in enumerate(own.values()):
        share = generated // len(own) + (number < generated % len(own))
        made = list(islice(variants(every, each.bounds, seed + number), share))
        proof.cases += len(cases)
        proof.generated += len(made)
        _compare(proof, each, [*cases, *made], options)
    proof.unfailed -= proof.failed
    return proof


def digest(bounds: Sequence[Bound]) -> str:
    """A digest of the rules and settings of bindings."""
    told = [
        [
            bound.binding.name,
            dict(bound.settings),
            repr((bound.binding.validation_actions, bound.binding.match_resources, bound.binding.param_ref)),
            repr(bound.binding.exceptions),
            [lowered.policy.span.in_file.source.text for lowered in bound.members],
        ]
        for bound in bounds
    ]
    return "sha256:" + sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _compare(proof: Proof, engine: Engine, asked: Sequence[Asked], options: Mapping[str, Any]) -> None:
    """Adds to the proof what the rules of an engine and their export answer."""
    engine, exported = _exportable(proof, engine, options)
    again = _loaded(exported.documents, engine, proof)
    if again is None:
        return
    proof.exports += 1
    proof.notes |= set(map(str, exported.notes))
    proof.unfailed |= {rule.name for bound in engine.bounds for each in bound.members for rule in each.validations}
    route: Way = "validate" if proof.target == "vap" else "mutate"
    for each in islice(asked, WEIGHED):
        proof.weigh(again, replace(each, object=enlarged(each.object), old_object=enlarged(each.old_object)))
    for each in asked:
        try:
            decision = each.decided(engine, route)
        except RequestError:  # what is no object of Kubernetes
            proof.answers["unreadable"] += 1
            continue
        rules, other = (Answer.of(it, _made(each, it, again, route)) for it in (decision, each.decided(again, route)))
        proof.failed |= {finding.rule for finding in decision.findings}
        proof.answers["allowed" if rules.allowed else "errors" if rules.message == ERROR else "denied"] += 1
        proof.answers["mutated"] += route == "mutate" and decision.patch is not None
        if rules.message != other.message and (why := _unsayable(rules.message, other.message)):
            proof.answers[why] += 1
            other = replace(other, message=rules.message)
        if rules != other and not (_is_read(each.object) and _is_read(each.old_object)):
            proof.answers["not alike, where no API server reads the object"] += 1
        elif rules != other:
            named = tuple(bound.binding.policy.name for bound in engine.bounds)
            settings = tuple(bound.settings for bound in engine.bounds)
            proof.differences.append(Difference(named, settings, each, rules, other))


def _made(asked: Asked, decision: Decision, engine: Engine, route: Way) -> Any:
    """What a mutation makes of the object, with the defaults that an API server fills in afterwards."""
    return redefaulted(asked.object, decision.object, engine.schemas) if route == "mutate" else None


def _unsayable(rules: str, exported: str) -> str:
    """Why an API server cannot say the same, if so."""
    if "\n" in rules:
        return "with line breaks in the message"
    if exported.startswith("failed rule ") and "failed rule " in rules:  # of several; there is no catching an error
        return "with a message that fails"
    return ""


def _is_read(item: Any) -> bool:
    """Whether an API server reads the object as it is: all values are of the types that its kind has, and none in a
    list is null, which it takes for an empty text; a pod has containers."""
    if _has_null_in_list(item):
        return False
    match item:
        case {"kind": "Pod", "spec": {**spec}} if not spec.get("containers"):
            return False
        case {"apiVersion": str(version), "kind": str(kind)} if type := of_kind(version, kind):
            return not decode(item, type).misfits
        case _:
            return True


def _has_null_in_list(item: Any) -> bool:
    match item:
        case dict():
            return any(map(_has_null_in_list, item.values()))
        case list():
            return None in item or any(map(_has_null_in_list, item))
        case _:
            return False


def _exportable(proof: Proof, engine: Engine, options: Mapping[str, Any]) -> tuple[Engine, Exported]:
    """The engine without the bindings of which something is refused, and what it is exported as."""
    exported = _exported(engine, proof, options)
    if exported.refused:
        proof.refused |= set(map(str, exported.refused))
        without = {refusal.policy for refusal in exported.refused}
        kept = tuple(bound for bound in engine.bounds if _names(bound).isdisjoint(without))
        engine = replace(engine, bounds=kept, controller=None)
        exported = _exported(engine, proof, options)
    return engine, exported


def _exported(engine: Engine, proof: Proof, options: Mapping[str, Any]) -> Exported:
    """The documents of the target; what mutates is followed by what judges it."""
    targets: tuple[Target, ...] = (proof.target,) if proof.target == "vap" else (proof.target, "vap")
    done = [export(engine, target, kubernetes=proof.kubernetes, **options) for target in targets]
    return Exported(
        tuple(document for each in done for document in each.documents),
        tuple(refusal for each in done for refusal in each.refused),
        tuple(note for each in done for note in each.notes),
    )


def _loaded(documents: Sequence[Mapping[str, Any]], engine: Engine, proof: Proof) -> Engine | None:
    """What an API server makes of the documents; None where it does not take them, being new to it."""
    minor = parse_version(proof.kubernetes)
    _, faults = check(documents, kubernetes=f"1.{max(minor - 1, OLDEST)}")
    untaken = {f"{fault.message} ({fault.span.text})" for fault in faults if not fault.warning}
    proof.untaken |= untaken
    if untaken:
        return None
    return load(
        documents,
        params=engine.params,
        namespaces=engine.namespaces.values(),
        kubernetes=proof.kubernetes,
        clock=engine.clock,
        authorizer=engine.authorizer,
    )


def _names(bound: Bound) -> set[str]:
    return {bound.binding.name, bound.binding.policy.name, *(lowered.policy.name for lowered in bound.members)}
