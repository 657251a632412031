"""`admit.load`: documents in, engine out; the one place that knows all the kinds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from admit.admission import native
from admit.cel.ast import Node
from admit.cel.env import NEWEST, parse_version
from admit.cel.library.authorization import Authorize
from admit.engine import Clock, Engine, now
from admit.engine.authorizer import unavailable
from admit.errors import Fault, RuleSetError, UsageError
from admit.importers.modules import CEL_POLICY, FOLDER
from admit.library import Library
from admit.rules import load as rules
from admit.rules import upstream
from admit.rules.fields import API_VERSION
from admit.rules.lower import Bound, lower
from admit.rules.model import Policy, PolicyKind, RuleSet
from admit.rules.sense import unanswered
from admit.rules.yaml import Document, document_of, listed, read

if TYPE_CHECKING:
    from admit.importers import kubewarden
    from admit.podsecurity.cluster import Known
    from admit.podsecurity.controller import Controller

SUFFIXES = (".yaml", ".yml", ".json")

Given: TypeAlias = str | Path | Document | Mapping[str, Any]
"""A file or folder, a document that has been read, or one as plain data."""


def load(
    documents: Iterable[Given],
    *,
    params: Iterable[Mapping[str, Any]] = (),
    namespaces: Iterable[Mapping[str, Any]] = (),
    kubernetes: str = f"1.{NEWEST}",
    clock: Clock = now,
    authorizer: Authorize | None = None,
    all_namespaces: bool = False,
    enforce_controllers: bool = False,
) -> Engine:
    """The engine of a rule set: files, folders (their files in the order of their paths) and documents.

    `kubernetes` is the version whose CEL it speaks; `authorizer` answers for rules that ask whether somebody may do
    something; with `all_namespaces` Pod Security takes those that are not given to be there, without labels, and with
    `enforce_controllers` it refuses what would make pods that it refuses. Raises RuleSetError with every fault of the
    rule set, UsageError for a path or version that there is not.
    """
    engine, faults = check(
        documents,
        params=params,
        namespaces=namespaces,
        kubernetes=kubernetes,
        clock=clock,
        authorizer=authorizer,
        all_namespaces=all_namespaces,
        enforce_controllers=enforce_controllers,
    )
    errors = [fault for fault in faults if not fault.warning]
    if errors:
        raise RuleSetError(errors)
    return engine


def check(
    documents: Iterable[Given],
    *,
    params: Iterable[Mapping[str, Any]] = (),
    namespaces: Iterable[Mapping[str, Any]] = (),
    kubernetes: str = f"1.{NEWEST}",
    clock: Clock = now,
    authorizer: Authorize | None = None,
    all_namespaces: bool = False,
    enforce_controllers: bool = False,
    advice: bool = False,
) -> tuple[Engine, list[Fault]]:
    """The engine of what is sound in a rule set, and every fault and warning. Raises UsageError.

    With `advice`, policies of the API server's are held against the schemas of what they match, as in their status, and
    all expressions against what may be newly written.
    """
    parse_version(kubernetes)
    faults: list[Fault] = []
    rule_set, found = rules.load(_documents(documents, faults), Library(), _kubewarden)
    faults += found
    bounds, wrong = _lowered(rule_set, kubernetes)
    faults += wrong
    if authorizer is None:
        faults += (fault for each in (*rule_set.policies.values(), *rule_set.bindings) for fault in unanswered(each))
    data = [*rule_set.data, *map(native, params)]
    known = [*data, *map(native, namespaces)]
    by_name = {name: item for item in known if (name := _namespace_name(item)) is not None}
    controller = None
    if rule_set.pod_security:
        from admit.podsecurity.cluster import Known  # which takes long to import, and most rule sets do without

        cluster = Known(by_name, known, all_namespaces)
        controller = _pod_security(rule_set.pod_security, cluster, parse_version(kubernetes), faults)
    if controller is not None and enforce_controllers:
        controller = replace(controller, enforce_controllers=True)
    engine = Engine(
        tuple(bounds),
        kubernetes,
        tuple({binding.policy.key: rule_set.policies[binding.policy.key] for binding in rule_set.bindings}.values()),
        tuple(data),
        by_name,
        clock,
        authorizer or unavailable,
        controller,
    )
    if advice:
        faults += _too_new(rule_set, wrong, kubernetes)
        broken = {fault.span.source for fault in wrong if not fault.warning}
        untyped = (fault for policy in rule_set.policies.values() for fault in _type_faults(policy, engine))
        faults += (fault for fault in untyped if fault.span.source not in broken)
    return engine, list(dict.fromkeys(faults))


def _kubewarden(document: Document, faults: list[Fault]) -> kubewarden.Read | None:
    """What a document of Kubewarden's puts in force; what reads it takes long to import, and few rule sets have one."""
    match document.value:
        case {"apiVersion": str(), "spec": {"policyName": name}} if name == f"{FOLDER}/{CEL_POLICY}":
            pass
        case {"apiVersion": str(version)} if "kubewarden" not in version:
            return None
    from admit.importers.kubewarden import read as read_kubewarden

    return read_kubewarden(document, faults)


