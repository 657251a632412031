"""What an export comes to: documents, and what is told of those that are not, or not in every word, there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Target: TypeAlias = Literal["vap", "map", "webhooks"]
Parameters: TypeAlias = Literal["configmap", "crd"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is not exported, since it would not be the same; `since` is the first Kubernetes where it could be."""

    policy: str
    rule: str
    reason: str
    since: str | None = None

    def __str__(self) -> str:
        later = f"; new policies may have it from Kubernetes {self.since} on" if self.since else ""
        return f"{self.policy}{self.rule and f', {self.rule}'}: {self.reason}{later}"


@dataclass(frozen=True, slots=True)
class Note:
    """What is exported with a difference of text alone, or is left for the reader to know."""

    policy: str
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.policy}{self.rule and f', {self.rule}'}: {self.text}"


@dataclass(frozen=True, slots=True)
class Exported:
    """`documents` are plain data, each policy before its bindings."""

    documents: tuple[Mapping[str, Any], ...]
    refused: tuple[Refusal, ...] = ()
    notes: tuple[Note, ...] = ()
