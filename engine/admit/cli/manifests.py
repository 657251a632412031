"""Manifests as commands take them: files, folders and Lists, one object after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from admit.cli.files import content_of, values_of
from admit.cli.output import tell
from admit.loading import files_of


def manifests_in(paths: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """All manifests, each with the name of its file; `-` is standard input. Raises UsageError, RuleSetError."""
    for path in paths:
        for file in [path] if path == "-" else files_of(Path(path)):
            for item in _items(values_of(content_of(file), str(file))):
                yield str(file), item


def admitted(item: Any, file: str) -> Any:
    """The object as admission sees it; what of it an API server would not read, is a warning."""
    from admit.kubernetes.decode import problems  # which take long to import, and requests need neither
    from admit.kubernetes.normalise import normalise

    normal = normalise(item)
    for problem in problems(item):
        tell("warning", f"{file}: {problem}", "yellow")
    return normal


def _items(values: Iterable[Any]) -> Iterator[Any]:
    """Manifests, those of a List one by one."""
    for value in values:
        match value:
            case {"kind": str(kind), "items": [*items]} if kind.endswith("List"):
                inherited = {"apiVersion": value.get("apiVersion"), "kind": kind.removesuffix("List")}
                yield from _items({**inherited, **item} if isinstance(item, dict) else item for item in items)
            case _:
                yield value
