"""The webhook configurations of rule sets, against what their engines have to say."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import admit
from admit.cel.env import admission
from admit.engine import Engine
from admit.errors import UsageError
from admit.exporters.webhooks import OPERATIONS, Server, certificates, configurations
from admit.kubernetes.decode import decode
from admit.kubernetes.types import of_kind
from admit.plan.build import build
from admit.plan.match import Route, rule_matches
from admit.rules.model import ResourceRule
from admit.rules.workloads import WORKLOADS
from admit.rules.yaml import load
from admit.webhook.tls import throwaway

(CASES,) = load((Path(__file__).parent / "webhooks.yaml").read_bytes())
RESOURCES = [(w.group, w.version, w.resource, w.subresource) for w in WORKLOADS]
RESOURCES += [("", "v1", name, "") for name in ("namespaces", "services", "secrets", "persistentvolumeclaims")]
RESOURCES += [("apps", "v1", "deployments", "scale"), ("example.com", "v1", "toys", "")]
ROUTES = [Route(*resource, operation, True) for resource, operation in product(RESOURCES, OPERATIONS)]


def engine_of(case: dict[str, Any]) -> Engine:
    documents = [*case.get("documents", ())]
    for name, spec in case.get("policies", {}).items():
        spec = {} if "mutations" in spec else {"validations": [{"expression": "false"}]} | spec
        documents.append(document("Policy", name, "matchConstraints", spec | case["policies"][name]))
    for name, spec in case.get("bindings", {}).items():
        documents.append(document("PolicyBinding", name, "matchResources", {"policyName": name, **spec}))
    return admit.load(documents, kubernetes=case.get("kubernetes", "1.36"))


def document(kind: str, name: str, matching: str, spec: dict[str, Any]) -> dict[str, Any]:
    found = {"about": "resourceRules", "except": "excludeResourceRules"}
    rules = {found[key]: [*map(rule_of, texts)] for key, texts in spec.items() if key in found}
    spec = {key: value for key, value in spec.items() if key not in found} | ({matching: rules} if rules else {})
    return {"apiVersion": "admit.dev/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def rule_of(text: str) -> dict[str, Any]:
    """`CREATE,UPDATE pods,services /v1 Namespaced`"""
    operations, resources, versions, *scope = text.split()
    groups, _, versions = versions.partition("/")
    lists = {"operations": operations, "resources": resources, "apiGroups": groups, "apiVersions": versions}
    return {key: names.split(",") for key, names in lists.items()} | ({"scope": scope[0]} if scope else {})


def webhooks(engine: Engine) -> Iterator[tuple[str, dict[str, Any]]]:
    for document in configurations(engine, Server()):
        for webhook in document["webhooks"]:
            yield webhook["name"].removesuffix(".admit.dev"), webhook


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_webhooks(case: dict[str, Any]) -> None:
    engine = engine_of(case)
    found = dict(webhooks(engine))
    expected = {key: case[key] for key in ("mutate", "mutate-open", "validate", "validate-open") if key in case}
    assert [*found] == [*expected]
    for name, wanted in expected.items():
        webhook = found[name]
        assert by_groups(webhook["rules"]) == by_groups(map(rule_of, wanted["rules"]))
        assert [each["name"] for each in webhook.get("matchConditions", ())] == wanted.get("conditions", [])
        assert webhook.items() >= wanted.get("with", {}).items()
        assert webhook["failurePolicy"] == ("Ignore" if name.endswith("-open") else "Fail")
        assert webhook["clientConfig"]["service"]["path"] == f"/{name.removesuffix('-open')}"
    assert_covered(engine)


def by_groups(rules: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rules, key=lambda rule: (rule["apiGroups"], rule["resources"]))


def assert_covered(engine: Engine) -> None:
    """Whatever the engine has a plan for is asked about, and nothing else is."""
    found = [*webhooks(engine)]
    for route in ROUTES:
        groups = build(engine.bounds, route, admission(engine.kubernetes), engine.equivalents).groups
        steps = [(group, step) for group in groups for step in group.steps]
        tells = any(step.lowered.validations or step.lowered.audit_annotations for _, step in steps)
        tells = tells or bool(engine.controller and engine.controller.concerns(route) and route.subresource != "scale")
        asked = {name.removesuffix("-open") for name, webhook in found if matched(webhook, route)}
        assert ("validate" in asked) is tells, route
        if not any(group.bound.binding.mutates and step.lowered.mutations for group, step in steps):
            assert "mutate" not in asked, route


def matched(webhook: dict[str, Any], route: Route) -> bool:
    return any(
        rule_matches(
            ResourceRule(
                tuple(rule["operations"]),
                tuple(rule["apiGroups"]),
                tuple(rule["apiVersions"]),
                tuple(rule["resources"]),
                scope=rule.get("scope", "*"),
            ),
            route,
        )
        for rule in webhook["rules"]
    )


def test_fields_are_known() -> None:
    for document in configurations(engine_of(CASES[0]), Server()) + configurations(engine_of(CASES[1]), Server()):
        type_ = of_kind(document["apiVersion"], document["kind"])
        assert type_ is not None
        decoded = decode(document, type_)
        assert (decoded.misfits, decoded.unknown) == ([], [])


def test_where_the_server_is(tmp_path: Path) -> None:
    files = throwaway(tmp_path)
    trusted, key = files.cert.read_bytes(), files.key.read_bytes()
    engine = engine_of(CASES[0])

    def webhook(**options: Any) -> dict[str, Any]:
        (document,) = configurations(engine, Server(**options))
        assert document["metadata"]["name"] == options.get("service", "admit")
        return document["webhooks"][0]

    found = webhook(
        service="gate",
        namespace="guard",
        port=8443,
        timeout=5,
        excluded=("a", "b"),
        ca=certificates(key + trusted, "-"),
    )
    assert found["clientConfig"]["service"] == {"name": "gate", "namespace": "guard", "port": 8443, "path": "/validate"}
    assert b64decode(found["clientConfig"]["caBundle"]) == trusted
    (outside,) = found["namespaceSelector"]["matchExpressions"]
    assert (outside["values"], found["timeoutSeconds"]) == (["a", "b", "guard"], 5)
    found = webhook(url="https://[::1]:8443/", excluded=())
    assert found["clientConfig"] == {"url": "https://[::1]:8443/validate"}
    assert "namespaceSelector" not in found


WRONG = [
    ({"timeout": 31}, "timeout must lie between 1 and 30 seconds: 31"),
    ({"port": 0}, "port must lie between 1 and 65535: 0"),
    ({"service": "Admit"}, "service must be"),
    ({"excluded": ("kube-system", "a.b")}, "exclude must be"),
    ({"url": "http://admit"}, "url must be"),
    ({"url": "https://user@admit"}, "url must be"),
    ({"url": "https://admit?a=b"}, "url must be"),
    ({"url": "https://admit:99999"}, "url must be"),
    ({"url": "https://"}, "url must be"),
]


@pytest.mark.parametrize("options, said", WRONG, ids=str)
def test_wrong_options(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Server(**options)


def test_certificates() -> None:
    with pytest.raises(UsageError, match=r"ca\.crt holds no certificate in PEM"):
        certificates(b"none", "ca.crt")
