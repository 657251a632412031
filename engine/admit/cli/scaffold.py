"""`admit scaffold`: a policy, a binding or a test to start from, which works as it is written."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from admit.admission.kinds import of_resource
from admit.cli.output import TO_FILE, write
from admit.cli.rules import documents_of, library_name, path_of, settings_from, with_settings
from admit.errors import RuleSetError, UsageError
from admit.kubernetes.normalise import normalise
from admit.library import Library
from admit.loading import Given, binding_of, load, upstream_binding_of
from admit.rules.load import read_policy
from admit.rules.model import Policy
from admit.rules.schema import Schema, defaulted, validate, with_defaults
from admit.rules.yaml import Document, dump, listed


@click.group("scaffold")
def command() -> None:
    """Write a policy, a binding or a test to start from.

    What is written works as it is: it loads, and the test passes. It goes to standard output or to a new file.
    """


@command.command("policy")
@click.argument("name", metavar="NAME")
@TO_FILE
def policy(name: str, file: Path | None) -> None:
    """A rule file with a setting and a validation about containers."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name: expected lower-case letters, digits, dashes and dots")
    write(_POLICY.replace("NAME", name), file)


@command.command("binding")
@click.argument("policy", metavar="POLICY")
@click.option("--name", metavar="NAME", help="The name of the binding; by default made of the policy's.")
@with_settings
@TO_FILE
def binding(
    policy: str, name: str | None, settings_json: str | None, settings_path: Path | None, file: Path | None
) -> None:
    """A binding that puts a policy in force, with the settings that there are.

    POLICY is a policy of the library, or a file that has one. Settings that are not given are written with their
    defaults, as comments.
    """
    found, _ = _found(policy)
    settings = settings_from(settings_json, settings_path)
    if found.kind == "Policy":
        write(_binding(found, name, _settings(found, settings)), file)
    elif settings is not None:
        raise UsageError(f"a {found.kind} has no settings")
    else:
        document = upstream_binding_of(found.name, found.kind)
        if found.param_kind is None:
            del document["spec"]["paramRef"]
        document["metadata"]["name"] = name or found.name
        write(dump(document), file)


@command.command("test")
@click.argument("policy", metavar="POLICY")
@with_settings
@TO_FILE
def test(policy: str, settings_json: str | None, settings_path: Path | None, file: Path | None) -> None:
    """A test file with one case, and a comment for each rule that lacks one.

    POLICY is a policy of the library, or a file that has one: the test is expected beside it, as NAME.test.yaml.
    """
    found, documents = _found(policy)
    given = settings_from(settings_json, settings_path)
    settings = _settings(found, given) if found.kind == "Policy" else {}
    write(_test(found, documents, settings), file)


_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_POLICY = """\
apiVersion: admit.dev/v1
kind: Policy
metadata:
  name: NAME
spec:
  title: Images come from registries that we know
  description: |
    Why it matters, in a sentence or two, and where the rule comes from.
  severity: medium                     # low, medium, high or critical
  subject: PodSpec                     # holds for every kind with a pod template; `containers` are all of them
  settings:                            # an OpenAPI schema; what is left out of a binding has its default
    type: object
    properties:
      registries: {type: array, default: [registry.example.com], items: {type: string}}
  validations:
  - name: unknown-registries
    forEach: {container: containers}
    expression: settings.registries.exists(r, container.image.startsWith(r + '/'))
    message: "the image {{ container.image }} of {{ container.name }} is of no registry that we know"
"""


def _found(rule: str) -> tuple[Policy, list[Document]]:
    """The one policy of that name or in that file, and all documents there but bindings. Raises UsageError."""
    name = library_name(rule)
    if name is not None and name not in Library():
        raise UsageError(f"{name} has no rules but those in its settings")
    if name is not None:
        return Library()[name], []
    policies: list[Policy] = []
    documents: list[Document] = []
    for document in (each for read in documents_of(path_of(rule)) for each in listed(read)):
        match document.value:
            case {"kind": str(kind)} if kind.endswith("Binding"):
                continue
            case {"kind": "Policy" | "ValidatingAdmissionPolicy" | "MutatingAdmissionPolicy", "metadata": dict(about)}:
                policy, faults = read_policy(document, str(about.get("name")))
                if policy is None:
                    raise RuleSetError(faults)
                policies.append(policy)
        documents.append(document)
    if len(policies) != 1:
        names = ": " + ", ".join(policy.name for policy in policies) if policies else ""
        raise UsageError(f"expected one policy in {rule}, found {len(policies)}{names}")
    return policies[0], documents


