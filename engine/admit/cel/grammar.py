"""The parser that grammar/cel.lark describes, its tables built once and kept in the user's cache; precedence."""

from __future__ import annotations

import contextlib
import hashlib
import marshal
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from admit.resources import folder

if TYPE_CHECKING:
    from lark import Lark

    class Token(str):
        """Lark's, whose positions are known here."""

        type: str
        start_pos: int
        end_pos: int

        def update(self, *, value: str) -> Token: ...


PRECEDENCE = {"||": 1, "&&": 2} | dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), 3)
PRECEDENCE |= {"+": 4, "-": 4, "*": 5, "/": 5, "%": 5}

_Tables: TypeAlias = tuple[dict[str, Any], dict[int, Any]]


def parser(reader: object) -> Lark:
    """A parser that sends its tokens through `reader.process` and calls the reader's method of each rule it reads."""
    from lark import Lark

    data, memo = _tables()
    load: Any = Lark._load_from_dict  # what Lark's stand-alone parsers use
    parser: Lark = load(data, memo, transformer=reader, postlex=reader)
    return parser


def _tables() -> _Tables:
    """Building takes 60 ms and more, loading a few: from the package, else the user's cache, else built and kept."""
    import lark

    text = (folder("grammar") / "cel.lark").read_text("utf-8")
    made_of = f"{lark.__version__} {sys.version_info[:2]} {text}"
    name = f"cel-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}.tables"
    shipped = folder("grammar") / name
    if shipped.is_file():
        return _loads(shipped.read_bytes())
    try:
        return _loads(_read_own(_cache() / name))
    except (OSError, ValueError):
        tables = _build(text)
    with contextlib.suppress(OSError):
        _write(_cache() / name, _dumps(tables))
    return tables


def _dumps(tables: _Tables) -> bytes:
    """The tables as a file has them: a digest, then what it is the digest of."""
    content = marshal.dumps(tables)
    return hashlib.sha256(content).digest() + content


def _loads(file: bytes) -> _Tables:
    digest, content = file[:32], file[32:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("damaged tables")
    data, memo = marshal.loads(content)
    return data, memo


def _build(text: str) -> _Tables:
    from lark import Lark
    from lark.grammar import Rule
    from lark.lexer import TerminalDef

    data, memo = Lark(text, parser="lalr", lexer="basic").memo_serialize([TerminalDef, Rule])
    return data, memo


def _cache() -> Path:
    from platformdirs import user_cache_dir

    path = Path(user_cache_dir("admit", appauthor=False))
    if not path.is_absolute():  # a user without a home
        raise FileNotFoundError("no cache folder")
    return path


def _read_own(path: Path) -> bytes:
    """The content of a file that nobody else can have written: marshal trusts what it reads."""
    with path.open("rb") as file:
        if hasattr(os, "getuid"):
            status = os.fstat(file.fileno())
            if status.st_uid != os.getuid() or status.st_mode & 0o022:
                raise PermissionError(f"{path} may be another's")
        return file.read()


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all; readers may be at work."""
    from tempfile import NamedTemporaryFile  # it takes long to import, and few have anything to write

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    Path(file.name).replace(path)
