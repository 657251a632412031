"""What an API server says of the fields of admission policies and their bindings, expressions apart.

Source: kubernetes/pkg/apis/admissionregistration/validation, and apimachinery's validation of metadata and selectors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import orjson

from admit.cel.escaping import KEYWORDS
from admit.cel.library.extensions import trim
from admit.cel.library.formats import (
    dns_label_1035_problems,
    dns_subdomain_problems,
    label_value_problems,
    qualified_name_problems,
)
from admit.cel.library.formatting import quoted
from admit.kubernetes import defaults
from admit.kubernetes.decode import Path, Problem, decode, dotted
from admit.kubernetes.types import of_kind

Role: TypeAlias = Literal[
    "matchCondition",
    "variable",
    "validation",
    "messageExpression",
    "auditAnnotation",
    "applyConfiguration",
    "jsonPatch",
]


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression of a policy, as the API server compiles it."""

    path: Path
    text: str
    role: Role


Compile: TypeAlias = Callable[[Expression], str | None]
"""Says what is wrong with an expression: `compilation failed: ...`, `must evaluate to bool but got ...`; or nothing."""

KINDS = (
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
)


def problems(document: Mapping[str, Any], compile: Compile = lambda expression: None) -> list[Problem]:
    """All that an API server refuses a new policy or binding for, in its order and words.

    Where the document is not of the shape of its kind, that alone is said, as by the API server.
    """
    version, kind = document.get("apiVersion"), document.get("kind")
    type = of_kind(str(version), str(kind))
    if kind not in KINDS or type is None:
        return [Problem(("apiVersion",), f"no matches for kind {quoted(str(kind))} in version {quoted(str(version))}")]
    decoded = decode(document, type)
    if decoded.misfits:
        first = decoded.misfits[0]
        return [Problem(first.path, f"{kind} in version {_version(document)} cannot be handled as a {kind}: {first}")]
    if decoded.unknown:
        return [Problem(unknown.path, f"strict decoding error: {unknown}") for unknown in decoded.unknown]
    policy = defaults.defaulted(decoded.value, type)
    found = (*_metadata(policy.get("metadata", {})), *_SPECS[kind](policy, compile))
    return [*{problem.text: problem for problem in found}.values()]  # nothing is said twice


