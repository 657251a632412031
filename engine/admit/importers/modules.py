"""The names of Kubewarden's modules, in every form that they have had, to the bundled policies."""

from __future__ import annotations

import re
from functools import cache

from admit.errors import UsageError
from admit.resources import folder
from admit.rules.read import near

FOLDER = "kubewarden"
CEL_POLICY = "cel-policy"
"""The module whose settings are the rules: it has no rule file."""

BAD_REQUEST = frozenset({CEL_POLICY, "container-resources"})
"""The modules whose rejections have the code 400; those of the others have none."""

STRICT = frozenset({"probes", "psa-label-enforcer", "selinux-psp"})
"""The modules that refuse settings which they do not know; the others pass over them."""

RENAMED = {"pod-runtime": "pod-runtime-class"}

_CLUSTER = "it looks at other objects of the cluster"
_REGISTRY = "it asks a registry about images"
_PRODUCT = "it is about an installation of Kubewarden or Rancher itself"
_SHOWN = "it shows or tests a feature of Kubewarden's"
REFUSED = {
    "context-aware-demo": _SHOWN,
    "context-aware-test": _SHOWN,
    "do-not-expose-admission-controller-webhook-services": _PRODUCT,
    "echo": _SHOWN,
    "go-wasi-context-aware-test": _SHOWN,
    "high-risk-service-account": "it asks the cluster what a service account may do",
    "image-cve": "it reads reports of vulnerabilities in the cluster",
    "kyverno-dsl": "it runs Kyverno's policies, whose language is not CEL",
    "namespace-label-propagator": _CLUSTER,
    "ns-policyserver-mapper": _PRODUCT,
    "rancher-project-propagate-labels": _CLUSTER,
    "rancher-project-quotas-namespace-validator": _CLUSTER,
    "raw-mutation": _SHOWN,
    "raw-mutation-wasi": _SHOWN,
    "raw-validation": _SHOWN,
    "raw-validation-opa": _SHOWN,
    "raw-validation-wasi": _SHOWN,
    "runtime-enforcer": _PRODUCT,
    "sleeping": _SHOWN,
    "unique-ingress": _CLUSTER,
    "unique-service-selector": _CLUSTER,
    "verify-image-signatures": _REGISTRY,
}
"""What cannot be a rule file, and why."""


def bundled(module: str) -> str:
    """The bundled policy of a module: `kubewarden/pod-privileged` of `registry://ghcr.io/.../pod-privileged:v1.0.13`.

    Only the last part of the module's name counts, so that mirrors and local files are known too. Raises UsageError,
    for a module that is not bundled with the reason, or with the nearest that is.
    """
    name = name_of(module)
    for candidate in _candidates(name):
        if candidate in _known():
            return f"{FOLDER}/{candidate}"
        if candidate in REFUSED:
            raise UsageError(f"the module {candidate!r} has no bundled policy: {REFUSED[candidate]}")
    hint = near(next(iter(_candidates(name)), name), [*_known(), *REFUSED])
    raise UsageError(f"there is no bundled policy for the module {module!r}{hint or _ELSEWHERE}")


def is_module(text: str) -> bool:
    """Whether a text can only be the name of a module: it has a scheme, a tag, a digest or the ending .wasm."""
    return _MODULE.match(text) is not None


def name_of(module: str) -> str:
    """The last part of a module's name, without tag, digest and ending."""
    last = module.partition("?")[0].rstrip("/").rpartition("/")[2]
    return last.partition("@")[0].partition(":")[0].removesuffix(".wasm")


_ELSEWHERE = "; `admit policies` lists those that there are"
_MODULE = re.compile(r"(?:registry|https?|file)://|ghcr\.io/|[^\s:]+/[^\s:/]+(?::v?[0-9][\w.-]*|:latest|@sha256:\w+)$")


@cache
def _known() -> frozenset[str]:
    rules = (entry.name for entry in folder("rulesets").joinpath(FOLDER).iterdir())
    files = (name for name in rules if name.endswith(".yaml") and not name.endswith(".test.yaml"))
    return frozenset((*(name.removesuffix(".yaml") for name in files), CEL_POLICY))


def _candidates(name: str) -> list[str]:
    """The names that the policy may have here: upstream has renamed most of them once."""
    plain = name.lower().replace("_", "-")
    stem = plain.removesuffix("-policy")
    found = [plain, stem]
    if stem.startswith("psp-"):
        found.append(f"{stem.removeprefix('psp-')}-psp")
    return [RENAMED.get(each, each) for each in dict.fromkeys(found)]
