"""Policies of the API server's own kinds: what a real one decides is what `admit` decides without it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .compare import Trial
from .recorder import recording
from .server import Server, build, go, running

TABLE: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "policies.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if go() is None:
        pytest.skip("Go is not installed: no API server can be built")
    with running(build(), tmp_path_factory.mktemp("apiserver")) as server:
        yield server


def test_same_decisions(server: Server, tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        found = [*Trial(server, recorder, TABLE["objects"]).differences(TABLE)]
    assert not found, "\n".join(found)
