"""The bundled policies, by their paths (`kubewarden/host-namespaces-psp`); read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources.abc import Traversable

from admit.errors import Fault, RuleSetError
from admit.resources import folder
from admit.rules.load import read_policy
from admit.rules.model import Policy
from admit.rules.yaml import read


class Library(Mapping[str, Policy]):
    """Policies by name. A bundled file that cannot be read is a RuleSetError."""

    def __getitem__(self, name: str) -> Policy:
        if name not in _files():
            raise KeyError(name)
        return _policy(name)

    def __iter__(self) -> Iterator[str]:
        return iter(_files())

    def __len__(self) -> int:
        return len(_files())

    def __contains__(self, name: object) -> bool:
        return name in _files()


def path_of(name: str) -> Traversable:
    """The file of a bundled policy. Raises KeyError."""
    return _files()[name]


@cache
def _files() -> Mapping[str, Traversable]:
    return dict(sorted(_found(folder("rulesets"), "")))


def _found(place: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in place.iterdir():
        if entry.is_dir():
            yield from _found(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".yaml") and not entry.name.endswith(".test.yaml"):
            yield prefix + entry.name.removesuffix(".yaml"), entry


@cache
def _policy(name: str) -> Policy:
    file = f"rulesets/{name}.yaml"
    documents = read(_files()[name].read_bytes(), file)
    if len(documents) != 1:
        raise RuleSetError([Fault(f"{file}: expected one Policy")])
    policy, faults = read_policy(documents[0], name)
    if policy is None:
        raise RuleSetError(faults or [Fault(f"{file}: expected a Policy")])
    return policy
