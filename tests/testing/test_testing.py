"""Test files: one whose cases pass, one whose cases fail, and such as cannot be read, each fault noted in its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from admit.errors import RuleSetError, UsageError
from admit.testing import Difference, run, suites

FILES = Path(__file__).parent / "files"


@pytest.fixture(autouse=True)
def in_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FILES)


@pytest.mark.parametrize("file, cases, rules", [("labels", 13, 6), ("users", 8, 2), ("upstream", 6, 3)])
def test_cases_that_pass(file: str, cases: int, rules: int) -> None:
    report = run(Path(f"{file}.test.yaml"))
    assert not report.failures, "\n".join(map(str, report.failures))
    assert (len(report.outcomes), report.rules, report.untested) == (cases, rules, ())


def test_objects_as_an_api_server_has_them() -> None:
    """The old ones too; but the status of what is there already is left to it."""
    assert run(Path("workloads.test.yaml")).failures == ()
    assert [outcome.name for outcome in run(Path("workloads.test.yaml"), as_is=True).failures] == ["a default", "zeros"]


def test_cases_that_fail(golden: Callable[[str, str], None]) -> None:
    report = run(Path("sums.test.yaml"))
    assert len(report.failures) == len(report.outcomes)
    golden("testing/sums.txt", "\n".join(map(str, (*report.failures, *report.untested))) + "\n")


@pytest.mark.parametrize("file", sorted(FILES.glob("unread/*.test.yaml")), ids=lambda file: file.name)
def test_faults(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    expected = {(i, line.split("### ", 1)[1]) for i, line in enumerate(lines, 1) if "### " in line}
    with pytest.raises(RuleSetError) as error:
        run(file)
    found = [
        (fault.span.in_file.source.locate(fault.span.in_file.start)[0], fault.message) for fault in error.value.faults
    ]
    unexpected = [one for one in found if not any(one[0] == at and said in one[1] for at, said in expected)]
    missing = [one for one in expected if not any(one[0] == at and one[1] in said for at, said in found)]
    assert (unexpected, missing) == ([], [])


def test_files() -> None:
    labels, sums = Path("labels.test.yaml"), Path("sums.test.yaml")
    assert suites(labels) == suites(Path("labels.yaml")) == [labels]
    assert suites(Path())[:2] == [labels, sums]
    for path in (Path("none"), Path("none.test.yaml"), Path("sums.test.yml")):
        with pytest.raises(UsageError):
            suites(path)


def test_a_difference_as_text() -> None:
    assert str(Difference("findings", [{"rule": "a"}], None)) == 'findings: expected [{"rule":"a"}], got null'
