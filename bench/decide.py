"""Whole rule sets on the Pod of the shared benchmark data, beside `orjson.loads` of its compact form, in one run.

First the bundled policies, folder by folder and all together, each bound with settings under which the Pod is allowed,
so that every rule is evaluated to its end; those that refuse it are left out, and named. Then the price of policies
that do not match: ten about Pods alone, and the same ten among a thousand, as policies of ours and as
ValidatingAdmissionPolicies with their bindings; and the time that loading takes for one that was never seen before.
Last, the policies that Kubewarden has of PodSecurityPolicy's, and with them Pod Security's profile restricted, which
deny the Pod for its host port alone, and the same Pod without it; and all that Pod Security's level restricted says of
both, at the versions that brought new checks.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
from measure import Loop, best, plot, shared, show, write

import admit
from admit.library import Library
from admit.podsecurity import evaluate
from admit.rules.yaml import read

SETTINGS: dict[str, dict[str, object]] = {
    "kubewarden/user-group-psp": {"run_as_user": {"rule": "MustRunAs", "ranges": [{"min": 1000, "max": 2000}]}},
    "kubewarden/host-namespaces-psp": {"allow_host_ports": [{"min": 8000, "max": 9000}]},
    "kubewarden/capabilities-psp": {
        "allowed_capabilities": ["NET_BIND_SERVICE"],
        "required_drop_capabilities": ["ALL"],
    },
    "kubewarden/allowed-fsgroups-psp": {"rule": "MustRunAs", "ranges": [{"min": 1000, "max": 2000}]},
    "kubewarden/seccomp-psp": {"profile_types": ["RuntimeDefault"]},
    "kubewarden/selinux-psp": {"rule": "RunAsAny"},
    "kubewarden/volumes-psp": {"allowedTypes": ["configMap", "emptyDir", "projected"]},
}
PSP = Path(__file__).with_name("psp.yaml")
PROFILE = "pod-security/restricted"
OTHER_RESOURCES = ("configmaps", "endpoints", "events", "limitranges", "namespaces", "secrets", "services")
JSON = "orjson.loads"
VERSIONS = ("v1.0", "v1.8", "v1.19", "v1.22", "v1.23", "v1.25", "v1.34", "v1.35", "latest")


def main() -> None:
    pod = shared("pod.json")
    texts = [entry["expression"] for entry in shared("expressions.json") if entry["id"] != "message"]
    forms = {"policies": _policies, "VAPs": _upstream_policies}
    cold = {
        form: min(_milliseconds_to_load(make(1000, texts, salt)) for salt in ("a", "b", "c"))
        for form, make in forms.items()
    }
    engines = {name: admit.load(map(_binding, policies)) for name, policies in _rule_sets(pod).items()}
    for form, make in forms.items():
        engines[f"10 {form}"] = admit.load(make(10, texts, "d"))
        engines[f"10 of 1,000 {form}"] = admit.load(make(1000, texts, "d"))
    for name, engine in engines.items():
        decision = engine.decide(object=pod)
        if not decision.allowed:
            raise SystemExit(f"{name}: the Pod should be allowed, but: {decision.message}")
    compact = orjson.dumps(pod)
    loops = {JSON: Loop("loads(text)", loads=orjson.loads, text=compact)}
    loops |= {name: Loop("decide(object=pod)", decide=engine.decide, pod=pod) for name, engine in engines.items()}
    times = {name: seconds * 1e6 for name, seconds in best(loops).items()}
    rows = [[name, us, us / times[JSON]] for name, us in times.items()]
    show(f"one decision about a Pod of {len(compact):,} bytes", ["", "µs", f"times {JSON}"], rows)
    among = {form: times[f"10 of 1,000 {form}"] / times[f"10 {form}"] for form in forms}
    for form in forms:
        print(f"\n10 {form} among 1,000: {among[form]:.2f} times the 10 alone; cold load: {cold[form]:.2f} ms each")
    pods = {"denied": pod, "allowed": _without_host_ports(pod)}
    family = _psp_family(pods)
    restricted = _pod_security(pods)
    write(
        "decide",
        {
            "decision_us": times,
            "among_1000_times_alone": among,
            "cold_load_ms_a_policy": cold,
            "psp_family_times_loads": family,
            "restricted_times_loads": restricted,
        },
    )
    plot("decide", "One decision about a Pod", "µs", {"": times})


def _without_host_ports(pod: dict[str, Any]) -> dict[str, Any]:
    changed: dict[str, Any] = orjson.loads(orjson.dumps(pod))
    for port in (port for container in changed["spec"]["containers"] for port in container["ports"]):
        port.pop("hostPort", None)
    return changed


def _psp_family(pods: dict[str, dict[str, Any]]) -> dict[str, list[float]]:
    """What the PSP family takes to deny the Pod and to allow it, with the profile and without, in times of reading."""
    bindings = read(PSP.read_bytes(), str(PSP))
    family = [binding for binding in bindings if binding.value["spec"]["policyName"] != PROFILE]
    rule_sets = {"PSP family": family, "with restricted": bindings}
    loops = {}
    for outcome, pod in pods.items():
        loops[JSON, outcome] = Loop("loads(text)", loads=orjson.loads, text=orjson.dumps(pod))
        for name, documents in rule_sets.items():
            engine = admit.load(documents)
            if engine.decide(object=pod).allowed is not (outcome == "allowed"):
                raise SystemExit(f"{name}: the Pod should be {outcome}")
            loops[name, outcome] = Loop("decide(object=pod)", decide=engine.decide, pod=pod)
    return _times_of_reading("the PSP family", loops, [*rule_sets], pods)


def _pod_security(pods: dict[str, dict[str, Any]]) -> dict[str, list[float]]:
    """For each version what it takes to deny the Pod and to allow it without host ports, in times of reading it."""
    loops = {}
    for outcome, pod in pods.items():
        loops[JSON, outcome] = Loop("loads(text)", loads=orjson.loads, text=orjson.dumps(pod))
        for version in VERSIONS:
            if evaluate("restricted", version, pod).allowed is not (outcome == "allowed"):
                raise SystemExit(f"restricted:{version}: the Pod should be {outcome}")
            loops[version, outcome] = Loop("evaluate(*given)", evaluate=evaluate, given=("restricted", version, pod))
    return _times_of_reading("restricted", loops, VERSIONS, pods)


def _times_of_reading(
    title: str, loops: dict[tuple[str, str], Loop], names: Iterable[str], outcomes: Iterable[str]
) -> dict[str, list[float]]:
    times = best(loops)
    ratios = {name: [times[name, outcome] / times[JSON, outcome] for outcome in outcomes] for name in names}
    rows = [[name, *ratio] for name, ratio in ratios.items()]
    show(f"{title}, in times of {JSON}", ["", *outcomes], rows)
    return ratios


def _rule_sets(pod: dict[str, Any]) -> dict[str, list[str]]:
    """The bundled policies that allow the Pod, by folder and all together."""
    folders: dict[str, list[str]] = {}
    refusing: list[str] = []
    for name in Library():
        if _allows(name, pod):
            folders.setdefault(name.partition("/")[0], []).append(name)
        else:
            refusing.append(name)
    print(f"left out: {', '.join(refusing) or 'none'}")
    return folders | {"all bundled": [name for names in folders.values() for name in names]}


def _allows(name: str, pod: dict[str, Any]) -> bool:
    """Whether the Pod is allowed; not by a policy that has no settings here, but needs some."""
    try:
        return admit.load([_binding(name)]).decide(object=pod).allowed
    except admit.RuleSetError:
        return False


def _binding(policy: str) -> dict[str, Any]:
    return {
        "apiVersion": "admit.dev/v1",
        "kind": "PolicyBinding",
        "metadata": {"name": policy.replace("/", "-")},
        "spec": {"policyName": policy, "settings": SETTINGS.get(policy, {})},
    }


def _policies(count: int, texts: list[str], salt: str) -> list[dict[str, Any]]:
    """Policies of which the first ten are about Pods; no expression occurs twice, in any salt."""
    return [
        {
            "apiVersion": "admit.dev/v1",
            "kind": "Policy",
            "metadata": {"name": name},
            "spec": {"title": "A rule of the benchmark", "matchConstraints": match, "validations": [validation]},
        }
        for name, match, validation in _rules(count, texts, salt)
    ]


def _upstream_policies(count: int, texts: list[str], salt: str) -> list[dict[str, Any]]:
    """The same as ValidatingAdmissionPolicies, each with its binding."""
    documents: list[dict[str, Any]] = []
    for name, match, validation in _rules(count, texts, salt):
        specs = {
            "ValidatingAdmissionPolicy": {"matchConstraints": match, "validations": [validation]},
            "ValidatingAdmissionPolicyBinding": {"policyName": name, "validationActions": ["Deny"]},
        }
        documents += (
            {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
            for kind, spec in specs.items()
        )
    return documents


def _rules(count: int, texts: list[str], salt: str) -> Iterator[tuple[str, dict[str, Any], dict[str, str]]]:
    """A name, what it matches and a validation."""
    for i in range(count):
        resource = "pods" if i < 10 else OTHER_RESOURCES[i % len(OTHER_RESOURCES)]
        rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": [resource], "operations": ["CREATE", "UPDATE"]}
        expression = f"({texts[i % len(texts)]}) && object.metadata.name != 'not-{salt}-{i}'"
        yield f"rule-{salt}-{i}", {"resourceRules": [rule]}, {"expression": expression}


def _milliseconds_to_load(documents: list[dict[str, Any]]) -> float:
    """Of the processor, for each policy that is put in force."""
    start = time.process_time()
    engine = admit.load(documents)
    return (time.process_time() - start) * 1e3 / len(engine.bindings)


if __name__ == "__main__":
    main()
