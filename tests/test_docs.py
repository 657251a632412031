"""The documents: no page without a way to it, no link to nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def _links(page: Path) -> set[Path]:
    return {(page.parent / link).resolve() for link in LINK.findall(page.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links(page: Path) -> None:
    assert not [link for link in _links(page) if not link.exists()]


def test_every_page_is_linked() -> None:
    linked = set().union(*map(_links, PAGES))
    assert not [page for page in PAGES if page.is_relative_to(ROOT / "docs") and page not in linked]
