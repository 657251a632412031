from __future__ import annotations

import stat
from pathlib import Path

import platformdirs
import pytest

from admit.cel import grammar
from admit.cel.ast import Ident
from admit.cel.parse import _Reader, _Syntax
from admit.source import Source


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache" / "admit"
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: str(folder))
    return folder


def _parses() -> bool:
    return _Reader().read(Source("a"), _Syntax(True, True, True, True, True, True)) == Ident("a")


def test_tables_are_built_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _parses()
    (file,) = cache.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    monkeypatch.setattr(grammar, "_build", None)
    assert _parses()


@pytest.mark.parametrize("kept", [0, 5, 32, 1000, -1])
def test_a_broken_cache_is_built_again(cache: Path, kept: int) -> None:
    assert _parses()
    (file,) = cache.iterdir()
    broken = file.read_bytes()[:kept]
    file.write_bytes(broken)
    assert _parses()
    assert len(file.read_bytes()) > len(broken)


def test_what_others_may_write_is_not_read(cache: Path) -> None:
    assert _parses()
    (file,) = cache.iterdir()
    file.chmod(0o622)
    with pytest.raises(PermissionError):
        grammar._read_own(file)
    assert _parses()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_cache_that_cannot_be_written_is_done_without(cache: Path) -> None:
    cache.parent.mkdir()
    cache.write_text("no folder")
    assert _parses()


def test_shipped_tables_come_first(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _parses()
    (file,) = cache.iterdir()
    shipped = tmp_path / "grammar"
    shipped.mkdir()
    (shipped / "cel.lark").write_bytes((grammar.folder("grammar") / "cel.lark").read_bytes())
    file.rename(shipped / file.name)
    monkeypatch.setattr(grammar, "folder", lambda _: shipped)
    monkeypatch.setattr(grammar, "_build", None)
    assert _parses()
    assert not list(cache.iterdir())
