"""Documents to a rule set: policies, profiles, bindings and data, and every fault of them in one run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from admit.errors import Fault
from admit.rules import upstream
from admit.rules.fields import API_VERSION, DOCUMENTS
from admit.rules.model import Binding, Policy, Reference, RuleSet
from admit.rules.profiles import members, settings_of
from admit.rules.read import INVALID, Reader, near
from admit.rules.schema import unknown, validate, without
from admit.rules.sense import binding_faults, exception_faults, policy_faults
from admit.rules.yaml import Document, listed

POD_SECURITY = "pod-security.admission.config.k8s.io"
"""The API group of what is read elsewhere."""


Importer: TypeAlias = Callable[[Document, list[Fault]], Sequence[Policy | Binding] | None]
"""Reads documents of other projects; None for what is none."""


def load(
    documents: Iterable[Document],
    library: Mapping[str, Policy] | None = None,
    importer: Importer = lambda *_: None,
) -> tuple[RuleSet, list[Fault]]:
    """The rule set, of what is sound in it, and every fault. `library` has the bundled policies by their paths."""
    contents = _Contents(library or {}, importer)
    for document in documents:
        for each in listed(document):
            contents.take(each)
    return contents.rule_set(), list(dict.fromkeys(contents.faults))


def read_policy(document: Document, name: str) -> tuple[Policy | None, list[Fault]]:
    """The policy of a document, under the name that it has in the library; None if it is not sound."""
    faults: list[Fault] = []
    policy = content(document, faults)
    return (replace(policy, name=name) if isinstance(policy, Policy) and not faults else None), faults


def content(document: Document, faults: list[Fault]) -> Policy | Binding | Mapping[str, Any] | None:
    """What a document holds; None where its faults leave nothing of use."""
    value = document.value
    if not isinstance(value, dict) or not all(isinstance(value.get(key), str) for key in ("apiVersion", "kind")):
        faults.append(Fault("expected an object with apiVersion and kind", document.span()))
        return None
    group, kind = value["apiVersion"].partition("/")[0], value["kind"]
    if group == upstream.GROUP and kind in upstream.KINDS:
        return upstream.read(document, faults)
    if group != API_VERSION.partition("/")[0]:
        return value
    if kind not in DOCUMENTS:
        said = f"unknown kind {kind!r}{near(kind, DOCUMENTS) or ', expected ' + ' or '.join(DOCUMENTS)}"
        faults.append(Fault(said, document.span(("kind",))))
        return None
    written = Reader(document, faults).read(DOCUMENTS[kind], value, ())
    if written is INVALID or "name" not in written["metadata"]:
        return None
    name, span = written["metadata"]["name"], document.span(("metadata", "name"))
    if kind == "PolicyBinding":
        spec = written["spec"]
        binding = Binding(name, spec.pop("policy_name"), **spec, span=span)
        faults += binding_faults(binding, document)
        return binding
    policy = _policy(name, written["spec"], document)
    faults += policy_faults(policy, document)
    return policy


@dataclass
class _Contents:
    """What the documents hold, and what is wrong with it."""

    library: Mapping[str, Policy]
    importer: Importer
    faults: list[Fault] = field(default_factory=list)
    policies: dict[str, Policy] = field(default_factory=dict)
    unsound: set[str] = field(default_factory=set)  # policies with faults: not in force, but not unknown either
    entries: list[tuple[Policy | Binding, Document]] = field(default_factory=list)
    data: list[Mapping[str, Any]] = field(default_factory=list)
    pod_security: list[Document] = field(default_factory=list)

    def take(self, document: Document) -> None:
        faults: list[Fault] = []
        if _group(document) == POD_SECURITY:
            self.pod_security.append(document)
            return
        contents = self.importer(document, faults)
        if contents is None:
            self._take(content(document, faults), document, faults)
        else:
            for each in contents:  # sound, whatever else is wrong
                self._take(each, document, [])
        self.faults += faults

    def _take(
        self, content: Policy | Binding | Mapping[str, Any] | None, document: Document, faults: list[Fault]
    ) -> None:
        match content:
            case Policy(name=name, key=key) if key in self.policies or key in self.unsound:
                self.faults.append(Fault(f"there are two policies named {name!r}", content.span))
            case Policy(key=key):
                if faults:
                    self.unsound.add(key)
                else:
                    self.policies[key] = content
                self.entries.append((content, document))
            case Binding():
                self.entries.append((content, document))
            case None:
                self.unsound |= _name(document)
            case _:
                self.data.append(content)

    def rule_set(self) -> RuleSet:
        """What is in force: the bindings, and the policies that neither a binding nor a profile names."""
        named = {member.name for entry, _ in self.entries if isinstance(entry, Policy) for member in entry.policies}
        named |= {entry.policy.key for entry, _ in self.entries if isinstance(entry, Binding)}
        bindings: list[Binding] = []
        keys: set[str] = set()
        for entry, document in self.entries:
            if isinstance(entry, Policy):
                self._complete(entry, ())
                if entry.key in named or entry.kind != "Policy":
                    continue
                binding = Binding(entry.name, Reference(entry.name, span=entry.span), span=entry.span)
            else:
                binding = self._without_unknown(entry, document)
            if binding.key in keys:
                self.faults.append(Fault(f"there are two bindings named {binding.name!r}", binding.span))
            keys.add(binding.key)
            if self._fits(binding, document):
                bindings.append(binding)
        return RuleSet(self.policies, tuple(bindings), tuple(self.data), tuple(self.pod_security))

    def _find(self, wanted: Reference) -> Policy | None:
        """The policy, of the rule set or else of the library."""
        if wanted.kind != "Policy":
            if wanted.key not in self.policies and wanted.key not in self.unsound:
                said = f"there is no {wanted.kind} named {wanted.name!r}: this binding does nothing"
                self.faults.append(Fault(said, wanted.span, warning=True))
            return self.policies.get(wanted.key)
        name = wanted.name
        if name not in self.policies and name in self.library:
            self.policies[name] = self.library[name]
        if name not in self.policies and name not in self.unsound:
            known = [*self.policies, *self.unsound, *self.library]
            self.faults.append(Fault(f"there is no policy named {name!r}{near(name, known)}", wanted.span))
        return self.policies.get(name)

    def _complete(self, policy: Policy, above: tuple[str, ...]) -> bool:
        """Whether the policy is sound, and all members that it has."""
        complete = policy.key in self.policies
        for member in policy.policies:
            if member.name in (*above, policy.name):
                self.faults.append(Fault(f"the profile {member.name!r} is a member of itself", member.span))
                return False
            inner = self._find(member)
            complete = inner is not None and self._complete(inner, (*above, policy.name)) and complete
        return complete

    def _fits(self, binding: Binding, document: Document) -> bool:
        """Whether there is such a policy, with such settings and rules."""
        policy = self._find(binding.policy)
        if policy is None or not self._complete(policy, ()):
            return False
        faults = [*self._settings_faults(binding, policy, document)]
        faults += exception_faults(binding, policy, self.policies)
        self.faults += faults
        return all(fault.warning for fault in faults)

    def _settings_faults(self, binding: Binding, policy: Policy, document: Document) -> Iterable[Fault]:
        """Against the schema of the policy; of a profile, what its members get against theirs."""
        if binding.kubewarden is not None:
            for each in binding.kubewarden.members:
                yield from self._setting_faults(self.policies[each.policy.key], each.settings, document, each.place)
            return
        place = ("spec", "settings") if document.value["kind"] == "PolicyBinding" else ("metadata", "name")
        yield from self._setting_faults(policy, binding.settings, document, place)

    def _setting_faults(
        self, policy: Policy, settings: Mapping[str, Any], document: Document, place: tuple[str | int, ...]
    ) -> Iterable[Fault]:
        if policy.settings is None:
            for key in settings:
                yield Fault(
                    f"unknown setting {key!r}: {policy.name!r} has none", document.span((*place, key), key=True)
                )
            return
        problems = list(validate(policy.settings, settings))
        if not problems:
            for prefix, member in members(policy, self.policies):
                if prefix and member.settings is not None:
                    problems += validate(member.settings, settings_of(policy, settings, self.policies, prefix))
        for problem in problems:
            yield Fault(str(problem), document.span((*place, *problem.path), key=problem.unknown))

    def _without_unknown(self, binding: Binding, document: Document) -> Binding:
        """The binding of a Kubewarden document without settings that there are not: its policies pass over them."""
        terms = binding.kubewarden
        if terms is None:
            return binding
        found = []
        for each in terms.members:
            policy, settings = self._find(each.policy), each.settings
            for problem in () if policy is None or each.strict else unknown(policy.settings, settings):
                span = document.span((*each.place, *problem.path), key=True)
                self.faults.append(Fault(f"{problem}; it is passed over, as by Kubewarden", span, warning=True))
                settings = without(settings, problem.path)
            found.append(replace(each, settings=settings))
        settings = found[0].settings if terms.expression is None else {}
        return replace(binding, settings=settings, kubewarden=replace(terms, members=tuple(found)))


def _group(document: Document) -> str:
    match document.value:
        case {"apiVersion": str(version), "kind": str()}:
            return version.partition("/")[0]
        case _:
            return ""


def _policy(name: str, spec: dict[str, Any], document: Document) -> Policy:
    rules = (replace(v, name=v.name or f"validations[{i}]") for i, v in enumerate(spec.pop("validations", ())))
    return Policy(name, validations=tuple(rules), **spec, span=document.span(("metadata", "name")))


def _name(document: Document) -> set[str]:
    """The name of a policy of which nothing could be read."""
    match document.value:
        case {"kind": "Policy" | "ValidatingAdmissionPolicy" | "MutatingAdmissionPolicy" as kind} as value:
            name = (value.get("metadata") or {}).get("name")
            return {Reference(name, kind).key} if isinstance(name, str) else set()
        case _:
            return set()