def _lowered(rule_set: RuleSet, kubernetes: str) -> tuple[list[Bound], list[Fault]]:
    """Every binding in plain CEL, and what is wrong with their policies and those that nothing binds."""
    bounds: list[Bound] = []
    faults: list[Fault] = []
    for binding in rule_set.bindings:
        policy = rule_set.policies[binding.policy.key]
        if binding.kubewarden is not None:
            from admit.importers.kubewarden import lowered

            bound, wrong = lowered(binding, rule_set.policies, kubernetes)
        elif policy.kind == "Policy":
            bound, wrong = lower(binding, rule_set.policies, kubernetes)
        else:
            bound, wrong = upstream.lower(binding, policy, kubernetes)
        faults += wrong
        bounds.append(bound)
    bound_ones = {binding.policy.key for binding in rule_set.bindings}
    for policy in rule_set.policies.values():
        if policy.kind != "Policy" and policy.key not in bound_ones:
            faults += upstream.faults_of(policy, kubernetes)
            said = f"no binding names the {policy.kind} {policy.name!r}: it does nothing"
            faults.append(Fault(said, policy.span, warning=True))
    return bounds, faults


def _too_new(rule_set: RuleSet, known: list[Fault], kubernetes: str) -> Iterator[Fault]:
    """Warnings of what an API server evaluates where it is stored, and does not yet take into new policies."""
    minor = parse_version(kubernetes)
    said = f"Kubernetes 1.{minor} evaluates this where it is stored; new policies may have it from 1.{minor + 1} on"
    told = {fault.span.source for fault in known if not fault.warning}
    for fault in _lowered(rule_set, f"1.{minor - 1}")[1]:
        if not fault.warning and fault.span.source not in told:
            told.add(fault.span.source)
            yield Fault(f"{said}: {fault.message}", fault.span, warning=True)


def _pod_security(documents: Sequence[Document], cluster: Known, newest: int, faults: list[Fault]) -> Controller | None:
    """The controller that a configuration turns on, of which there may be one."""
    from admit.podsecurity import configuration, evaluate
    from admit.podsecurity.controller import Controller
    from admit.podsecurity.metrics import Counters

    for document in documents[1:]:
        faults.append(Fault(f"there are two documents of kind {configuration.KIND}", document.span(("kind",))))
    read, wrong = configuration.parsed(documents[0])
    faults += wrong
    return None if read is None else Controller(read, cluster, partial(evaluate, typed=True), newest, Counters(newest))


def _type_faults(policy: Policy, engine: Engine) -> Iterator[Fault]:
    """The warnings that an API server writes into the status of a ValidatingAdmissionPolicy."""
    if policy.kind != "ValidatingAdmissionPolicy" or policy.document is None:
        return
    from admit.kubernetes.typecheck import warnings as type_warnings

    for found in type_warnings(policy.document, engine.schemas):
        _, _, index, name = found.place
        validation = policy.validations[int(index)]
        written = validation.rule if name == "expression" else validation.message_expression
        assert isinstance(written, Node)
        yield Fault(f"{found.field_ref}: {found.warning.strip()}", written.span, warning=True)


def _documents(given: Iterable[Given], faults: list[Fault]) -> Iterator[Document]:
    for number, item in enumerate(given, 1):
        match item:
            case Document():
                yield item
            case Mapping():
                yield document_of(dict(item), f"<document {number}>")
            case _:
                for file in files_of(Path(item)):
                    try:
                        yield from read(file.read_bytes(), str(file))
                    except RuleSetError as error:
                        faults += error.faults
                    except OSError as error:
                        raise UsageError(f"cannot read {file}: {error.strerror}") from None


def binding_of(policy: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The document that puts a policy in force with these settings; it is named after the policy."""
    return {
        "apiVersion": API_VERSION,
        "kind": "PolicyBinding",
        "metadata": {"name": policy.replace("/", ".")},
        "spec": {"policyName": policy, "settings": dict(settings)},
    }


def upstream_binding_of(policy: str, kind: PolicyKind) -> dict[str, Any]:
    """The document that puts one of the API server's policies in force, with all parameters that a request may have."""
    spec: dict[str, Any] = {"policyName": policy, "paramRef": {"selector": {}, "parameterNotFoundAction": "Deny"}}
    if kind == "ValidatingAdmissionPolicy":
        spec["validationActions"] = ["Deny"]
    version = f"{upstream.GROUP}/v1"
    return {"apiVersion": version, "kind": f"{kind}Binding", "metadata": {"name": policy}, "spec": spec}


def missing_bindings(documents: Iterable[Document]) -> list[dict[str, Any]]:
    """A binding for each of the API server's policies that none of the documents binds."""
    policies: dict[tuple[PolicyKind, str], None] = {}
    bound: set[tuple[PolicyKind, str]] = set()
    for document in chain.from_iterable(map(listed, documents)):
        match document.value:
            case {"kind": str(written), "spec": {"policyName": str(name)}} if written in upstream.KINDS:
                bound.add((upstream.KINDS[written], name))
            case {"kind": str(written), "metadata": {"name": str(name)}} if written in upstream.KINDS:
                policies[upstream.KINDS[written], name] = None
    return [upstream_binding_of(name, kind) for kind, name in policies if (kind, name) not in bound]


def files_of(path: Path) -> list[Path]:
    """The YAML files that a path stands for: itself, or those of a folder without the tests. Raises UsageError."""
    if path.is_dir():
        found = [
            file
            for file in sorted(path.rglob("*"))
            if file.suffix in SUFFIXES
            and not file.name.endswith(".test.yaml")
            and not any(part.startswith(".") for part in file.relative_to(path).parts)
            and file.is_file()
        ]
        if not found:
            raise UsageError(f"nothing in {path} is named {', '.join(f'*{suffix}' for suffix in SUFFIXES)}")
        return found
    if not path.exists():
        raise UsageError(f"no such file or folder: {path}")
    return [path]


def _namespace_name(item: Mapping[str, Any]) -> str | None:
    if (item.get("apiVersion"), item.get("kind")) != ("v1", "Namespace"):
        return None
    name = (item.get("metadata") or {}).get("name")
    return name if isinstance(name, str) else None
