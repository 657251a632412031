"""Pod Security's controller: namespaces, pods and what makes pods, by upstream's own tables and recorded answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pytest

from admit.admission import Decision, Request, read
from admit.errors import ClusterError, RuleSetError
from admit.podsecurity import configuration
from admit.podsecurity.cluster import Known, Object
from admit.podsecurity.configuration import Configuration
from admit.podsecurity.controller import Controller
from admit.podsecurity.levels import Standard
from admit.podsecurity.policy import MODES, Policy, aggregate, policy_of
from admit.podsecurity.profiles import Failure, Result, evaluate

Case: TypeAlias = dict[str, Any]

NEWEST = 37


@dataclass
class Recorder:
    """Records as the oracle has them."""

    records: list[dict[str, Any]] = field(default_factory=list)

    def evaluated(self, outcome: str, standard: Standard, mode: str, request: Request) -> None:
        name = "pod_security_evaluations_total"
        self.records.append({"decision": outcome, "metric": name, "mode": mode, "policy": str(standard)})

    def exempted(self, request: Request) -> None:
        self.records.append({"metric": "pod_security_exemptions_total"})

    def failed(self, fatal: bool, request: Request) -> None:
        self.records.append({"fatal": fatal, "metric": "pod_security_errors_total"})


def recorded(document: Mapping[str, Any]) -> Iterator[Case]:
    for case in document["cases"]:
        pods = (case.get("pods") or {}).get("n", [])
        if isinstance(pods, str):
            spec = {"containers": [{"name": "c", "image": "img:1"}]}
            pods = [{"metadata": {"name": f"p{i:05}"}, "spec": spec} for i in range(int(pods.split()[0]))]
        pods = [{"apiVersion": "v1", "kind": "Pod", **pod} for pod in pods]
        for pod in pods:
            pod["metadata"]["namespace"] = "n"
        context = {"configuration": document["config"], "namespaces": document["namespaces"], "pods": pods}
        yield {**case, **context, "id": f"admission_oracle/{case['name']}"}


@pytest.mark.cases("psa/admission/admission_oracle.json", rows=recorded)
def test_recorded(case: Case) -> None:
    cluster = Known(_namespaces(case["namespaces"]), case["pods"])
    recorder = Recorder()
    loaded = configuration.read(json.dumps(case["configuration"]))
    controller = Controller(loaded, cluster, evaluate, NEWEST, recorder, clock=lambda: 0.0)
    decision = controller.answer(read(case["request"]))
    assert _response(decision) == case["response"]
    assert recorder.records == case["metrics"]


UNREADABLE = {
    "Pod": "json: cannot unmarshal string into Go struct field Pod.spec of type v1.PodSpec",
    "Deployment": "json: cannot unmarshal string into Go struct field Deployment.spec of type v1.DeploymentSpec",
}


def pods_and_controllers(document: Mapping[str, Any]) -> Iterator[Case]:
    """What upstream's test makes of Go objects is done to the JSON here: errors of decoding, objects of other kinds."""
    for case in document["cases"]:
        expected, kind = json.dumps(case["response"]), case["resourceKind"]["kind"]
        for key in ("object", "oldObject"):
            if case[f"{key}Error"]:
                case[key] = {"spec": ""}
                expected = expected.replace(case[f"{key}Error"], UNREADABLE[kind])
            elif case[key] and "containers" not in json.dumps(case[key]):
                case[key] = {"apiVersion": "v1", "kind": "Namespace", **case[key]}
                expected = expected.replace("/, Kind=", "/v1, Kind=Namespace")
        id = f"validate_pod_controller/{case['name']}"
        context = {key: document[key] for key in ("namespaces", "config")}
        yield {**case, **context, "response": json.loads(expected), "id": id}


@pytest.mark.cases("psa/admission/validate_pod_controller.json", rows=pods_and_controllers)
def test_pod_or_controller(case: Case) -> None:
    request = {
        "uid": "u",
        "kind": case["resourceKind"],
        "resource": case["resource"],
        "subResource": case["subresource"],
        "name": case["requestName"],
        "userInfo": {"username": case["user"]},
        **{key: case[key] for key in ("namespace", "operation", "object", "oldObject")},
    }
    document = {"apiVersion": f"{configuration.GROUP}/v1", "kind": configuration.KIND, **case["config"]}
    recorder = Recorder()
    cluster = Known(_namespaces(case["namespaces"]))
    controller = Controller(configuration.read(json.dumps(document)), cluster, evaluate, NEWEST, recorder)
    assert _response(controller.answer(read(request))) == case["response"]
    assert _by_metric(recorder.records) == {key: len(records or ()) for key, records in case["metrics"].items()}


