"""Kubewarden's documents and policies.yml: what is wrong with them, each fault at its place; and what they become."""

from __future__ import annotations

from pathlib import Path

import pytest

import admit
from admit.errors import RuleSetError
from admit.loading import check
from admit.rules.yaml import read
from admit.testing import run

HERE = Path(__file__).parent
FILES = sorted((HERE / "faults").glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_faults(file: Path) -> None:
    _, faults = check(read(file.read_text(), file.name))
    lines = file.read_text().splitlines()
    expected = {(i, line.split("### ", 1)[1]) for i, line in enumerate(lines, 1) if "### " in line}
    found = [(int(f.place.split(":")[1]), f"{'warning: ' if f.warning else ''}{f.message}") for f in faults]
    unexpected = [one for one in found if not any(one[0] == at and said in one[1] for at, said in expected)]
    missing = [one for one in expected if not any(one[0] == at and one[1] in said for at, said in found)]
    assert (unexpected, missing) == ([], [])


def test_names_are_those_of_the_webhook_configurations() -> None:
    engine, _ = check(read((HERE / "faults" / "resources.yaml").read_text()))
    assert engine.hosted == {"clusterwide-all-fields", "namespaced-shop-older", "namespaced-group-default-sound"}
    engine, _ = check(read((HERE / "faults" / "policies.yaml").read_text()))
    assert engine.bindings == ("sound", "older", "group")


@pytest.mark.parametrize("file", sorted((HERE / "tested").glob("*.test.yaml")), ids=lambda file: file.name)
def test_they_are_tested_as_rules_are(file: Path) -> None:
    report = run(file)
    assert report.outcomes and not report.failures, "\n".join(map(str, report.failures))


@pytest.mark.parametrize("text", ["a: {}", "a: {spec: {}}", "a: 1", "[{module: labels}]", "{kind: x, module: labels}"])
def test_what_is_no_policies_file(text: str) -> None:
    with pytest.raises(RuleSetError, match="expected an object with apiVersion and kind"):
        admit.load(read(text))
