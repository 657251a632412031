"""An API server that was configured by Kubewarden's controller, with `admit serve` in policy-server's place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import yaml

from admit.exporters.webhooks import Server as Address

from .server import Object, Server, message, namespace
from .webhook import asking, configuration, webhook

HEAD = {"apiVersion": "policies.kubewarden.io/v1"}
MODULES = "registry://ghcr.io/kubewarden/policies"
RULES = [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}]


def single(name: str, module: str, **more: Any) -> Object:
    spec = {"module": f"{MODULES}/{module}", "mutating": False, "rules": RULES, **more}
    return {**HEAD, "kind": "ClusterAdmissionPolicy", "metadata": {"name": name}, "spec": spec}


POLICIES = [
    single("caps", "capabilities-psp:v1.0.13", mutating=True, settings={"required_drop_capabilities": ["NET_RAW"]}),
    single("privileged", "pod-privileged:v1.0.13", message="ask the platform team"),
    single("labels", "safe-labels:v1.0.12", mode="monitor", settings={"mandatory_labels": ["team"]}),
    {
        **HEAD,
        "kind": "AdmissionPolicyGroup",
        "metadata": {"name": "ports", "namespace": "kubewarden"},
        "spec": {
            "rules": RULES,
            "policies": {
                "closed": {"module": f"{MODULES}/host-namespaces-psp:v1.1.11"},
                "owned": {"module": f"{MODULES}/safe-labels:v1.0.12", "settings": {"mandatory_labels": ["owner"]}},
            },
            "expression": "closed() || owned()",
            "message": "who opens the host has an owner",
        },
    },
]


def pod(name: str, labels: dict[str, str] | None = None, context: Object | None = None, **spec: Any) -> Object:
    container = {"name": "web", "image": "registry.test/web:1", "securityContext": context or {}}
    metadata = {"name": name, "namespace": "kubewarden", "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container], **spec}}


FORBIDDEN = pod("forbidden", context={"privileged": True, "capabilities": {"add": ["SYS_ADMIN"]}})
DENIED = {
    "clusterwide-caps": FORBIDDEN,
    "clusterwide-privileged": pod("privileged", context={"privileged": True}),
    "namespaced-group-kubewarden-ports": pod("open", hostNetwork=True),
}


def test_a_cluster_that_was_kubewardens(server: Server, tmp_path: Path) -> None:
    server.create(namespace("kubewarden"))
    rules = tmp_path / "policies.yaml"
    rules.write_text(yaml.safe_dump_all(POLICIES))

    def created(object: Object) -> httpx.Response:
        return server.client.post(server.path(object, named=False), params={"dryRun": "All"}, json=object)

    with asking(server, [rules], tmp_path, _configurations, lambda: created(FORBIDDEN)):
        for id, object in DENIED.items():
            assert message(created(object)).startswith(f'admission webhook "{id}.kubewarden.admission" denied'), id
        assert message(created(DENIED["clusterwide-privileged"])).endswith("request: ask the platform team")
        causes = created(DENIED["namespaced-group-kubewarden-ports"]).json()["details"]["causes"]
        assert [cause["field"] for cause in causes] == ["spec.policies.closed", "spec.policies.owned"]
        assert created(pod("owned", {"owner": "jane"}, hostNetwork=True)).is_success
        answer = created(pod("plain"))
        assert answer.is_success, message(answer)
        assert answer.json()["spec"]["containers"][0]["securityContext"]["capabilities"] == {"drop": ["NET_RAW"]}


def _configurations(address: Address) -> list[Object]:
    """As Kubewarden's controller writes them, but that it writes one for each policy."""
    assert address.ca is not None
    ids = {
        "Mutating": ["clusterwide-caps"],
        "Validating": ["clusterwide-privileged", "clusterwide-labels", "namespaced-group-kubewarden-ports"],
    }
    return [
        configuration(
            kind,
            f"kubewarden-{kind.lower()}",
            [
                webhook(f"{id}.kubewarden.admission", f"{address.url}/validate/{id}", address.ca, "kubewarden")
                for id in of_kind
            ],
        )
        for kind, of_kind in ids.items()
    ]
