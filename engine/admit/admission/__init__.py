"""AdmissionReview v1 in and out: what is asked, what is answered, and the patch between two objects."""

from admit.admission.decision import Action, Decision, Finding, Findings, write
from admit.admission.native import native
from admit.admission.patch import apply, diff
from admit.admission.request import GroupVersionKind, GroupVersionResource, Request, from_manifest, from_raw, read

__all__ = [
    "Action",
    "Decision",
    "Finding",
    "Findings",
    "GroupVersionKind",
    "GroupVersionResource",
    "Request",
    "apply",
    "diff",
    "from_manifest",
    "from_raw",
    "native",
    "read",
    "write",
]
