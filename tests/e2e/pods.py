"""Pods at random, of what Pod Security looks at and of what an API server fills in; most of them one takes."""

from __future__ import annotations

from random import Random
from typing import Any, TypeAlias

Object: TypeAlias = dict[str, Any]

SOURCES: list[Object] = [
    {"configMap": {"name": "a"}},
    {"secret": {"secretName": "a"}},
    {"emptyDir": {"sizeLimit": "1024Mi"}},
    {"projected": {"sources": [{"configMap": {"name": "a"}}]}},
    {"downwardAPI": {"items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.name"}}]}},
    {"persistentVolumeClaim": {"claimName": "a"}},
    {"csi": {"driver": "csi.test"}},
    {"image": {"reference": "registry.test/a"}},
    {
        "ephemeral": {
            "volumeClaimTemplate": {
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
            }
        }
    },
    {},  # becomes an emptyDir
    {"emptyDir": None},
]
FORBIDDEN_SOURCES: list[Object] = [
    *[{"hostPath": {"path": "/a"}}] * 8,
    {"nfs": {"server": "a", "path": "/a"}},
    {"gcePersistentDisk": {"pdName": "a"}},
    {"awsElasticBlockStore": {"volumeID": "a"}},
    {"iscsi": {"targetPortal": "10.0.0.1", "iqn": "iqn.2001-04.com.example:storage.disk1", "lun": 0}},
    {"glusterfs": {"endpoints": "a", "path": "a"}},
    {"rbd": {"monitors": ["a"], "image": "a"}},
    {"flexVolume": {"driver": "a/b"}},
    {"cinder": {"volumeID": "a"}},
    {"cephfs": {"monitors": ["a"]}},
    {"flocker": {"datasetName": "a"}},
    {"fc": {"targetWWNs": ["a"], "lun": 0}},
    {"azureFile": {"secretName": "a", "shareName": "a"}},
    {"vsphereVolume": {"volumePath": "a"}},
    {"quobyte": {"registry": "a:1", "volume": "a"}},
    {"azureDisk": {"diskName": "a", "diskURI": "https://blob/a.vhd"}},
    {"photonPersistentDisk": {"pdID": "a"}},
    {"portworxVolume": {"volumeID": "a"}},
    {"scaleIO": {"gateway": "a", "system": "a", "secretRef": {"name": "a"}, "volumeName": "a"}},
    {"storageos": {"volumeName": "a"}},
]
SYSCTLS = [
    "kernel.shm_rmid_forced",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_notsent_lowat",
]
FORBIDDEN_SYSCTLS = ["kernel.msgmax", "net/ipv4/tcp_syncookies", "fs.mqueue.msg_max"]
PROFILES: list[Object] = [{"type": "RuntimeDefault"}, {"type": "Localhost", "localhostProfile": "a"}]
APPARMOR = "container.apparmor.security.beta.kubernetes.io/"


def pod(seed: int) -> Object:
    """The pod of a seed."""
    return _Pod(Random(seed)).made(f"random-{seed}")


def deployment(pod: Object) -> Object:
    """One whose template is the pod."""
    labels = {"app": "web"}
    template = {"metadata": {**pod["metadata"], "labels": labels}, "spec": pod["spec"]}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": pod["metadata"]["name"]}, "spec": spec}


