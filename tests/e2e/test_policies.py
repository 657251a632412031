"""Policies of the API server's own kinds: what a real one decides is what `admit` decides without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from .compare import Trial
from .recorder import Recorder
from .server import Server

TABLE: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "policies.yaml").read_text(encoding="utf-8"))


def test_same_decisions(server: Server, recorder: Recorder) -> None:
    found = [*Trial(server, recorder, TABLE["objects"]).differences(TABLE)]
    assert not found, "\n".join(found)
