"""Rule tests: the cases of a NAME.test.yaml decided, and held against what they expect."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import orjson

from admit.admission import Decision, apply, diff, native
from admit.admission.patch import pointer
from admit.cel.ast import Literal
from admit.cel.env import NEWEST
from admit.cel.library.authorization import Attributes, Verdict
from admit.cel.parse import parse
from admit.engine import Engine, Way, now
from admit.engine.tally import AUDIT_KEY
from admit.errors import AdmitError, CompileError, EvaluationError, Fault, RuleSetError, UsageError
from admit.importers import cel_policy, kubewarden
from admit.kubernetes.normalise import normalise
from admit.library import Library
from admit.loading import SUFFIXES, Given, binding_of, load, upstream_binding_of
from admit.plan.write import MISSING, set_at, value_at
from admit.rules import upstream
from admit.rules.model import Reference
from admit.rules.paths import path_of
from admit.rules.read import Reader
from admit.rules.shapes import Choice, Data, Field, Flag, Form, ListOf, MapOf, Name, Record, Settings, Text
from admit.rules.yaml import Document, listed, read
from admit.source import Span

SUFFIX = ".test.yaml"


@dataclass(frozen=True, slots=True)
class Difference:
    """What a case expected of something, and what it got; both plain data."""

    what: str
    expected: Any
    got: Any

    def __str__(self) -> str:
        return f"{self.what}: expected {shown(self.expected)}, got {shown(self.got)}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A case that was run; without differences, it has passed."""

    name: str
    span: Span = field(repr=False)
    differences: tuple[Difference, ...]

    def __str__(self) -> str:
        return "\n".join([f"{self.span.place}: {self.name}", *(f"  {difference}" for difference in self.differences)])


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a file's cases.

    `rules` counts the validations and mutations that they are about; `untested` has each validation that no case makes
    fail, and each mutation without which every case would end as it does.
    """

    outcomes: tuple[Outcome, ...]
    rules: int
    untested: tuple[Fault, ...]

    @property
    def failures(self) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.differences)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as an engine's `decide` takes it."""

    object: Any
    old_object: Any = None
    operation: str = "CREATE"
    namespace: str | None = None
    user: Mapping[str, Any] | None = None
    subresource: str = ""

    def decided(self, engine: Engine, route: Way = "mutate") -> Decision:
        """Raises RequestError."""
        old = None if self.operation == "DELETE" else self.old_object
        return engine.decide(self.object, old, self.operation, self.namespace, self.user, self.subresource, route=route)


def run(file: Path, as_is: bool = False) -> Report:
    """Runs all cases of a test file, about objects as an API server would have them, or `as_is`.

    Raises RuleSetError for what is wrong with it, UsageError if it cannot be read.
    """
    faults: list[Fault] = []
    suites = [_Suite(file, document, faults, as_is) for document in _read(file)]
    if faults:
        raise RuleSetError(faults)
    outcomes = [outcome for suite in suites for outcome in suite.outcomes()]
    rules = {key: fault for suite in suites for key, fault in suite.rules.items()}
    tested = {key for suite in suites for key in suite.tested}
    return Report(tuple(outcomes), len(rules), tuple(fault for key, fault in rules.items() if key not in tested))


def trials(file: Path) -> Iterator[tuple[Engine, Asked]]:
    """The request of each case of a test file that has settings to decide it by, and the engine that is to.

    Raises RuleSetError for what is wrong with it, UsageError if it cannot be read.
    """
    faults: list[Fault] = []
    suites = [_Suite(file, document, faults, as_is=False) for document in _read(file)]
    if faults:
        raise RuleSetError(faults)
    for suite in suites:
        yield from suite.trials()


def suites(path: Path) -> list[Path]:
    """The test files of a path: itself, the one beside a rule file, or all in a folder. Raises UsageError."""
    if path.is_dir():
        files = (file for file in sorted(path.rglob(f"*{SUFFIX}")) if file.is_file())
        found = [file for file in files if not any(part.startswith(".") for part in file.relative_to(path).parts)]
    elif not path.exists():
        raise UsageError(f"no such file or folder: {path}")
    else:
        found = [path if path.name.endswith(SUFFIX) else path.with_name(path.stem + SUFFIX)]
    missing = [file for file in found if not file.is_file()]
    if missing or not found:
        raise UsageError(f"no tests for {path}: there is no {missing[0] if missing else '*' + SUFFIX}")
    return found


