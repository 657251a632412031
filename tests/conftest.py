"""Golden files, the conformance data, and skips that continuous integration does not forgive."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"

collect_ignore = [] if "ADMIT_E2E" in os.environ else ["e2e"]  # an API server is built: make e2e


# The same examples every time, however busy the machine is; others come with make fuzz.
settings.register_profile(
    "steady", deadline=None, derandomize="ADMIT_FUZZ" not in os.environ, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden/ with what is generated now")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden(name, text)` holds the text against tests/golden/NAME, or writes it there under --update-golden."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"no {path.relative_to(ROOT)}: run pytest --update-golden and read the diff"
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture(scope="session")
def conformance() -> Path:
    """The folder of the conformance data."""
    path = Path(os.environ.get("ADMIT_CONFORMANCE") or ROOT.parent / "shared" / "conformance")
    if not path.is_dir():
        pytest.skip("no conformance data: neither ADMIT_CONFORMANCE nor ../shared/conformance is a folder")
    return path


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if item.get_closest_marker("may_skip") is None:
        _forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _forbid_skip(report)
    return report


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Makes a skip a failure where CI is true: there, what a test needs must be there."""
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
        report.outcome = "failed"
        report.longrepr = f"in continuous integration nothing is skipped: {reason}"