class _Pod:
    """What is drawn for one pod: the less `strict` it is, the more is forbidden at some level."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.strict = random.choice([1.0, 0.98, 0.9, 0.6])
        self.windows = self._chance(0.05)
        self.hardened = self._chance(0.5)  # says itself what restricted demands
        self.host: Object = {key: True for key in ("hostNetwork", "hostPID", "hostIPC") if self._slips()}

    def made(self, name: str) -> Object:
        containers = [self._container(f"c{i}") for i in range(self.random.choice([1, 1, 2, 3]))]
        spec: Object = {"containers": containers, **self.host}
        if init := [self._container(f"i{i}") for i in range(self.random.choice([0, 0, 1, 2]))]:
            spec["initContainers"] = init
        if self.windows:
            spec["os"] = {"name": "windows"}
        elif not self.host and self._chance(0.15):
            spec["hostUsers"] = False
            if self._chance(0.5):
                containers[0].setdefault("securityContext", {})["procMount"] = "Unmasked"
        spec["securityContext"] = self._pod_context()
        spec["volumes"] = [
            {"name": f"v{i}", **self._one(SOURCES, FORBIDDEN_SOURCES)} for i in range(self.random.choice([0, 0, 1, 3]))
        ]
        if self._chance(0.1):
            spec = {**spec, "nodeName": None, "tolerations": None, "notAField": 1}
        metadata: Object = {"name": name}
        if annotations := self._annotations([*init, *containers]):
            metadata["annotations"] = annotations
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}

    def _container(self, name: str) -> Object:
        container: Object = {"name": name, "image": self.random.choice(["nginx", "registry.test/a:1"])}
        context = self._container_context()
        if context or self._chance(0.3):
            container["securityContext"] = context
        if self._chance(0.4):
            container["ports"] = [self._port(port) for port in self.random.sample([80, 443, 8080, 9], 2)]
        if self._chance(0.2):
            host = {"host": self.random.choice(["localhost", "10.0.0.1"])} if self._slips() else {}
            check = self.random.choice([{"httpGet": {"port": 80, **host}}, {"tcpSocket": {"port": 80, **host}}])
            if name.startswith("c"):
                container |= self.random.choice([{"livenessProbe": check}, {"lifecycle": {"preStop": check}}])
        if self._chance(0.3):
            container["resources"] = {"requests": {"cpu": self.random.choice(["1000m", 1, "0.10"]), "memory": "1024Mi"}}
        return container

    def _port(self, port: int) -> Object:
        if not self._slips():
            return {"containerPort": port}
        return {"containerPort": port, "hostPort": port, "protocol": self.random.choice(["TCP", "UDP"])}

    def _container_context(self) -> Object | None:
        if self.windows:
            return self._users("runAsNonRoot") | self._host_process()
        context = self._both()
        if self.hardened or self._chance(0.3):
            context["capabilities"] = {"drop": ["ALL" if not self._slips() else "all"]}
            context["allowPrivilegeEscalation"] = False
        if self._chance(0.2):
            few = [self._one(["NET_BIND_SERVICE", "CHOWN"], ["NET_ADMIN", "chown"]) for _ in range(2)]
            context.setdefault("capabilities", {})["add"] = few
        if not self.hardened and self._slips():
            context |= {"privileged": True, "allowPrivilegeEscalation": None}
        if self._chance(0.1):
            context |= {"privileged": None, "procMount": "Default"}
        return context or (None if self._chance(0.1) else {})

    def _pod_context(self) -> Object:
        if self.windows:
            return self._users("runAsNonRoot") | self._host_process()
        context = self._both()
        if self.hardened:
            context = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}, **context}
        if self._chance(0.2):
            context["sysctls"] = [{"name": self._one(SYSCTLS, FORBIDDEN_SYSCTLS), "value": "1"}]
        if self._chance(0.2):
            context |= {"fsGroup": 0, "supplementalGroups": [0, 1], "runAsGroup": 0}
        return context

    def _both(self) -> Object:
        """What pods and containers have alike."""
        context = self._users("runAsNonRoot", "runAsUser")
        for key in ("seccompProfile", "appArmorProfile"):
            if self._chance(0.2):
                context[key] = self._one(PROFILES, [{"type": "Unconfined"}])
        if self._chance(0.1):
            context["seLinuxOptions"] = self._one(
                [{"type": "container_t"}, {"type": "container_engine_t"}, {"level": "s0"}, {"user": ""}],
                [{"type": "spc_t"}, {"user": "u"}, {"role": "r", "type": "x"}],
            )
        return context

    def _users(self, *keys: str) -> Object:
        values = {"runAsNonRoot": ([True, None], [False]), "runAsUser": ([1000, None], [0])}
        return {key: self._one(*values[key]) for key in keys if self._chance(0.3)}

    def _host_process(self) -> Object:
        return {"windowsOptions": {"hostProcess": self._slips()}} if self._chance(0.2) else {}

    def _annotations(self, containers: list[Object]) -> dict[str, str]:
        annotations = {}
        for container in containers:
            if (
                self._chance(0.1)
                and not self.windows
                and "appArmorProfile" not in (container.get("securityContext") or {})
            ):
                annotations[APPARMOR + container["name"]] = self._one(
                    ["runtime/default", "localhost/a"], ["unconfined"]
                )
        return annotations

    def _one(self, usual: list[Any], forbidden: list[Any]) -> Any:
        return self.random.choice(forbidden if self._slips() else usual)

    def _slips(self) -> bool:
        return not self._chance(self.strict)

    def _chance(self, probability: float) -> bool:
        return self.random.random() < probability
