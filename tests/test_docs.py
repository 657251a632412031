"""The documents: no page without a way to it, no link to nowhere, no example that does not work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import admit
from admit.rules.yaml import read
from admit.testing import run

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _links(page: Path) -> set[Path]:
    return {(page.parent / link).resolve() for link in LINK.findall(page.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links(page: Path) -> None:
    assert not [link for link in _links(page) if not link.exists()]


def test_every_page_is_linked() -> None:
    linked = set().union(*map(_links, PAGES))
    assert not [page for page in PAGES if page.is_relative_to(ROOT / "docs") and page not in linked]


@pytest.mark.parametrize("page", ["README.md", "docs/reference/rules.md", "docs/reference/pod-security.md"])
def test_rules_load(page: str) -> None:
    texts = [text for text in _blocks(page, "yaml") if "apiVersion: admit.dev/v1" in text]
    assert admit.load(document for text in texts for document in read(text.encode(), page)).bindings


@pytest.mark.parametrize("page", ["library", "pod-security"])
def test_the_library_as_shown(page: str) -> None:
    exec("\n".join(("import admit", *_blocks(f"docs/reference/{page}.md", "python"))), {})


def test_a_configuration_as_shown() -> None:
    text, *_ = _blocks("docs/reference/pod-security.md", "yaml")
    assert admit.load(read(text.encode())).controller is not None


def test_kubewarden_as_shown(tmp_path: Path) -> None:
    *blocks, tests = _blocks("docs/kubewarden.md", "yaml")
    resources, entries, scope, raw = (read(text.encode()) for text in blocks)
    assert [len(admit.load(documents).bindings) for documents in (resources, entries, scope)] == [2, 2, 1]
    exec("\n".join(_blocks("docs/kubewarden.md", "python")), {"admit": admit, "raw_engine": admit.load(raw)})
    (tmp_path / "rules.yaml").write_text(blocks[0], encoding="utf-8")
    (tmp_path / "rules.test.yaml").write_text(tests, encoding="utf-8")
    assert run(tmp_path / "rules.test.yaml").failures == ()


def _blocks(page: str, language: str) -> list[str]:
    return [text for found, text in BLOCK.findall((ROOT / page).read_text(encoding="utf-8")) if found == language]