def _settings(policy: Policy, given: dict[str, Any] | None) -> dict[str, Any]:
    """The settings given, else the fewest with which the policy can be bound. Raises UsageError."""
    if policy.settings is None:
        if given:
            raise UsageError(f"{policy.name} has no settings")
        return {}
    example = policy.settings.keywords.get("example", {})
    problems = []
    for settings in ({}, example) if given is None else (given,):
        problems = validate(policy.settings, settings)
        if not problems:
            return dict(settings)
    said = "; ".join(map(str, problems))
    hint = "; give others, or an `example` in the policy's schema" if given is None else ""
    raise UsageError(f"settings of {policy.name}: {said}{hint}")


def _binding(policy: Policy, name: str | None, settings: dict[str, Any]) -> str:
    document = binding_of(policy.name, settings)
    document["metadata"]["name"] = name or document["metadata"]["name"]
    del document["spec"]["settings"]
    lines = [dump(document).rstrip()]
    if policy.settings is not None:
        lines.append("  settings:" if policy.settings.properties else "  settings: {}")
        for key, schema in policy.settings.properties.items():
            lines += _setting(key, schema, policy.settings, settings)
        rest = {key: value for key, value in settings.items() if key not in policy.settings.properties}
        lines += _indented(dump(rest), "    ") if rest else []
    return "\n".join([*lines, *_SCOPE])


_SCOPE = (
    "  validationActions: [Deny]            # Deny, Warn, Audit",
    "  # matchResources:                    # narrows what the policy is about",
    "  #   namespaceSelector: {matchLabels: {team: web}}",
    "  # exceptions:",
    "  # - name: some-workload",
    "  #   reason: why it may, and until when",
    "",
)


def _setting(key: str, schema: Schema, within: Schema, settings: dict[str, Any]) -> Iterator[str]:
    """The lines of one setting: what it is, and its value or, as a comment, its default."""
    described = " ".join(str(schema.keywords.get("description", "")).split())
    for line in textwrap.wrap(described, 110):
        yield f"    # {line}"
    if key in settings:
        yield from _indented(dump({key: settings[key]}), "    ")
        return
    default = defaulted(within, {}).get(key)
    if default is not None:
        yield from _indented(dump({key: with_defaults(schema, default)}), "    #")
    else:
        choices = schema.keywords.get("enum", [schema.keywords.get("type", "any value")])
        yield f"    #{key}:  # not set: {', '.join(map(str, choices))}"


def _indented(text: str, by: str) -> list[str]:
    return [by + line for line in text.splitlines()]


def _test(policy: Policy, documents: Iterable[Given], settings: dict[str, Any]) -> str:
    base, operation = _base(policy)
    own = policy.kind == "Policy"
    binding = binding_of(policy.name, settings) if own else upstream_binding_of(policy.name, policy.kind)
    decision = load([*documents, binding]).decide(normalise(base), operation=operation)
    expected: dict[str, Any] = {"allowed": decision.allowed}
    if not decision.allowed:
        expected["message"] = decision.message
    case: dict[str, Any] = {"name": "an ordinary object"}
    case |= {"settings": settings} if settings else {}
    case |= {"operation": operation} if operation != "CREATE" else {}
    suite = {"policy": policy.name, "base": base, "cases": [{**case, "expect": expected}]}
    return dump(suite) + "".join(_missing_case(rule.name) for rule in policy.validations)


def _missing_case(rule: str) -> str:
    """A case that nobody but the author can write, as a comment."""
    expected = f"{{allowed: false, findings: [{{rule: {rule}}}]}}"
    return f"#- name: what {rule} refuses\n#  set: {{spec.some.path: value}}\n#  expect: {expected}\n"


def _base(policy: Policy) -> tuple[dict[str, Any], str]:
    """An ordinary object that the policy is about, and the operation."""
    rules = policy.match_constraints.resource_rules if policy.match_constraints is not None else ()
    group, version, resource, operation = "", "v1", "pods", "CREATE"
    if rules and policy.subject is None:
        first = rules[0]
        group, version = first.api_groups[0].replace("*", ""), first.api_versions[0].replace("*", "v1")
        resource = first.resources[0].partition("/")[0]
        operation = next((each for each in first.operations if each not in ("*", "CONNECT")), "CREATE")
    kind = of_resource(group, "pods" if resource == "*" else resource)
    base: dict[str, Any] = {
        "apiVersion": f"{group}/{version}" if group else version,
        "kind": resource.removesuffix("s").capitalize() if kind is None else kind.kind,
        "metadata": {"name": "web"},
    }
    if base["kind"] == "Pod":
        base["spec"] = {"containers": [{"name": "app", "image": "registry.example.com/app:1.0"}]}
    return base, operation