def shown(value: Any) -> str:
    """Plain data as one line: JSON, but a text as it is."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


@dataclass(frozen=True, slots=True)
class _Expected:
    span: Span
    allowed: bool | None = None
    message: str | None = None
    contains: str | None = None
    findings: tuple[dict[str, Any], ...] | None = None
    warnings: tuple[str, ...] | None = None
    audit_annotations: dict[str, str] | None = None
    patched: dict[str, Any] | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class _Case:
    span: Span
    name: str
    expect: _Expected
    object: Any = None
    set: dict[str, Any] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    settings: dict[str, Any] | None = None
    operation: str = "CREATE"
    subresource: str = ""
    old_object: Any = None
    user: dict[str, Any] | None = None
    namespace: str | None = None
    params: tuple[Any, ...] = ()
    namespaces: tuple[Any, ...] = ()
    authorizer: tuple[dict[str, Any], ...] | None = None
    kubernetes: str = f"1.{NEWEST}"
    now: str | None = None


EXPECTED = Record(
    "Expected",
    _Expected,
    {
        "allowed": Field(Flag(), "Whether the request is allowed."),
        "message": Field(Text(), "The message, exactly."),
        "contains": Field(Text(), "A part of the message."),
        "findings": Field(
            ListOf(
                Record(
                    "Finding",
                    dict,
                    {
                        "rule": Field(Text(), "The rule's name, MEMBER/RULE under a profile.", required=True),
                        "pointer": Field(Text(), "The JSON pointer of the place."),
                        "message": Field(Text(), "What is said of this place alone."),
                        "action": Field(Choice(("Deny", "Warn", "Audit")), "What it causes."),
                    },
                )
            ),
            "All findings, in their order.",
        ),
        "warnings": Field(ListOf(Text()), "All warnings, in their order."),
        "auditAnnotations": Field(
            MapOf(Text()), "All that auditAnnotations write: POLICY/KEY and value; the failures of Audit are findings."
        ),
        "patched": Field(MapOf(Data()), "All that mutations change: path and value; null where it is removed."),
        "error": Field(Text(), "A part of what the rule set is refused with, under these settings."),
    },
    forms=(
        Form(("allowed",), ("message", "contains", "findings", "warnings", "auditAnnotations", "patched")),
        Form(("error",)),
    ),
)

ANSWER = Record(
    "Answer",
    dict,
    {
        "user": Field(Text(), "Who is to be allowed something, such as system:serviceaccount:shop:web."),
        "verb": Field(Text(), "What is to be done, such as get."),
        "path": Field(Text(), "The path that is no resource."),
        "group": Field(Text(), "The API group; the core group is the empty text."),
        "resource": Field(Text(), "The resource, such as secrets."),
        "subresource": Field(Text(), "The subresource; empty for the resource itself."),
        "namespace": Field(Text(), "The namespace; empty for the cluster."),
        "name": Field(Text(), "The name of the object; empty for all."),
        "fieldSelector": Field(Text(), "The fields of the objects, as the rule writes them."),
        "labelSelector": Field(Text(), "The labels of the objects, as the rule writes them."),
        "allowed": Field(Flag(), "Whether it is allowed; default true, with an error false."),
        "reason": Field(Text(), "Why."),
        "error": Field(Text(), "What went wrong with the authorizer."),
    },
)

CASE = Record(
    "Case",
    _Case,
    {
        "name": Field(Text(), "What is tested.", required=True),
        "object": Field(Data(), "The object, in place of the base."),
        "set": Field(MapOf(Data()), "Paths such as spec.containers[0].ports, and the values written there."),
        "remove": Field(ListOf(Text()), "Paths of what is taken away."),
        "settings": Field(Settings(), "The settings of the policy."),
        "operation": Field(Choice(("CREATE", "UPDATE", "DELETE", "CONNECT")), "The operation; default CREATE."),
        "subresource": Field(Text(), "The subresource of the request."),
        "oldObject": Field(Data(), "The object as it was; of an UPDATE, the base is the default."),
        "user": Field(MapOf(Data()), "request.userInfo"),
        "namespace": Field(Text(), "The namespace of the request."),
        "namespaces": Field(ListOf(Data()), "Namespace objects, for namespaceObject and selectors."),
        "params": Field(ListOf(Data()), "Parameter objects."),
        "authorizer": Field(
            ListOf(ANSWER),
            "What the authorizer answers: the first that fits what is asked; where none does, it is not allowed.",
        ),
        "kubernetes": Field(Text(r"1\.\d+", "a version such as 1.36"), "The version whose CEL is spoken."),
        "now": Field(Text(), "The time, such as 2027-03-31 or 2027-03-31T23:59:59Z."),
        "expect": Field(EXPECTED, "What is expected.", required=True),
    },
)

SUITE = Record(
    "Suite",
    dict,
    {
        "policy": Field(
            Name(),
            "The policy that is tested: one of the files beside, or one of the library. KIND/NAME says of which kind.",
        ),
        "binding": Field(Name(), "The binding that is tested, with its settings, exceptions, actions and parameters."),
        "base": Field(Data(), "The object that the cases begin with."),
        "cases": Field(ListOf(CASE, at_least=1, unique="name"), "The cases.", required=True),
    },
    forms=(Form(("policy",), ("base",)), Form(("binding",), ("base",))),
)


class _Suite:
    """The cases about one policy or binding. `rules` and `tested` are known when they have been run."""

    def __init__(self, file: Path, document: Document, faults: list[Fault], as_is: bool) -> None:
        self.rules: dict[tuple[str, str], Fault] = {}
        self.tested: set[tuple[str, str]] = set()
        self._file, self._faults, self._as_is = file, faults, as_is
        self._engines: dict[bytes, Engine] = {}
        before = len(faults)
        written = Reader(document, faults).read(SUITE, document.value, ())
        if len(faults) > before:
            return
        self._policy: Reference | None = written.get("policy")
        self._rule_set = self._documents(written)
        self._cases = [self._prepared(case, written.get("base")) for case in written["cases"]]

    def outcomes(self) -> Iterator[Outcome]:
        for case, patched in self._cases:
            yield Outcome(case.name, case.span, tuple(self._differences(case, patched)))

    def trials(self) -> Iterator[tuple[Engine, Asked]]:
        for case, _ in self._cases:
            if case.expect.error is None:
                yield self._engine(case), _asked(case, case.object)

    def _documents(self, written: Mapping[str, Any]) -> list[Document]:
        """The binding, the policy and, if that is a profile, its members; not those of the library."""
        around = _Around(self._file)
        wanted: list[tuple[str, Reference]] = [(kind, written[kind]) for kind in _KINDS if kind in written]
        documents: list[Document] = []
        for kind, reference in wanted:
            if kind == "policy" and (reference.name in Library() or reference.name == cel_policy.NAME):
                continue
            document = around.find(_KINDS[kind], reference.name)
            if document is None:
                self._faults.append(Fault(f"there is no {kind} named {reference.name!r}", reference.span))
                continue
            documents.append(document)
            match document.value:
                case {"kind": str(bound), "spec": {"policyName": str(name)}}:
                    named = f"{upstream.KINDS[bound]}/{name}" if bound in upstream.KINDS else name
                    wanted.append(("policy", Reference(named, span=document.span(("spec", "policyName")))))
                case {"spec": {"policies": [*names]}}:
                    new = {name for name in names if isinstance(name, str)} - {seen.name for _, seen in wanted}
                    wanted += [("policy", Reference(name, span=reference.span)) for name in sorted(new)]
        return documents

    @property
    def _upstream(self) -> bool:
        """Whether it is about one of the API server's policies or bindings."""
        return bool(self._rule_set) and self._rule_set[0].value.get("kind") in upstream.KINDS

    def _prepared(self, case: _Case, base: Any) -> tuple[_Case, Any]:
        """The case with its objects as they are sent, and the object expected after mutation."""
        if case.settings is not None and self._upstream:
            self._faults.append(Fault(f"a {self._rule_set[0].value['kind']} has no settings", case.span))
        elif case.settings is not None and self._rule_set and "kind" not in self._rule_set[0].value:
            self._faults.append(Fault("an entry of policies.yml has settings of its own", case.span))
        sent = native(base if case.object is None else case.object)
        patched = None
        try:
            for text, value in case.set.items():
                sent = set_at(sent, _path(text), value)
            for text in case.remove:
                sent = apply(sent, [{"op": "remove", "path": pointer(_path(text))}])
            sent = self._admitted(case, sent)
            if case.expect.patched is not None:
                patched = _patched(sent, case.expect.patched)
            if case.now is not None:
                datetime.fromisoformat(case.now)
        except (EvaluationError, ValueError) as error:
            self._faults.append(Fault(str(error), case.span))
        old = base if case.old_object is None and case.operation == "UPDATE" else case.old_object
        return replace(case, object=sent, old_object=self._admitted(case, old)), patched

    def _admitted(self, case: _Case, item: Any) -> Any:
        """The object as admission sees it; that of CONNECT is no object of a cluster, but options."""
        if self._as_is or case.operation == "CONNECT":
            return item
        return normalise(item, case.namespace, created=case.operation == "CREATE")

    def _engine(self, case: _Case) -> Engine:
        """Raises RuleSetError."""
        key = orjson.dumps([case.settings, case.params, case.namespaces, case.authorizer, case.kubernetes, case.now])
        if key not in self._engines:
            given: list[Given] = [*self._rule_set]
            if self._policy is not None and self._upstream:
                policy = self._rule_set[0].value
                given.append(upstream_binding_of(policy["metadata"]["name"], policy["kind"]))
            elif self._policy is not None:
                given.append(binding_of(self._policy.name, case.settings or {}))
            elif case.settings is not None:
                binding = self._rule_set[0].value
                given[0] = {**binding, "spec": {**binding["spec"], "settings": case.settings}}
            self._engines[key] = load(
                given,
                params=case.params,
                namespaces=case.namespaces,
                kubernetes=case.kubernetes,
                clock=_clock(case.now),
                authorizer=None if case.authorizer is None else partial(_answer, case.authorizer),
            )
        return self._engines[key]

    def _differences(self, case: _Case, patched: Any) -> Iterator[Difference]:
        expect = case.expect
        try:
            engine = self._engine(case)
        except (RuleSetError, UsageError) as error:
            faults = error.faults if isinstance(error, RuleSetError) else (error,)
            said = "; ".join(fault.message if isinstance(fault, Fault) else str(fault) for fault in faults)
            if expect.error is None or expect.error not in said:
                yield Difference("error", expect.error or "none", said)
            return
        if expect.error is not None:
            yield Difference("error", expect.error, "none")
            return
        try:
            decision = _decided(engine, case, case.object)
            self._count(engine, case, decision)
            yield from _compared(expect, decision, patched)
            if decision.allowed and decision.patch:
                again = _decided(engine, case, decision.object)
                if not again.allowed or again.patch:
                    yield Difference("second run", "no change", again.patch or _verdict(again))
        except AdmitError as error:
            yield Difference("error", "none", str(error))

    def _count(self, engine: Engine, case: _Case, decision: Decision) -> None:
        """Notes which rules there are, and which of them the case exercises. Members of a profile have own tests."""
        bound = engine.bounds[0]
        self.tested |= {(bound.binding.policy.name, finding.rule) for finding in decision.findings}
        for lowered in bound.members:
            if lowered.prefix:
                continue
            policy = lowered.policy
            for validation in policy.validations:
                fault = Fault(f"no case makes {validation.name} fail", validation.span, warning=True)
                self.rules.setdefault((policy.name, validation.name), fault)
            for i, mutation in enumerate(policy.mutations):
                fault = Fault(f"no case needs mutations[{i}]", mutation.span, warning=True)
                key = policy.name, f"mutations[{i}]"
                self.rules.setdefault(key, fault)
                if key not in self.tested and decision.patch and _needs(engine, i, case, decision):
                    self.tested.add(key)


