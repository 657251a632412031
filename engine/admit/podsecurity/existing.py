"""The pods that are in a namespace already, held against the level that it is to enforce.

Source: k8s.io/pod-security-admission, admission/admission.go, EvaluatePodsInNamespace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from admit.cel.library.formatting import quoted
from admit.podsecurity.cluster import Object
from admit.podsecurity.levels import Standard
from admit.podsecurity.profiles import Result


def first_of_each(pods: Iterable[Object]) -> list[Object]:
    """The pods in their order, but those after the first of a controller last: they are likely to be the same."""
    first: list[Object] = []
    rest: list[Object] = []
    seen: set[str | None] = set()
    for pod in pods:
        uid = _controller(pod)
        (rest if uid is not None and uid in seen else first).append(pod)
        seen.add(uid)
    return first + rest


def warnings(
    pods: Sequence[Object],
    evaluate: Callable[[Object], Result],
    namespace: str,
    standard: Standard,
    most: int,
    late: Callable[[], bool],
) -> list[str]:
    """What to say of the pods, of which `most` are looked at, and no more once it is late."""
    names: dict[str, list[str]] = {}
    checked = 0
    for pod in pods[:most]:
        checked += 1
        result = evaluate(pod)
        if not result.allowed:
            names.setdefault(result.reasons, []).append((pod.get("metadata") or {}).get("name") or "")
        if late():
            break
    said = []
    if checked < len(pods):
        only = f"only checked against the first {checked} of {len(pods)} existing pods"
        said.append(f"new PodSecurity enforce level {only}")
    if names:
        level = f"the new PodSecurity enforce level {quoted(str(standard))}"
        said.append(f"existing pods in namespace {quoted(namespace)} violate {level}")
    return said + sorted(f"{_shown(those)}: {reason}" for reason, those in names.items())


def _controller(pod: Object) -> str | None:
    references = filter(None, (pod.get("metadata") or {}).get("ownerReferences") or ())
    return next((reference.get("uid") or "" for reference in references if reference.get("controller") is True), None)


def _shown(names: Sequence[str]) -> str:
    """The first name, and how many more there are."""
    match len(names) - 1:
        case 0:
            return names[0]
        case 1:
            return f"{min(names)} (and 1 other pod)"
        case more:
            return f"{min(names)} (and {more} other pods)"
