"""What only the expressions of mutations have, beside the types `Object` and `JSONPatch`."""

from __future__ import annotations

from admit.cel.library import overload


@overload(
    "jsonpatch.escapeKey(string) -> string",
    "jsonpatch.escapeKey('k8s.io/x~y') == 'k8s.io~1x~0y'",
    library="jsonpatch",
    since=32,
)
def escape_key(key: str) -> str:
    """The key as a JSON pointer has it."""
    return key.replace("~", "~0").replace("/", "~1")
