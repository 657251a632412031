"""A declarative admission engine for Kubernetes: rules in YAML and CEL, compiled to Python.

| module | what it is |
| --- | --- |
| source, errors, resources | a text and its place in a file; the tree of errors; where data lives |
| cel/ | CEL, of use without the rest: an expression in, a Python function out |
| admission/ | AdmissionReview v1 in and out: Request, Decision, Finding, JSON Patch; kind to resource |
| kubernetes/ | what an API server knows of its kinds: types, defaults, schemas, structured merge, policies in order |
| rules/ | what people write: YAML with positions, the model, settings, lowering to plain CEL; VAP and MAP read |
| importers/ | other projects' policies as rule sets: Kubewarden's documents and modules, PodSecurityPolicy |
| plan/ | what is left to do when a request comes: matching, simplified and shared expressions, functions |
| engine/ | a request in, a Decision out; failurePolicy and validationActions in one place |
| library, loading | the bundled policies; documents in, engine out: `admit.load` |
| podsecurity/ | Pod Security Admission: its levels, and the controller that labels steer |
| exporters/ | a rule set as ValidatingAdmissionPolicy, MutatingAdmissionPolicy and webhook configurations |
| testing, explain, proof | the rule tests; what a rule says and becomes; an export held against its rules |
| webhook/, cli/ | the server; the command |

Imports go downward only; `make check` sees to it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from admit import cel, podsecurity
    from admit.admission import Decision, Finding, Request
    from admit.cel.library.authorization import Attributes, Verdict
    from admit.engine import Engine
    from admit.errors import AdmitError, RequestError, RuleSetError, UsageError
    from admit.kubernetes.normalise import normalise
    from admit.loading import load

__version__ = "0.1.0"

__all__ = [
    "AdmitError",
    "Attributes",
    "Decision",
    "Engine",
    "Finding",
    "Request",
    "RequestError",
    "RuleSetError",
    "UsageError",
    "Verdict",
    "cel",
    "load",
    "normalise",
    "podsecurity",
]

_HOMES = {
    **dict.fromkeys(("AdmitError", "RequestError", "RuleSetError", "UsageError"), "admit.errors"),
    **dict.fromkeys(("Decision", "Finding", "Request"), "admit.admission"),
    **dict.fromkeys(("Attributes", "Verdict"), "admit.cel.library.authorization"),
    "Engine": "admit.engine",
    "load": "admit.loading",
    "normalise": "admit.kubernetes.normalise",
}


def __getattr__(name: str) -> Any:
    """Public names are imported when they are first used: `import admit` costs nothing."""
    if name in ("cel", "podsecurity"):
        return import_module(f"admit.{name}")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'admit' has no attribute {name!r}")