def _by_metric(records: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    names = [record["metric"] for record in records]
    return {key: names.count(f"pod_security_{key}_total") for key in ("errors", "evaluations", "exemptions")}


@dataclass
class SlowCluster:
    """One in which listing and evaluating takes time, as its clock has it."""

    existing: Sequence[Object]
    listing: float
    evaluating: float
    now: float = 0.0
    listed: bool = False
    evaluated: set[tuple[str, str]] = field(default_factory=set)

    def namespace(self, name: str) -> Object:
        raise ClusterError("not to be asked")

    def pods(self, namespace: str, deadline: float) -> Sequence[Object]:
        self.listed = True
        self.now += self.listing
        if self.now >= deadline:
            raise ClusterError("context deadline exceeded")
        return self.existing

    def evaluate(self, level: str, version: str, pod: Mapping[str, Any]) -> Result:
        self.now += self.evaluating
        self.evaluated.add((level, version))
        reason = pod["metadata"].get("annotations", {}).get("error")
        return Result((Failure("fake", reason, ""),) if reason else ())


def namespaces(document: Mapping[str, Any]) -> Iterator[Case]:
    """The pods are written down as upstream leaves their slice: the last ones twice, where exempt ones were before."""
    for case in document["cases"]:
        pods = {pod["metadata"]["name"]: pod for pod in case["existingPods"]}
        yield {**case, "existingPods": list(pods.values()), "id": f"validate_namespace/{case['name']}"}


@pytest.mark.cases("psa/admission/validate_namespace.json", rows=namespaces)
def test_namespace(case: Case) -> None:
    cluster = SlowCluster(case["existingPods"], case["delayList"], case["delayEvaluation"])
    controller = Controller(
        Configuration(
            _policy(case["effectiveDefaultPolicy"]),
            namespaces=frozenset(case["exemptNamespaces"] or ()),
            runtime_classes=frozenset(case["exemptRuntimeClasses"] or ()),
        ),
        cluster,
        cluster.evaluate,
        NEWEST,
        Recorder(),
        clock=lambda: cluster.now,
        most_pods=4,
    )
    object, old_object = (
        None if labels is None else {"metadata": {"name": "test", "labels": labels}}
        for labels in (case["newLabels"], case["oldLabels"])
    )
    asked = {"operation": case["operation"], "subResource": case["subresource"]}
    request = _about_namespace(name="test", namespace="test", object=object, oldObject=old_object, **asked)
    assert _response(controller.answer(request)) == case["response"]
    assert cluster.listed == case["expectListPods"]
    level, version = case["evaluated"].split(":")
    assert cluster.evaluated == ({(level, version.replace("latest", f"v1.{NEWEST}"))} if level else set())


@pytest.mark.cases("psa/admission/exempt_namespace_warning.json")
def test_exempt_namespace(case: Case) -> None:
    name = case["name"]
    settings = Configuration(_policy(case["defaultPolicy"]), namespaces=frozenset({name}))
    controller = Controller(settings, Known({}), evaluate, NEWEST, Recorder())
    object = {"metadata": {"name": name, "labels": case["labels"]}}
    request = _about_namespace(name=name, namespace=name, operation="CREATE", object=object)
    assert list(controller.answer(request).warnings) == [case["warning"]] * case["expectWarning"]


def _about_namespace(**fields: Any) -> Request:
    kind = {"group": "", "version": "v1", "kind": "Namespace"}
    return read({"uid": "u", "kind": kind, "resource": {**kind, "resource": "namespaces"}, **fields})


def labelled(document: Mapping[str, Any]) -> Iterator[Case]:
    for i, case in enumerate(document["cases"]):
        defaults = document["configs"][case["config"]] or {}
        policy = {
            mode: f"{defaults.get(mode, 'privileged')}:{defaults.get(f'{mode}-version', 'latest')}" for mode in MODES
        }
        yield {**case, "id": f"labels_oracle/{i}", "defaults": policy}


@pytest.mark.cases("psa/admission/labels_oracle.json", rows=labelled)
def test_labels(case: Case) -> None:
    policy, errors = policy_of(case["labels"], _policy(case["defaults"]))
    assert policy == _policy(case["policy"])
    assert [str(error) for error in errors] == case.get("errors", [])
    assert (aggregate(errors) if errors else "") == case.get("aggregate", "")


def effective(document: Mapping[str, Any]) -> Iterator[Case]:
    for case in document["cases"]:
        yield {**case, "policy": case["actual"], "errors": case["errors"] or [], "id": f"policy/{case['desc']}"}


@pytest.mark.cases("psa/admission/policy_to_evaluate.json", rows=effective)
def test_policy(case: Case) -> None:
    test_labels(case)


def configurations(document: Mapping[str, Any]) -> Iterator[Case]:
    """All tables in one form: a text, and what is loaded or what is said."""
    for i, case in enumerate(document["cases"]):
        if "text" in case:
            said = next((case[key] for key in case if key.endswith("Error")), "")
            yield {"id": f"config/{i}", "text": case["text"], "said": said, "loaded": case.get("config")}
        elif "data" in case:
            id = f"load_config/{i} {case['name']}"
            yield {"id": id, "text": case["data"] or "", "said": case["error"], "loaded": case["actual"]}
        else:
            yield {"id": f"validate_config/{i}", **_written(case["configuration"], case["errors"])}


def _written(loaded: Case, errors: Sequence[str]) -> Case:
    """A configuration of Go's as a document. Values that are empty are defaulted in one; of defaults that are wrong, an
    API server says so when it completes them, in other words."""
    defaults = {mode: loaded["Defaults"][mode.capitalize()] for mode in MODES}
    defaults |= {f"{mode}-version": loaded["Defaults"][f"{mode.capitalize()}Version"] for mode in MODES}
    exemptions = {key[0].lower() + key[1:]: names for key, names in loaded["Exemptions"].items()}
    head = {"apiVersion": f"{configuration.GROUP}/v1", "kind": configuration.KIND}
    if errors[0].startswith("defaults."):
        told = [error.removeprefix("defaults.").split(": ") for error in errors if 'Invalid value: ""' not in error]
        by_mode = sorted(told, key=lambda parts: MODES.index(parts[0].removesuffix("-version")))
        errors = [f"{parts[0]}: {parts[-1]}" for parts in by_mode]
    text = json.dumps({**head, "defaults": defaults, "exemptions": exemptions})
    return {"text": text, "said": aggregate(errors), "loaded": None}


@pytest.mark.cases(
    "psa/admission/config_oracle.json",
    "psa/admission/load_config.json",
    "psa/admission/validate_config.json",
    rows=configurations,
)
def test_configuration(case: Case) -> None:
    if not case["said"]:
        assert _as_loaded(configuration.read(case["text"])) == case["loaded"]
        return
    with pytest.raises(RuleSetError) as caught:
        configuration.read(case["text"])
    said = aggregate(fault.message for fault in caught.value.faults)
    assert said == YAML.get(case["said"].removeprefix("strict decoding error: "), case["said"])


YAML = {
    'yaml: unmarshal errors:\n  line 5: key "enforce" already set in map': "duplicate key 'enforce'",
    "yaml: line 1: did not find expected node content": "did not find expected node content",
}
"""What is no YAML is told as in rule files, with its place."""


def _as_loaded(loaded: Configuration) -> Case:
    defaults = {}
    for mode in MODES:
        standard = loaded.defaults.of(mode)
        defaults |= {mode.capitalize(): standard.level, f"{mode.capitalize()}Version": standard.version}
    exempt = {"Usernames": loaded.usernames, "Namespaces": loaded.namespaces, "RuntimeClasses": loaded.runtime_classes}
    return {"Defaults": defaults, "Exemptions": {key: sorted(names) or None for key, names in exempt.items()}}


def _policy(written: Mapping[str, str]) -> Policy:
    standards = {mode: written[mode].split(":") for mode in MODES}
    return Policy(**{mode: Standard(level or "privileged", version) for mode, (level, version) in standards.items()})


def _namespaces(labels: Mapping[str, Any]) -> dict[str, Object]:
    return {name: {"metadata": {"name": name, "labels": of}} for name, of in labels.items()}


def _response(decision: Decision) -> Case:
    """As upstream's library has it."""
    response: Case = {"uid": "", "allowed": decision.allowed}
    if not decision.allowed:
        said = {"message": decision.message, "reason": decision.reason, "code": decision.code}
        details = {"details": decision.details} if decision.details is not None else {}
        response["status"] = {"metadata": {}, "status": "Failure", **said, **details}
    if decision.warnings:
        response["warnings"] = list(decision.warnings)
    if decision.audit_annotations:
        annotations = decision.audit_annotations.items()
        response["auditAnnotations"] = {
            key.removeprefix("pod-security.kubernetes.io/"): text for key, text in annotations
        }
    return response
