"""PodSecurityConfiguration documents: the defaults of all namespaces, and who is exempt.

Source: k8s.io/pod-security-admission, admission/api.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson

from admit.cel.library.formats import dns_label_problems, dns_subdomain_problems
from admit.cel.library.formatting import quoted
from admit.errors import Fault, RuleSetError
from admit.kubernetes.decode import Problem, decode, dotted
from admit.kubernetes.fitting import kind_misfit
from admit.kubernetes.types import Field, Type, type_of
from admit.podsecurity.levels import LATEST, LEVEL_EXPECTED, VERSION_EXPECTED, Standard, is_level, is_version
from admit.podsecurity.policy import MODES, UNRESTRICTED, Policy
from admit.rules.yaml import Document, document_of
from admit.rules.yaml import read as read_documents

GROUP = "pod-security.admission.config.k8s.io"
VERSIONS = ("v1", "v1beta1", "v1alpha1")
KIND = "PodSecurityConfiguration"


@dataclass(frozen=True, slots=True)
class Configuration:
    """Exempt is what has one of these names, exactly."""

    defaults: Policy = UNRESTRICTED
    usernames: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()
    runtime_classes: frozenset[str] = frozenset()


def read(text: str | bytes, name: str = "<input>") -> Configuration:
    """The configuration of a file, which may be empty. Raises RuleSetError with what is wrong with it."""
    if not text:
        return Configuration()
    configuration: Configuration | None = None
    match read_documents(text, name):
        case [document]:
            configuration, faults = parsed(document)
        case []:
            faults = [Fault(_missing("Kind", text if isinstance(text, str) else text.decode()))]
        case [_, second, *_]:
            faults = [Fault(f"expected one {KIND}", second.span())]
    if configuration is None:
        raise RuleSetError(faults)
    return configuration


def parsed(document: Document) -> tuple[Configuration | None, list[Fault]]:
    """The configuration; or why an API server would not start with it, in its words."""
    value, text = document.value, document.source.text
    if not text.lstrip().startswith("{"):  # YAML becomes JSON before it is read, with its keys sorted
        value = orjson.loads(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))
    problems = list(_kind_problems(value, text))
    if not problems:
        decoded = decode(value, _type(value["apiVersion"].rpartition("/")[2]))
        if decoded.unknown and not decoded.misfits:
            return None, [
                Fault(f"strict decoding error: {unknown}", document.span(unknown.path, key=True))
                for unknown in decoded.unknown
            ]
        defaults, exemptions = decoded.value.get("defaults", {}), decoded.value.get("exemptions", {})
        problems = [*decoded.misfits[:1]] or [*_default_problems(defaults)] or [*_exemption_problems(exemptions)]
    if problems:
        return None, [Fault(problem.text, document.span(problem.path)) for problem in problems]
    standards = {
        mode: Standard(defaults.get(mode, "privileged"), defaults.get(f"{mode}-version", LATEST)) for mode in MODES
    }
    exempt = (frozenset(exemptions.get(key, ())) for key in ("usernames", "namespaces", "runtimeClasses"))
    return Configuration(Policy(**standards), *exempt), []


def document_for(standard: Standard) -> Document:
    """The document that enforces one level where labels do not say another, and warns of what makes other pods."""
    defaults: dict[str, str] = {}
    for mode in ("enforce", "warn"):
        defaults |= {mode: standard.level, f"{mode}-version": standard.version}
    return document_of({"apiVersion": f"{GROUP}/v1", "kind": KIND, "defaults": defaults})


def _kind_problems(value: Any, text: str) -> Iterator[Problem]:
    if problem := kind_misfit(value):
        yield problem
        return
    group, _, version = (value.get("apiVersion") or "").rpartition("/")
    for name, given in (("Kind", value.get("kind")), ("apiVersion", version)):
        if not given:
            yield Problem((), _missing(name, text))
            return
    if (group, value["kind"]) != (GROUP, KIND) or version not in VERSIONS:
        known = f"registered for version {quoted(value['apiVersion'])} in scheme {quoted(_SCHEME)}"
        yield Problem(("apiVersion",), f"no kind {quoted(value['kind'])} is {known}")


def _missing(key: str, shown: str) -> str:
    return f"Object '{key}' is missing in '{shown}'"


_SCHEME = "k8s.io/pod-security-admission/admission/api/scheme/scheme.go:31"


@cache
def _type(version: str) -> Type:
    """The Go type of the document."""
    texts = {key: type_of("string") for mode in MODES for key in (mode, f"{mode}-version")}
    names = dict.fromkeys(("usernames", "namespaces", "runtimeClasses"), type_of("[]string"))
    sections = {
        "defaults": _struct(f"{version}.PodSecurityDefaults", texts),
        "exemptions": _struct(f"{version}.PodSecurityExemptions", names),
    }
    return _struct(f"{version}.{KIND}", {"apiVersion": type_of("string"), "kind": type_of("string"), **sections})


def _struct(name: str, fields: Mapping[str, Type]) -> Type:
    return Type(name, "struct", fields={key: _Own(type.name, key, "empty", type) for key, type in fields.items()})


@dataclass(frozen=True, slots=True)
class _Own(Field):
    """A field of a type that is not one of the API's."""

    own: Type

    @property
    def type(self) -> Type:
        return self.own


def _default_problems(defaults: Mapping[str, str]) -> Iterator[Problem]:
    for mode in MODES:
        if not is_level(defaults.get(mode, "privileged")):
            yield Problem(("defaults", mode), f"{mode}: {LEVEL_EXPECTED}")
        if not is_version(defaults.get(key := f"{mode}-version", LATEST)):
            yield Problem(("defaults", key), f"{key}: {VERSION_EXPECTED}")


def _exemption_problems(exemptions: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    for key, problems_of in _NAMES.items():
        valid = set()
        for i, name in enumerate(exemptions.get(key, ())):
            path = ("exemptions", key, i)
            if problems := problems_of(name):
                yield Problem(path, f"{dotted(path)}: Invalid value: {quoted(name)}: {', '.join(problems)}")
            elif name in valid:
                yield Problem(path, f"{dotted(path)}: Duplicate value: {quoted(name)}")
            valid.add(name)


def _username_problems(name: str) -> list[str]:
    return [] if name else ["username must not be empty"]


_NAMES: Mapping[str, Callable[[str], list[str]]] = {
    "namespaces": dns_label_problems,
    "runtimeClasses": dns_subdomain_problems,
    "usernames": _username_problems,
}
