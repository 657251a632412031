"""What bundled policies are exported as answers as they do; and a proof sees it where something does not.

ADMIT_PROOF=N (make proof) asks N requests of every one, for older API servers too.
"""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from admit import proof
from admit.cli.export import command
from admit.engine import Engine
from admit.errors import UsageError
from admit.exporters import Exported, export
from admit.exporters.model import Target
from admit.library import Library
from admit.loading import binding_of, load
from admit.proof import Proof, prove
from admit.proof.cost import BUDGETS, costs, enlarged, warnings
from admit.proof.variants import variants
from admit.rules.yaml import dump
from admit.testing import SUFFIX, trials

RULESETS = Path(__file__).parents[2] / "rulesets"
REQUESTS = int(os.environ.get("ADMIT_PROOF", "0"))
SOME = (
    ("kubewarden/volumemounts", "1.32"),
    ("kubewarden/pod-ndots", "1.36"),
    ("pod-security/sysctls", "1.30"),
)
EVERY = [(policy, version) for policy in Library() for version in ("1.31", "1.36")]


def suite_of(policy: str) -> Path:
    return RULESETS / f"{policy}{SUFFIX}"


@pytest.mark.parametrize("policy, kubernetes", EVERY if REQUESTS else SOME)
def test_the_export_of_a_policy_answers_as_it_does(policy: str, kubernetes: str) -> None:
    engine, _ = next(trials(suite_of(policy)))
    targets: list[Target] = ["vap"]
    if kubernetes >= "1.32" and any(lowered.mutations for bound in engine.bounds for lowered in bound.members):
        targets.append("map")
    for target in targets:
        found = prove(engine, [suite_of(policy)], target, kubernetes=kubernetes, generated=REQUESTS or 30)
        assert found.holds, dump(found.record())
        assert not found.refused
        assert found.cases and found.generated
        assert found.answers["mutated" if target == "map" else "allowed"]
    if engine.bounds[0].members[0].validations:
        assert not found.unfailed or policy in PROFILES


PROFILES = ("pod-security/baseline", "pod-security/restricted")  # whose members have their own tests


def test_the_same_seed_makes_the_same_requests() -> None:
    found = [asked for _, asked in trials(suite_of("kubewarden/volumemounts"))]
    one, again, other = (list(islice(variants(found, (), seed), 20)) for seed in (1, 1, 2))
    assert one == again != other


def test_what_is_exported_wrongly_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _proven(monkeypatch, {"expression": "true"})
    assert not found.holds
    first = found.record()["first differences"][0]
    assert (first["policies"], first["request"]["operation"]) == ([NAME], "CREATE")
    assert (first["rules"]["allowed"], first["exported"]["allowed"]) == (False, True)
    assert str(found.differences[0]).startswith(f"{NAME}: CREATE of a Pod: denied: ")


def test_another_message_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _proven(monkeypatch, {"message": "no", "messageExpression": ""})
    assert {difference.exported.message for difference in found.differences} == {"no"}


def test_what_an_api_server_does_not_take_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _proven(monkeypatch, {"expression": "[[true]].flatten()[0]"}, "1.34")
    assert not found.holds and not found.differences
    assert all("Kubernetes 1.34 and later have it" in text for text in found.untaken)


def test_a_difference_is_an_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    _change(monkeypatch, {"expression": "true"})
    result = CliRunner().invoke(command, ["vap", NAME, "--verify", "--requests", "0"])
    assert result.exit_code == 1
    assert f"differs: {NAME}: CREATE of a Pod: denied: " in result.stderr


def test_nothing_is_proven_without_tests(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(dump(binding_of(NAME, {})))
    result = CliRunner().invoke(command, ["vap", str(tmp_path / "policy.yaml"), "--verify"])
    assert isinstance(result.exception, UsageError)
    assert str(result.exception).startswith(f"no tests for {tmp_path}")


def test_costs_above_a_tenth_of_a_budget_are_told() -> None:
    engine, asked = next(trials(suite_of("kubewarden/volumemounts")))
    exported = load(export(engine, "vap").documents)
    few, more = (
        costs(exported, replace(asked, object=enlarged(asked.object, by)).decided(exported).request) for by in (1, 50)
    )
    assert few.keys() == more.keys() == BUDGETS.keys()
    assert few["all of a policy"] * 20 < more["all of a policy"] < BUDGETS["all of a policy"]
    assert not [*warnings(few)]
    assert [*warnings({"all of a policy": 1_000_001})] == [
        "of ten times the containers, volumes and so on, all of a policy may cost 1,000,001 of 10,000,000"
    ]


NAME = "kubewarden/host-namespaces-psp"


def _proven(monkeypatch: pytest.MonkeyPatch, validation: dict[str, str], kubernetes: str = "1.36") -> Proof:
    """The proof of an export whose validations have been changed, asked the tests alone."""
    _change(monkeypatch, validation)
    return prove(load([binding_of(NAME, {})]), [suite_of(NAME)], kubernetes=kubernetes, generated=0)


def _change(monkeypatch: pytest.MonkeyPatch, validation: dict[str, str]) -> None:
    def changed(engine: Engine, *args: Any, **options: Any) -> Exported:
        exported = export(engine, *args, **options)
        for document in exported.documents:
            for each in document["spec"].get("validations", ()):
                each |= validation
        return exported

    monkeypatch.setattr(proof, "export", changed)
