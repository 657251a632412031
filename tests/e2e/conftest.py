"""An API server for the tests of a module, with the recorder of what it asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .recorder import Recorder, recording
from .server import Server, build, go, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if go() is None:
        pytest.skip("Go is not installed: no API server can be built")
    with running(build(), tmp_path_factory.mktemp("apiserver")) as server:
        yield server


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    with recording(tmp_path_factory.mktemp("recorder")) as recorder:
        yield recorder
