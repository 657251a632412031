"""What a namespace demands of its pods: its labels, over the defaults of the configuration.

Source: k8s.io/pod-security-admission, api/helpers.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from admit.cel.library.formatting import quoted
from admit.podsecurity.levels import (
    LATEST,
    LEVEL_EXPECTED,
    PRIVILEGED,
    VERSION_EXPECTED,
    Level,
    Standard,
    is_level,
    is_version,
)

Mode: TypeAlias = Literal["enforce", "audit", "warn"]

MODES: tuple[Mode, ...] = get_args(Mode)
PREFIX = "pod-security.kubernetes.io/"
"""Of the labels of a namespace, and of the keys of audit annotations."""

FALLBACKS: Mapping[Mode, Level] = {"enforce": "restricted", "audit": "privileged", "warn": "privileged"}
"""The level of a mode whose label names none."""


@dataclass(frozen=True, slots=True)
class Policy:
    enforce: Standard = PRIVILEGED
    audit: Standard = PRIVILEGED
    warn: Standard = PRIVILEGED

    def of(self, mode: Mode) -> Standard:
        standard: Standard = getattr(self, mode)
        return standard

    @property
    def privileged(self) -> bool:
        """Whether all its levels are."""
        return all(self.of(mode).level == "privileged" for mode in MODES)

    def is_equivalent_to(self, other: Policy) -> bool:
        return all(self.of(mode).is_equivalent_to(other.of(mode)) for mode in MODES)


UNRESTRICTED = Policy()


@dataclass(frozen=True, slots=True)
class LabelError:
    """A label with a value that it cannot have."""

    key: str
    value: str
    expected: str

    @property
    def field(self) -> str:
        return f"metadata.labels[{self.key}]"

    @property
    def text(self) -> str:
        return f"Invalid value: {quoted(self.value)}: {self.expected}"

    def __str__(self) -> str:
        return f"{self.field}: {self.text}"


def policy_of(labels: Mapping[str, str], defaults: Policy) -> tuple[Policy, tuple[LabelError, ...]]:
    """The policy, complete whatever is wrong with the labels, and what that is."""
    errors: list[LabelError] = []
    modes = {mode: _standard(mode, labels, defaults.of(mode), errors) for mode in MODES}
    warned, enforced = PREFIX + "warn", labels.get(PREFIX + "enforce", "")
    if warned not in labels and is_level(enforced) and modes["enforce"].is_stricter_than(modes["warn"]):
        pinned = modes["warn"].version if f"{warned}-version" in labels else modes["enforce"].version
        modes["warn"] = Standard(enforced, pinned)
    return Policy(**modes), tuple(errors)


def aggregate(errors: Iterable[object]) -> str:
    """The texts of errors as one, as Kubernetes joins them: `[a, b]`, each once."""
    texts = list(dict.fromkeys(map(str, errors)))
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def _standard(mode: Mode, labels: Mapping[str, str], default: Standard, errors: list[LabelError]) -> Standard:
    standard, key = default, PREFIX + mode
    level, version = labels.get(key), labels.get(f"{key}-version")
    if level is not None:
        if not is_level(level):
            errors.append(LabelError(key, level, LEVEL_EXPECTED))
            level = FALLBACKS[mode]
        standard = replace(standard, level=level)
    if version is not None:
        if not is_version(version):
            errors.append(LabelError(f"{key}-version", version, VERSION_EXPECTED))
            version = LATEST
        standard = replace(standard, version=version)
    return standard
