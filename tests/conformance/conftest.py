"""Conformance data as parameters: `@pytest.mark.cases("cel-spec/basic.json", ...)` gives each case to a test's `case`.

`rows` makes the cases, each with an `id`, of a file's document; without it they are its `tests`, its `cases` or all of
it.

Known exceptions are tests/conformance/exceptions/NAME.yaml (`id: reason`), NAME being the data's folder. They are
expected to fail: one that passes is a failure. What passed and failed is counted at the end.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).parent
DATA = Path(os.environ.get("ADMIT_CONFORMANCE") or HERE.parents[2] / "shared" / "conformance")

ABSENT = "no conformance data: see ADMIT_CONFORMANCE"

_outcomes: Counter[tuple[str, str]] = Counter()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "cases(*paths, where=None, rows=None): runs the test for each case of the files")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("cases")
    if marker is None:
        return
    if not DATA.is_dir():
        absent = pytest.mark.skip(reason=ABSENT)
        metafunc.parametrize("case", [pytest.param({}, marks=absent)])
        return
    rows = marker.kwargs.get("rows")
    cases = {case["id"]: case for path in marker.args for case in (rows(document(path)) if rows else read(path))}
    names = {Path(path).parts[0] for path in marker.args}
    exceptions = {id: reason for name in names for id, reason in known_exceptions(name).items()}
    where = marker.kwargs.get("where", lambda case: True)
    metafunc.parametrize(
        "case",
        [
            pytest.param(case, id=id, marks=_expected_failure(exceptions, id))
            for id, case in cases.items()
            if where(case)
        ],
    )


def document(path: str) -> Any:
    """A file of the data; a test that asks for one is skipped where there is none."""
    if not DATA.is_dir():
        pytest.skip(ABSENT)
    return json.loads((DATA / path).read_text(encoding="utf-8"))


def read(path: str) -> list[dict[str, Any]]:
    """The cases of a file of the data. Those that have no ids for all files get some of file and name."""
    content = document(path)
    if isinstance(content, dict) and "tests" in content:
        return content["tests"]  # type: ignore[no-any-return]
    cases: list[dict[str, Any]] = content["cases"] if isinstance(content, dict) else content
    seen: Counter[str] = Counter()
    for case in cases:
        name = case.get("id") or "/".join(filter(None, (case.get("test"), case["name"])))
        seen[name] += 1
        case["id"] = f"{Path(path).stem}/{name}" + (f" ({seen[name]})" if seen[name] > 1 else "")
    return cases


def known_exceptions(name: str) -> dict[str, str]:
    """The ids of the cases that fail, with the reasons."""
    path = HERE / "exceptions" / f"{name}.yaml"
    return (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.is_file() else {}


def _expected_failure(exceptions: dict[str, str], id: str) -> tuple[pytest.MarkDecorator, ...]:
    return (pytest.mark.xfail(reason=exceptions[id], strict=True),) if id in exceptions else ()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    test, case, _ = report.nodeid.partition("[")
    if report.when == "call" and case and "cases" in report.keywords:
        known = report.outcome == "skipped" and hasattr(report, "wasxfail")
        _outcomes[test.rpartition("/")[2], "known exceptions" if known else report.outcome] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in _summary():
        terminalreporter.write_line(line)


def _summary() -> Iterator[str]:
    for test in sorted({test for test, _ in _outcomes}):
        counts = [f"{n} {outcome}" for (of, outcome), n in sorted(_outcomes.items()) if of == test]
        yield f"{test}: {', '.join(counts)}"