_KUBEWARDEN = "Kubewarden"  # of all its documents, known by the names of their bindings
_KINDS = {
    "policy": ("Policy", "ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"),
    "binding": ("PolicyBinding", "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicyBinding", _KUBEWARDEN),
}


class _Around:
    """The documents of the files around a test, looked for first in the one beside it."""

    def __init__(self, file: Path) -> None:
        beside = file.with_name(file.name.removesuffix(SUFFIX) + ".yaml")
        others = (f for f in sorted(file.parent.iterdir()) if f.suffix in SUFFIXES and not f.name.endswith(SUFFIX))
        self._files = iter(dict.fromkeys([*([beside] if beside.exists() else []), *others]))
        self._known: dict[tuple[str, str], Document] = {}

    def find(self, kinds: Sequence[str], name: str) -> Document | None:
        """The document of the first of the kinds that there is, unless the name is KIND/NAME."""
        kind, slash, rest = name.partition("/")
        if slash and kind in kinds:
            kinds, name = (kind,), rest
        return next((found for kind in kinds if (found := self._find(kind, name)) is not None), None)

    def _find(self, kind: str, name: str) -> Document | None:
        while (kind, name) not in self._known:
            file = next(self._files, None)
            if file is None:
                return None
            for document in chain.from_iterable(map(listed, _read(file))):
                match document.value:
                    case {"kind": str(found), "metadata": {"name": str(called)}}:
                        self._known.setdefault((found, called), document)
                for name_of_binding, each in kubewarden.bindings_of(document).items():
                    self._known.setdefault((_KUBEWARDEN, name_of_binding), each)
        return self._known[kind, name]


