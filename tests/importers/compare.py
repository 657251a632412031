"""Random PodSecurityPolicies and pods, put to `admit import psp` and to Kubernetes 1.24's own code (oracle/; needs Go).

    python -m tests.importers.compare [POLICIES] [--seed SEED]

Prints each kind of difference once. One is meant: SELinux options without a level get it (docs/decisions/0076).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

from platformdirs import user_cache_path

from admit.errors import RuleSetError
from admit.importers.psp import imported
from admit.kubernetes.normalise import normalise
from admit.loading import load
from admit.rules.yaml import document_of

from .test_psp import OPEN, SECCOMP

HERE = Path(__file__).parent
PODS = 25  # for each policy
LAX = 0.85  # of what a policy says, how much allows everything: nothing would pass one that is strict everywhere
RARE = 0.12  # how often a pod says something
MEANT = "seLinuxOptions.level"

NAMES = ("CHOWN", "NET_ADMIN", "NET_RAW", "SYS_TIME")
IDS = ([(0, 500)], [(1000, 2000)], [(1000, 1000), (2000, 3000)])
RANGES = [[{"min": low, "max": high} for low, high in each] for each in IDS]
ANY = [{"rule": "RunAsAny"}]
GROUPS = [{"rule": rule, "ranges": ranges} for rule in ("MustRunAs", "MayRunAs") for ranges in RANGES]
CONTEXTS = [{"type": "t"}, {"user": "u", "role": "r"}, {"level": "s0:c1,c2"}, {"type": "t", "level": "s0:c1,c2"}]
SPEC: dict[str, list[Any]] = {
    **{key: [False] for key in ("privileged", "hostNetwork", "hostPID", "hostIPC", "allowPrivilegeEscalation")},
    "readOnlyRootFilesystem": [True],
    "hostPorts": [[], [{"min": 80, "max": 80}, {"min": 8000, "max": 9000}]],
    "requiredDropCapabilities": [["NET_RAW"], ["NET_RAW", "CHOWN"]],
    "defaultAddCapabilities": [["SYS_TIME"]],
    "allowedCapabilities": [[], ["NET_ADMIN"]],
    "volumes": [[], ["secret", "emptyDir", "cephFS"], ["projected", "hostPath", "csi"], ["hostPath", "flexVolume"]],
    "allowedHostPaths": [
        [{"pathPrefix": "/foo", "readOnly": True}, {"pathPrefix": "/foo/bar/"}],
        [{"pathPrefix": "/"}, {"pathPrefix": "/var/log", "readOnly": True}],
    ],
    "allowedFlexVolumes": [[{"driver": "a/b"}]],
    "allowedCSIDrivers": [[{"name": "a.b"}]],
    "allowedProcMountTypes": [[], ["Default"], ["Unmasked"]],
    "allowedUnsafeSysctls": [[], ["kernel.sem"], ["kernel.msg*", "vm.*"]],
    "forbiddenSysctls": [["kernel.shm*"], ["net.ipv4.tcp_syncookies"]],
    "runtimeClass": [
        {"allowedRuntimeClassNames": []},
        {"allowedRuntimeClassNames": ["a"], "defaultRuntimeClassName": "a"},
    ],
    "seLinux": [{"rule": "MustRunAs", "seLinuxOptions": options} for options in CONTEXTS],
    "runAsUser": [{"rule": "MustRunAsNonRoot"}, *({"rule": "MustRunAs", "ranges": ranges} for ranges in RANGES)],
    **dict.fromkeys(("runAsGroup", "supplementalGroups", "fsGroup"), GROUPS),
}
APP_ARMOR = "apparmor.security.beta.kubernetes.io"
ANNOTATIONS: dict[str, list[Any]] = {
    SECCOMP: [None, "runtime/default", "docker/default,localhost/x", "unconfined"],
    "seccomp.security.alpha.kubernetes.io/defaultProfileName": ["runtime/default", "localhost/x", "unconfined"],
    f"{APP_ARMOR}/allowedProfileNames": ["runtime/default", "localhost/x,runtime/default"],
    f"{APP_ARMOR}/defaultProfileName": ["runtime/default", "localhost/x"],
}
PROFILES = [{"type": "RuntimeDefault"}, {"type": "Unconfined"}, {"type": "Localhost", "localhostProfile": "x"}]
BOTH: dict[str, list[Any]] = {
    "runAsUser": [0, 1000, 1500, 5000],
    "runAsGroup": [0, 1000, 5000],
    "runAsNonRoot": [True, False],
    "seLinuxOptions": [*CONTEXTS, {"type": "u"}, {"type": "t", "level": "s0:c2,c1"}],
    "seccompProfile": PROFILES,
}
CONTAINER = BOTH | {
    **{key: [True, False] for key in ("privileged", "readOnlyRootFilesystem", "allowPrivilegeEscalation")},
    "procMount": ["Default", "Unmasked"],
    "capabilities": [{"add": ["NET_ADMIN"]}, {"add": ["CHOWN", "NET_RAW"]}, {"drop": ["ALL"]}, {"drop": list(NAMES)}],
}
POD = BOTH | {
    "fsGroup": [0, 1000, 5000],
    "supplementalGroups": [[1000], [1500, 5000]],
    "sysctls": [
        [{"name": name, "value": "1"}]
        for name in (
            "kernel.sem",
            "kernel.msgmax",
            "kernel.shm_rmid_forced",
            "net.ipv4.tcp_syncookies",
            "vm.overcommit",
        )
    ],
}
TOKEN: list[Any] = [
    {"serviceAccountToken": {"path": "token"}},
    {"configMap": {"name": "kube-root-ca.crt"}},
    {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
]
VOLUMES: list[dict[str, Any]] = [
    {"emptyDir": {}},
    {"secret": {"secretName": "a"}},
    {"cephfs": {"monitors": ["a"]}},
    *({"hostPath": {"path": path}} for path in ("/foo", "/foo/bar/a", "/foobar", "/var/log", "/etc")),
    *({"csi": {"driver": driver}} for driver in ("a.b", "c.d")),
    *({"flexVolume": {"driver": driver}} for driver in ("a/b", "c/d")),
    {"projected": {"sources": TOKEN}},
    {"projected": {"sources": [{"secret": {"name": "a"}}]}},
    {"projected": {"sources": [{"serviceAccountToken": {"path": "token", "audience": "a"}}]}},
]


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("policies", type=int, nargs="?", default=100)
    options.add_argument("--seed", type=int, default=SystemRandom().randrange(2**32))
    chosen = options.parse_args()
    random = Random(chosen.seed)
    asked = [(policy(random), [pod(random) for _ in range(PODS)]) for _ in range(chosen.policies)]
    theirs = iter(answers([{"psp": psp, "pod": each} for psp, pods in asked for each in pods]))
    allowed = 0
    differing: dict[str, Any] = {}
    for psp, pods in asked:
        for each, ours in zip(pods, verdicts(psp, pods), strict=True):
            said = next(theirs)
            expected = None if "refused" in said else said["allowed"]
            allowed += bool(expected)
            if ours != expected and MEANT not in said.get("errors", ""):
                differing[f"{expected}, but {ours}: {said.get('refused') or said.get('errors', '')[:100]}"] = psp, each
    for text, (psp, each) in differing.items():
        print(f"\n{text}\n  {json.dumps(psp)}\n  {json.dumps(each)}")
    print(f"seed {chosen.seed}: {len(asked) * PODS} pods, of which {allowed} allowed; {len(differing)} differences")
    return bool(differing)


def policy(random: Random) -> dict[str, Any]:
    annotations = {SECCOMP: "*", **said(random, ANNOTATIONS, 1 - LAX)}
    kept = {key: text for key, text in annotations.items() if text is not None}
    spec = {**OPEN, **said(random, SPEC, 1 - LAX)}
    metadata = {"name": "p", "annotations": kept}
    return {"apiVersion": "policy/v1beta1", "kind": "PodSecurityPolicy", "metadata": metadata, "spec": spec}


def pod(random: Random) -> dict[str, Any]:
    volumes = [{"name": f"v{i}", **random.choice(VOLUMES)} for i in range(random.choice((0, 0, 1, 1, 2)))]
    spec = {
        **{key: True for key in ("hostNetwork", "hostPID", "hostIPC") if random.random() < RARE / 2},
        **said(random, {"runtimeClassName": ["a", "b"]}, RARE),
        "volumes": volumes,
        "securityContext": said(random, POD, RARE),
        "initContainers": [container(random, "i", volumes)] if random.random() < RARE else [],
        "containers": [container(random, name, volumes) for name in "ab"[: random.choice((1, 2))]],
    }
    known = ["runtime/default", "localhost/x", "localhost/y"]
    annotations = said(
        random, {f"container.{APP_ARMOR}/a": known, "seccomp.security.alpha.kubernetes.io/pod": known}, RARE
    )
    metadata = {"name": "a", "namespace": "default", "annotations": annotations}
    written: dict[str, Any] = normalise({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    return written


def container(random: Random, name: str, volumes: list[dict[str, Any]]) -> dict[str, Any]:
    mounts = [
        {"name": volume["name"], "mountPath": f"/{volume['name']}", "readOnly": random.random() < 0.5}
        for volume in volumes
        if random.random() < 0.7
    ]
    ports = [{"containerPort": 1, "hostPort": port} for port in (0, 80, 8500, 22) if random.random() < RARE / 3]
    context = said(random, CONTAINER, RARE)
    return {"name": name, "image": "i", "ports": ports, "volumeMounts": mounts, "securityContext": context}


def said(random: Random, choices: dict[str, list[Any]], often: float) -> dict[str, Any]:
    return {key: random.choice(values) for key, values in choices.items() if random.random() < often}


def verdicts(psp: dict[str, Any], pods: list[dict[str, Any]]) -> list[bool | None]:
    """Of each pod whether it is allowed; null where the policy is refused."""
    try:
        engine = load(imported([document_of(psp)]).documents)
    except RuleSetError:
        return [None] * len(pods)
    return [engine.decide(each).allowed for each in pods]


def answers(asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the oracle says to each."""
    program = user_cache_path("admit") / "oracle" / "psp"
    subprocess.run(["go", "build", "-o", program, "."], cwd=HERE / "oracle", check=True)
    lines = "\n".join(map(json.dumps, asked))
    done = subprocess.run([program], input=lines, capture_output=True, text=True, encoding="utf-8", check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


if __name__ == "__main__":
    sys.exit(main())
