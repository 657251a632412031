"""Names of properties as CEL has them: `a-b` is `a__dash__b`, and `in` is `__in__`.

Source: k8s.io/apiserver, pkg/cel/escaping.go.
"""

from __future__ import annotations

import re

KEYWORDS = frozenset((
    "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if",
    "import", "let", "loop", "package", "namespace", "return", "var", "void", "while",
))  # fmt: skip


def escape(name: str) -> str | None:
    """The name in CEL; None where it has none."""
    if not _ACCESSIBLE.fullmatch(name):
        return None
    if name in KEYWORDS:
        return f"__{name}__"
    return re.sub(r"__|[.\-/]", lambda found: _ESCAPES[found[0]], name)


def unescape(name: str) -> str | None:
    """The name that `escape` escaped, or the name itself; None for what is no escape."""
    if name[2:-2] in KEYWORDS and name == f"__{name[2:-2]}__":
        return name[2:-2]
    parts = _ESCAPE.split(name)
    if any(part not in _UNESCAPES for part in parts[1::2]):
        return None
    return "".join(_UNESCAPES[part] if i % 2 else part for i, part in enumerate(parts))


_ACCESSIBLE = re.compile(r"[a-zA-Z_.\-/][a-zA-Z0-9_.\-/]*")
_ESCAPE = re.compile(r"(__[^_]+__)")
_ESCAPES = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_UNESCAPES = {escaped: text for text, escaped in _ESCAPES.items()}