def _read(file: Path) -> list[Document]:
    try:
        return read(file.read_bytes(), str(file))
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None


def _path(text: str) -> tuple[str | int, ...]:
    """`spec.containers[0].ports`, `metadata.labels['a.b/c']`. Raises EvaluationError."""
    segments: list[str | int] = []
    try:
        path = path_of(parse(text))
    except CompileError:
        path = None
    for segment in (path.root, *path.segments) if path is not None else ():
        match segment:
            case str() as field:
                segments.append(field)
            case Literal(value=int(index)):
                segments.append(index)
            case _:
                path = None
    if path is None:
        raise EvaluationError(f"expected a path such as spec.containers[0].ports, not {text!r}")
    return tuple(segments)


def _patched(sent: Any, changes: Mapping[str, Any]) -> Any:
    for text, value in changes.items():
        path = _path(text)
        if value is not None:
            sent = set_at(sent, path, value)
        elif value_at(sent, path) is not MISSING:
            sent = apply(sent, [{"op": "remove", "path": pointer(path)}])
    return sent


def _clock(text: str | None) -> Callable[[], datetime]:
    if text is None:
        return now
    time = datetime.fromisoformat(text)
    return lambda: time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _answer(answers: Iterable[Mapping[str, Any]], asked: Attributes) -> Verdict:
    """What a case has the authorizer answer."""
    attributes = {**asdict(asked), "user": asked.user.name}
    for answer in answers:
        if all(attributes.get(name, value) == value for name, value in answer.items()):
            return Verdict(answer.get("allowed", "error" not in answer), answer.get("reason", ""), answer.get("error"))
    return Verdict(False)


