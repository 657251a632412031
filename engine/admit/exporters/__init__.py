"""A rule set as manifests that an API server runs by itself, with the same decisions and messages.

| module | what it is |
| --- | --- |
| model | what an export comes to |
| constants, text | settings folded into expressions; expressions as text for a version |
| documents | what of a policy and a binding is written as it was read |
| subject | the pod of every kind that carries one, in one policy |
| parameters | settings in the cluster, instead of constants |
| parts, validating, packing | what a policy says under a binding; such parts as one `spec`; the documents |
| writes, mutating | what a policy writes under a binding; the documents that mutate |
| webhooks | the configurations by which an API server asks `admit serve` |
"""

from __future__ import annotations

from admit.cel.env import parse_version
from admit.engine import Engine
from admit.errors import UsageError
from admit.exporters.model import Exported, Note, Parameters, Refusal, Target
from admit.exporters.mutating import Mutating
from admit.exporters.packing import Packing

POD_SECURITY = "it warns of pods that are there already, and counts: an API server has a plugin of its own for it"

__all__ = ["Exported", "Note", "Refusal", "export"]


def export(
    engine: Engine,
    target: Target = "vap",
    *,
    kubernetes: str | None = None,
    policy: str | None = None,
    split: bool = False,
    partial: bool = False,
    accept_expiring: bool = False,
    params: Parameters | None = None,
    params_namespace: str = "default",
) -> Exported:
    """The rule set of an engine as documents for an API server of that version (left out: the engine's).

    `policy`: only what binds that one; `split`: no two policies in one; `partial`: the rest of what is refused, else
    nothing is exported where something is; `accept_expiring`: exceptions that expire are exported without an end, and
    their day is an annotation; `params`: settings are no constants, but in a ConfigMap (of `params_namespace`) or an
    object of a kind of its own that the policy reads. Raises UsageError.
    """
    bounds = [bound for bound in engine.bounds if policy is None or bound.binding.policy.name == policy]
    if policy is not None and not bounds:
        known = ", ".join(dict.fromkeys(bound.binding.policy.name for bound in engine.bounds)) or "none at all"
        raise UsageError(f"nothing binds the policy {policy!r}, but {known}")
    version = kubernetes or engine.kubernetes
    parse_version(version)
    exporting: Packing | Mutating = Mutating(engine, version, accept_expiring)
    if target == "vap":
        exporting = Packing(engine, version, split, accept_expiring, params, params_namespace)
    documents = exporting.documents(bounds)
    if target == "vap" and engine.controller is not None and policy is None:
        exporting.refused.append(Refusal("PodSecurityConfiguration", "", POD_SECURITY))
    refused, notes = tuple(dict.fromkeys(exporting.refused)), tuple(dict.fromkeys(exporting.notes))
    return Exported(() if refused and not partial else tuple(documents), refused, notes)
