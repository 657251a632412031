"""Golden files: what each form of a rule becomes in plain CEL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from admit.cel.unparse import unparse
from admit.rules import yaml
from admit.rules.load import load
from admit.rules.lower import Loop, Lowered, Write, lower
from admit.rules.patches import json_patch
from admit.rules.paths import Path as ObjectPath
from admit.rules.plain import text
from admit.rules.restate import restate

CASES = yaml.load((Path(__file__).parent / "lowering.yaml").read_text())[0]


def test_lowering(golden: Callable[[str, str], None]) -> None:
    golden("lowering.txt", "\n".join(f"# {case['name']}\n{written(case)}\n\n{becomes(case)}\n" for case in CASES))


def written(case: dict[str, Any]) -> str:
    shown = {key: value for key, value in case.items() if key != "name"}
    return yaml.dump(shown).rstrip()


def becomes(case: dict[str, Any]) -> str:
    lowered = lowered_case(case)
    return "\n".join(f"{what}: {value}" for what, value in pieces(lowered) if value)


def lowered_case(case: dict[str, Any]) -> Lowered:
    scope = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["services"]}
    spec: dict[str, Any] = {"settings": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    spec |= {"subject": "PodSpec"} if "subject" in case else {"matchConstraints": {"resourceRules": [scope]}}
    if "validation" in case:
        spec["validations"] = [case["validation"]]
        others = {"forEach": {"other": "[1]", "port": "object.others"}, "expression": "true"}
        spec["validations"] += [{"name": "others"} | others] if "exceptions" in case else []
    else:
        spec["mutations"] = [case["mutation"]]
    exceptions = [{"name": f"e{i}", "reason": "why"} | e for i, e in enumerate(case.get("exceptions", ()))]
    binding_spec = {"policyName": "case", "exceptions": exceptions}
    head = {"apiVersion": "admit.dev/v1", "metadata": {"name": "case"}}
    documents = [
        yaml.document_of({**head, "kind": "Policy", "spec": spec}),
        yaml.document_of({**head, "kind": "PolicyBinding", "spec": binding_spec}),
    ]
    rule_set, faults = load(documents)
    assert not faults, "\n".join(map(str, faults))
    bound, faults = lower(rule_set.bindings[0], rule_set.policies, "1.36")
    assert not faults, "\n".join(map(str, faults))
    (lowered,) = bound.members
    if "restated" not in case:
        return lowered
    resource, _, subresource = case["restated"].partition("/")
    (workload,) = (w for w in lowered.workloads if (w.resource, w.subresource) == (resource, subresource))
    return restate(lowered, workload)


def pieces(lowered: Lowered) -> Iterator[tuple[str, str | None]]:
    for validation in lowered.validations[:1]:
        yield "judged", validation.judged and unparse(validation.judged)
        yield "verdict", unparse(validation.verdict)
        if validation.loops or validation.excepted:
            yield "element", unparse(validation.element)
        yield "excepted", validation.excepted and unparse(validation.excepted)
        yield from (("loop", shown_loop(loop)) for loop in validation.loops)
        yield "value at", validation.value and shown_path(validation.value)
        yield from (("message", unparse(message)) for message in validation.messages)
        said = text(validation)
        yield "text", unparse(said) if said is not None and validation.loops else None
    for mutation in lowered.mutations:
        assert isinstance(mutation, Write)
        yield from (("where", unparse(condition)) for condition in mutation.conditions)
        yield from (("loop", shown_loop(loop)) for loop in mutation.loops)
        paths = ", ".join(map(shown_path, mutation.paths))
        yield mutation.action, f"{paths}: {unparse(mutation.value)}"
        patch = json_patch((mutation,))
        yield "patch", patch and unparse(patch)


def shown_loop(loop: Loop) -> str:
    if loop.elements is None:
        return f"{loop.variable} in {unparse(loop.list)}"
    kept = "".join(f" if {name}: {unparse(condition)}" for name, condition in loop.elements.kept)
    return f"{loop.variable} at {', '.join(map(shown_path, loop.elements.lists))}{kept}"


def shown_path(path: ObjectPath) -> str:
    segments = (s if isinstance(s, str) else f"[{unparse(s)}]" for s in path.segments)
    return "/".join((path.root, *segments))