def _asked(case: _Case, item: Any) -> Asked:
    return Asked(item, case.old_object, case.operation, case.namespace, case.user, case.subresource)


def _decided(engine: Engine, case: _Case, item: Any) -> Decision:
    return _asked(case, item).decided(engine)


def _needs(engine: Engine, mutation: int, case: _Case, decision: Decision) -> bool:
    """Whether a case would end otherwise without a mutation."""
    bound = engine.bounds[0]
    (lowered,) = bound.members
    kept = (*lowered.mutations[:mutation], *lowered.mutations[mutation + 1 :])
    without = replace(engine, bounds=(replace(bound, members=(replace(lowered, mutations=kept),)),))
    return bool(diff(decision.object, _decided(without, case, case.object).object))


def _compared(expect: _Expected, decision: Decision, patched: Any) -> Iterator[Difference]:
    if decision.allowed is not expect.allowed:
        yield Difference("verdict", "allowed" if expect.allowed else "denied", _verdict(decision))
    elif expect.message is not None and decision.message != expect.message:
        yield Difference("message", expect.message, decision.message)
    elif expect.contains is not None and expect.contains not in decision.message:
        yield Difference("message", f"... {expect.contains} ...", decision.message)
    if expect.findings is not None:
        yield from _compared_findings(expect.findings, decision)
    if expect.warnings is not None and expect.warnings != decision.warnings:
        yield Difference("warnings", [*expect.warnings], [*decision.warnings])
    noted = {key: text for key, text in decision.audit_annotations.items() if key != AUDIT_KEY}
    if expect.audit_annotations is not None and expect.audit_annotations != noted:
        yield Difference("auditAnnotations", expect.audit_annotations, noted)
    if patched is not None and decision.allowed:
        for place in _changed(patched, decision.object):
            yield Difference(f"patched at {place}", *(_at(place, item) for item in (patched, decision.object)))


def _verdict(decision: Decision) -> str:
    return "allowed" if decision.allowed else f"denied: {decision.message}"


def _compared_findings(expected: Sequence[Mapping[str, Any]], decision: Decision) -> Iterator[Difference]:
    """Finding by finding, of each what is expected of it; of one too many all that there is."""
    every = ("rule", "pointer", "message")
    for i, (wanted, finding) in enumerate(zip_longest(expected, decision.findings)):
        got = None if finding is None else {key: getattr(finding, key) for key in (wanted or every)}
        if got != wanted:
            yield Difference(f"findings[{i}]", wanted, got)


def _changed(expected: Any, got: Any) -> Iterable[str]:
    return dict.fromkeys(operation["path"] for operation in diff(expected, got))


def _at(place: str, document: Any) -> Any:
    """What is at a JSON pointer; None where nothing is."""
    try:
        return apply({}, [{"op": "add", "path": "", "value": document}, {"op": "move", "from": place, "path": ""}])
    except EvaluationError:
        return None