def defaulted(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document as the API server keeps it, with a name; itself where it is none that an API server reads."""
    complete: dict[str, Any] = defaults.completed(document)
    match complete:
        case {"metadata": {"generateName": str()} as metadata}:
            return {**complete, "metadata": {**metadata, "name": _name(metadata)}}
        case _:
            return complete


def _version(document: Mapping[str, Any]) -> str:
    return quoted(document["apiVersion"].rpartition("/")[2])


def _required(path: Path, detail: str = "") -> Problem:
    return _problem(path, "Required value", detail)


def _invalid(path: Path, value: Any, detail: str) -> Problem:
    """`value` is a plain string, or a number or a list; a word of a fixed set is `_word` first."""
    shown = quoted(value) if isinstance(value, str) else _json(value)
    return _problem(path, f"Invalid value: {shown}", detail)


def _unsupported(path: Path, value: str, supported: Iterable[str]) -> Problem:
    return _problem(
        path, f"Unsupported value: {_json(value)}", f"supported values: {', '.join(map(quoted, supported))}"
    )


def _duplicate(path: Path, value: str) -> Problem:
    return _problem(path, f"Duplicate value: {quoted(value)}")


def _forbidden(path: Path, detail: str) -> Problem:
    return _problem(path, "Forbidden", detail)


def _problem(path: Path, what: str, detail: str = "") -> Problem:
    return Problem(path, f"{dotted(path)}: {what}" + (f": {detail}" if detail else ""))


def _json(value: Any) -> str:
    """As Go writes it, who guards against HTML."""
    text = orjson.dumps(value).decode()
    return re.sub("[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text)


def _metadata(metadata: Mapping[str, Any]) -> Iterator[Problem]:
    path: Path = ("metadata",)
    if prefix := metadata.get("generateName"):
        yield from _each_invalid((*path, "generateName"), prefix, dns_subdomain_problems(prefix, prefix=True))
    if name := _name(metadata):
        yield from _each_invalid((*path, "name"), name, dns_subdomain_problems(name))
    else:
        yield _required((*path, "name"), "name or generateName is required")
    if "namespace" in metadata:
        yield _forbidden((*path, "namespace"), "not allowed on this type")
    if (generation := metadata.get("generation", 0)) < 0:
        yield _invalid((*path, "generation"), generation, "must be greater than or equal to 0")
    yield from _labels(metadata.get("labels", {}), (*path, "labels"))
    annotations = metadata.get("annotations", {})
    for key in annotations:
        yield from _each_invalid((*path, "annotations"), key, qualified_name_problems(key.lower()))
    if sum(len(text.encode()) for pair in annotations.items() for text in pair) > _LARGEST_ANNOTATIONS:
        yield _problem((*path, "annotations"), "Too long", f"may not be more than {_LARGEST_ANNOTATIONS} bytes")
    yield from _owners(metadata.get("ownerReferences", ()), (*path, "ownerReferences"))
    finalizers = metadata.get("finalizers", [])
    for finalizer in finalizers:
        yield from _each_invalid((*path, "finalizers"), finalizer, qualified_name_problems(finalizer))
    if {"orphan", "foregroundDeletion"} <= {*finalizers}:
        detail = "finalizer orphan and foregroundDeletion cannot be both set"
        yield _invalid((*path, "finalizers"), finalizers, detail)


_LARGEST_ANNOTATIONS = 256 * 1024


def _name(metadata: Mapping[str, Any]) -> str:
    """The name, or one like that which the API server would make up."""
    prefix = metadata.get("generateName", "")
    name: str = metadata.get("name") or (f"{prefix[:58]}00000" if prefix else "")
    return name


def _each_invalid(path: Path, value: str, details: Iterable[str]) -> Iterator[Problem]:
    for detail in details:
        yield _invalid(path, value, detail)


def _labels(labels: Mapping[str, str], path: Path) -> Iterator[Problem]:
    for key, value in labels.items():
        yield from _each_invalid(path, key, qualified_name_problems(key))
        yield from _each_invalid(path, value, label_value_problems(value))


def _owners(owners: Sequence[Mapping[str, Any]], path: Path) -> Iterator[Problem]:
    controllers: list[str] = []
    for i, owner in enumerate(owners):
        for key in ("apiVersion", "kind", "name", "uid"):
            version = owner.get("apiVersion", "")
            if not owner.get(key):
                yield _required((*path, i, key), "must not be empty")
            elif key == "apiVersion" and (version.endswith("/") or version.count("/") > 1):
                yield _invalid((*path, i, key), version, "must be <group>/<version> or <version>")
        if (owner.get("apiVersion"), owner.get("kind")) == ("v1", "Event"):
            yield _invalid((*path, i), _owner(owner), "/v1, Kind=Event is disallowed from being an owner")
        if owner.get("controller"):
            controllers.append(f"{owner.get('kind', '')}/{owner.get('name', '')}")
            if len(controllers) > 1:
                found = f'Found "true" in references for {controllers[0]} and {controllers[-1]}'
                detail = f"Only one reference can have Controller set to true. {found}"
                yield _invalid(path, [_owner(each) for each in owners], detail)


def _owner(owner: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**dict.fromkeys(("apiVersion", "kind", "name", "uid"), ""), **owner}


def _validating_policy(policy: Mapping[str, Any], compile: Compile) -> Iterator[Problem]:
    path: Path = ("spec",)
    spec = policy.get("spec", {})
    yield from _policy(spec, path, compile)
    validations, annotations = spec.get("validations", ()), spec.get("auditAnnotations", [])
    if not validations and not annotations:
        for key in ("validations", "auditAnnotations"):
            yield _required((*path, key), "validations or auditAnnotations must contain at least one item")
    for i, validation in enumerate(validations):
        yield from _validation(validation, (*path, "validations", i), compile)
    if len(annotations) > _MOST_ANNOTATIONS:
        shown = [
            {"Key": each.get("key", ""), "ValueExpression": each.get("valueExpression", "")} for each in annotations
        ]
        detail = f"must not have more than {_MOST_ANNOTATIONS} auditAnnotations"
        yield _invalid((*path, "auditAnnotations"), shown, detail)
    seen: set[str] = set()
    for i, annotation in enumerate(annotations):
        place = (*path, "auditAnnotations", i)
        yield from _audit_annotation(annotation, _name(policy.get("metadata", {})), place, compile)
        yield from _repeated(annotation.get("key", ""), seen, (*place, "key"))


_MOST_ANNOTATIONS = 20


def _mutating_policy(policy: Mapping[str, Any], compile: Compile) -> Iterator[Problem]:
    path: Path = ("spec",)
    spec = policy.get("spec", {})
    yield from _policy(spec, path, compile, mutating=True)
    mutations = spec.get("mutations", ())
    if not mutations:
        yield _required((*path, "mutations"), "mutations must contain at least one item")
    for i, mutation in enumerate(mutations):
        yield from _mutation(mutation, (*path, "mutations", i), compile)
    yield from _choice(spec.get("reinvocationPolicy") or None, ("IfNeeded", "Never"), (*path, "reinvocationPolicy"))


def _policy(spec: Mapping[str, Any], path: Path, compile: Compile, mutating: bool = False) -> Iterator[Problem]:
    """What policies of both kinds have."""
    yield from _choice(spec.get("failurePolicy"), ("Fail", "Ignore"), (*path, "failurePolicy"))
    if "paramKind" in spec:
        yield from _param_kind(spec["paramKind"], (*path, "paramKind"))
    constraints = spec.get("matchConstraints")
    if constraints is None:
        yield _required((*path, "matchConstraints"))
    else:
        yield from _match(constraints, (*path, "matchConstraints"))
        if not constraints.get("resourceRules"):
            yield _required((*path, "matchConstraints", "resourceRules"))
        if mutating:
            yield from _mutated_operations(constraints, (*path, "matchConstraints"))
    yield from _match_conditions(spec.get("matchConditions", ()), (*path, "matchConditions"), compile)
    for i, variable in enumerate(spec.get("variables", ())):
        yield from _variable(variable, (*path, "variables", i), compile)


def _param_kind(kind: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    text = kind.get("apiVersion", "")
    at = (*path, "apiVersion")
    group, _, version = text.rpartition("/")
    if not text:
        yield _required(at)
    elif text.count("/") > 1:
        yield _invalid(at, text, f"unexpected GroupVersion string: {text}")
    else:
        if group and (found := dns_subdomain_problems(group)):
            yield _invalid(at, group, ",".join(found))
        if not version:
            yield _invalid(at, text, "version must be specified")
        elif found := dns_label_1035_problems(version):
            yield _invalid(at, version, ",".join(found))
    name = kind.get("kind", "")
    if not name:
        yield _required((*path, "kind"))
    elif found := dns_label_1035_problems(name.lower()):
        detail = f"may have mixed case, but should otherwise match: {','.join(found)}"
        yield _invalid((*path, "kind"), name, detail)


def _match(match: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    yield from _choice(match.get("matchPolicy"), ("Equivalent", "Exact"), (*path, "matchPolicy"))
    for key in ("namespaceSelector", "objectSelector"):
        yield from _selector(match[key], (*path, key))
    for key in ("resourceRules", "excludeResourceRules"):
        for i, rule in enumerate(match.get(key, ())):
            yield from _rule(rule, (*path, key, i))


def _mutated_operations(match: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    for rule in match.get("resourceRules", ()):
        for operation in rule.get("operations", ()):
            if operation not in _MUTATED:
                yield _unsupported((*path, "resourceRules", "operations"), operation, _MUTATED)


_MUTATED = ("*", "CONNECT", "CREATE", "UPDATE")
_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")


def _selector(selector: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    yield from _labels(selector.get("matchLabels", {}), (*path, "matchLabels"))
    for i, requirement in enumerate(selector.get("matchExpressions", ())):
        at = (*path, "matchExpressions", i)
        operator, values = requirement.get("operator", ""), requirement.get("values", ())
        if operator in ("In", "NotIn"):
            if not values:
                yield _required((*at, "values"), "must be specified when `operator` is 'In' or 'NotIn'")
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                yield _forbidden((*at, "values"), detail)
        else:
            yield _problem((*at, "operator"), f"Invalid value: {_json(operator)}", "not a valid selector operator")
        key = requirement.get("key", "")
        yield from _each_invalid((*at, "key"), key, qualified_name_problems(key))
        for j, value in enumerate(values):
            yield from _each_invalid((*at, "values", j), value, label_value_problems(value))


def _rule(rule: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    seen: set[str] = set()
    for i, name in enumerate(rule.get("resourceNames", ())):
        yield from _each_invalid((*path, "resourceNames", i), name, _segment_problems(name))
        yield from _repeated(name, seen, (*path, "resourceNames", i))
    operations = rule.get("operations", ())
    yield from _alone(operations, "other operations", (*path, "operations"))
    for i, operation in enumerate(operations):
        if operation not in _OPERATIONS:
            yield _unsupported((*path, "operations", i), operation, _OPERATIONS)
    yield from _alone(rule.get("apiGroups", ()), "other API groups", (*path, "apiGroups"))
    versions = rule.get("apiVersions", ())
    yield from _alone(versions, "other API versions", (*path, "apiVersions"))
    for i, version in enumerate(versions):
        if not version:
            yield _required((*path, "apiVersions", i))
    yield from _resources(rule.get("resources", ()), (*path, "resources"))
    if rule["scope"] not in _SCOPES:
        yield _unsupported((*path, "scope"), rule["scope"], _SCOPES)


_SCOPES = ("*", "Cluster", "Namespaced")


def _segment_problems(name: str) -> list[str]:
    if name in (".", ".."):
        return [f"may not be '{name}'"]
    return [f"may not contain '{part}'" for part in "/%" if part in name]


def _alone(words: Sequence[str], others: str, path: Path) -> Iterator[Problem]:
    """There are words, and `*` is not one of several."""
    if not words:
        yield _required(path)
    if len(words) > 1 and "*" in words:
        yield _invalid(path, words, f"if '*' is present, must not specify {others}")


def _resources(resources: Sequence[str], path: Path) -> Iterator[Problem]:
    """Among them, what one says must not be said by another before it."""
    if not resources:
        yield _required(path)
    whole: set[str] = set()  # the resources with all their subresources so far
    everywhere: set[str] = set()  # the subresources of all resources so far
    bare = False
    for i, text in enumerate(resources):
        if not text:
            yield _required((*path, i))
            continue
        resource, slash, subresource = text.partition("/")
        if not slash:
            bare = text != "*"
            continue
        if resource in whole:
            yield _invalid((*path, i), text, f"if '{resource}/*' is present, must not specify {text}")
        if subresource in everywhere:
            yield _invalid((*path, i), text, f"if '*/{subresource}' is present, must not specify {text}")
        if subresource == "*":
            whole.add(resource)
        if resource == "*":
            everywhere.add(subresource)
    if len(resources) > 1 and "*/*" in resources:
        yield _invalid(path, resources, "if '*/*' is present, must not specify other resources")
    if "*" in resources and bare:
        detail = "if '*' is present, must not specify other resources without subresources"
        yield _invalid(path, resources, detail)


def _match_conditions(conditions: Sequence[Mapping[str, Any]], path: Path, compile: Compile) -> Iterator[Problem]:
    if len(conditions) > _MOST_CONDITIONS:
        yield _problem(path, f"Too many: {len(conditions)}", f"must have at most {_MOST_CONDITIONS} items")
    seen: set[str] = set()
    for i, condition in enumerate(conditions):
        at = (*path, i)
        yield from _expression(condition, (*at, "expression"), "matchCondition", compile, trimmed=True)
        name = condition.get("name", "")
        if name:
            yield from _each_invalid((*at, "name"), name, qualified_name_problems(name))
            yield from _repeated(name, seen, (*at, "name"))
        else:
            yield _required((*at, "name"))


_MOST_CONDITIONS = 64


def _variable(variable: Mapping[str, Any], path: Path, compile: Compile) -> Iterator[Problem]:
    name = variable.get("name", "")
    if not trim(name):
        yield _required((*path, "name"), "name is not specified")
    elif not re.fullmatch("[_a-zA-Z][_a-zA-Z0-9]*", name) or name in KEYWORDS:
        yield _invalid((*path, "name"), name, "must be a valid CEL identifier")
    yield from _expression(variable, (*path, "expression"), "variable", compile, "expression is not specified")


def _validation(validation: Mapping[str, Any], path: Path, compile: Compile) -> Iterator[Problem]:
    yield from _expression(validation, (*path, "expression"), "validation", compile, "expression is not specified")
    if "messageExpression" in validation:
        at, text = (*path, "messageExpression"), validation["messageExpression"]
        if trim(text):
            yield from _expression(validation, at, "messageExpression", compile)
        else:
            yield _invalid(at, text, "must be non-empty if specified")
    message = validation.get("message", "")
    if message and not trim(message):
        yield _invalid((*path, "message"), message, "must be non-empty if specified")
    elif re.search("[\n\r]", trim(message)):
        yield _invalid((*path, "message"), message, "must not contain line breaks")
    if "reason" in validation and validation["reason"] not in _REASONS:
        yield _unsupported((*path, "reason"), validation["reason"], _REASONS)


_REASONS = ("Forbidden", "Invalid", "RequestEntityTooLarge")


def _audit_annotation(annotation: Mapping[str, Any], policy: str, path: Path, compile: Compile) -> Iterator[Problem]:
    key, text = annotation.get("key", ""), annotation.get("valueExpression", "")
    if policy:
        whole = f"{policy}/{key}"
        yield from _each_invalid((*path, "key"), whole, qualified_name_problems(whole))
    else:
        yield _invalid((*path, "key"), key, "requires metadata.name be non-empty")
    if len(trim(text).encode()) > _LONGEST_VALUE_EXPRESSION:
        yield _required((*path, "valueExpression"), f"must not exceed {_LONGEST_VALUE_EXPRESSION} bytes in length")
    else:
        at = (*path, "valueExpression")
        detail = "valueExpression is not specified"
        yield from _expression(annotation, at, "auditAnnotation", compile, detail, trimmed=True)


_LONGEST_VALUE_EXPRESSION = 5 * 1024


def _mutation(mutation: Mapping[str, Any], path: Path, compile: Compile) -> Iterator[Problem]:
    patch = mutation.get("patchType", "")
    yield from _choice(patch or None, tuple(_PATCHES), (*path, "patchType"))
    for kind, key in _PATCHES.items():
        if kind == patch and key in mutation:
            yield from _expression(mutation[key], (*path, key, "expression"), key, compile, trimmed=True)
        elif kind == patch:
            yield _required((*path, key), f"must be specified when patchType is {kind}")
    for kind, key in _PATCHES.items():
        if patch in _PATCHES and kind != patch and key in mutation:
            yield _invalid((*path, key), f"{{{key}}}", f"must not be specified when patchType is {patch}")


_PATCHES: Mapping[str, Literal["applyConfiguration", "jsonPatch"]] = {
    "ApplyConfiguration": "applyConfiguration",
    "JSONPatch": "jsonPatch",
}


def _expression(
    holder: Mapping[str, Any], path: Path, role: Role, compile: Compile, missing: str = "", trimmed: bool = False
) -> Iterator[Problem]:
    """`missing` is said where there is none. What is trimmed is also told so, but for the values of annotations."""
    text = holder.get(str(path[-1]), "")
    if not trim(text):
        yield _required(path, missing)
        return
    compiled = trim(text) if trimmed else text
    detail = compile(Expression(path, compiled, role))
    if detail is not None:
        yield _invalid(path, text if role == "auditAnnotation" else compiled, detail)


def _validating_binding(binding: Mapping[str, Any], compile: Compile) -> Iterator[Problem]:
    yield from _binding(binding.get("spec", {}), ("spec",))
    actions = binding.get("spec", {}).get("validationActions", ())
    path: Path = ("spec", "validationActions")
    seen: set[str] = set()
    for i, action in enumerate(actions):
        if action not in _ACTIONS:
            yield _unsupported((*path, i), action, _ACTIONS)
        if action in seen:
            yield _problem((*path, i), f"Duplicate value: {_json(action)}")
        seen.add(action)
    if {"Deny", "Warn"} <= seen:
        repeated = "repeating the same validation failure information in the API response and headers serves no purpose"
        yield _invalid(path, actions, f"must not contain both Deny and Warn ({repeated})")
    if not actions:
        yield _required(path, "at least one validation action is required")


_ACTIONS = ("Audit", "Deny", "Warn")


def _mutating_binding(binding: Mapping[str, Any], compile: Compile) -> Iterator[Problem]:
    spec = binding.get("spec", {})
    yield from _binding(spec, ("spec",))
    yield from _mutated_operations(spec.get("matchResources", {}), ("spec", "matchResources"))


def _binding(spec: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    """What bindings of both kinds have."""
    policy = spec.get("policyName", "")
    if policy:
        yield from _each_invalid((*path, "policyName"), policy, dns_subdomain_problems(policy))
    else:
        yield _required((*path, "policyName"))
    if "paramRef" in spec:
        yield from _param_ref(spec["paramRef"], (*path, "paramRef"))
    if "matchResources" in spec:
        yield from _match(spec["matchResources"], (*path, "matchResources"))


def _param_ref(reference: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    name, selector = reference.get("name", ""), reference.get("selector")
    both = "name and selector are mutually exclusive"
    if name:
        yield from _each_invalid((*path, "name"), name, _segment_problems(name))
        if selector is not None:
            yield _forbidden((*path, "name"), both)
    if selector is not None:
        yield from _selector(selector, (*path, "selector"))
        if name:
            yield _forbidden((*path, "selector"), both)
    if not name and selector is None:
        yield _required(path, "one of name or selector must be specified")
    action = reference.get("parameterNotFoundAction") or None
    yield from _choice(action, ("Deny", "Allow"), (*path, "parameterNotFoundAction"))


def _choice(word: str | None, supported: Sequence[str], path: Path) -> Iterator[Problem]:
    if word is None:
        yield _required(path)
    elif word not in supported:
        yield _unsupported(path, word, supported)


def _repeated(name: str, seen: set[str], path: Path) -> Iterator[Problem]:
    if name in seen:
        yield _duplicate(path, name)
    seen.add(name)


_SPECS: Mapping[str, Callable[[Mapping[str, Any], Compile], Iterator[Problem]]] = dict(
    zip(KINDS, (_validating_policy, _validating_binding, _mutating_policy, _mutating_binding), strict=True)
)
