"""What `admit scaffold` writes works as it is, for every policy that there is."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from admit.cli import main
from admit.library import Library
from admit.loading import check
from admit.rules.load import load
from admit.rules.yaml import dump, read
from admit.testing import run

FILES = Path(__file__).parent / "files"


def scaffold(*arguments: str) -> str:
    result = CliRunner(catch_exceptions=False).invoke(main, ("scaffold", *arguments))
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def test_a_policy_and_its_test(tmp_path: Path) -> None:
    policy, test = tmp_path / "registries.yaml", tmp_path / "registries.test.yaml"
    assert scaffold("policy", "registries", "-o", str(policy)) == ""
    assert scaffold("test", str(policy), "-o", str(test)) == ""
    engine, faults = check([policy], advice=True)
    assert ([each.name for each in engine.policies], faults) == (["registries"], [])
    report = run(test)
    assert (len(report.outcomes), report.failures) == (1, ())
    test.write_text(test.read_text(encoding="utf-8").replace("#", "").replace("spec.some.path: value", _OTHER))
    report = run(test)
    assert (len(report.outcomes), report.failures, report.untested) == (2, (), ())


_OTHER = '"spec.containers[0].image": other.example/app'


def test_a_binding_for_each_policy_of_the_library() -> None:
    for name in Library():
        rule_set, faults = load(read(scaffold("binding", name).encode()), Library())
        assert ([binding.policy.name for binding in rule_set.bindings], faults) == ([name], [])


ALLOWED, DENIED, A_SERVICE = "kubewarden/labels", "kubewarden/seccomp-psp", "kubewarden/disallow-service-nodeport"


@pytest.mark.parametrize("name", [ALLOWED, DENIED, A_SERVICE])
def test_a_test_for_a_policy_of_the_library(name: str, tmp_path: Path) -> None:
    file = tmp_path / "policy.test.yaml"
    file.write_text(scaffold("test", name), encoding="utf-8")
    report = run(file)
    assert (len(report.outcomes), report.failures) == (1, ())


@pytest.mark.parametrize("kind", ["ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"])
def test_policies_of_the_api_server(kind: str, tmp_path: Path) -> None:
    documents = read((FILES / "upstream" / "replicas.yaml").read_bytes())
    source = next(each for each in documents if each.value["kind"] == kind)
    policy = tmp_path / "policy.yaml"
    policy.write_text(dump(source.value), encoding="utf-8")
    (bound,) = read(scaffold("binding", str(policy), "--name", "mine").encode())
    _, faults = check([source, bound])
    assert ([fault for fault in faults if not fault.warning], bound.value["metadata"]) == ([], {"name": "mine"})
    (tmp_path / "policy.test.yaml").write_text(scaffold("test", str(policy)), encoding="utf-8")
    assert run(tmp_path / "policy.test.yaml").failures == ()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("mine", encoding="utf-8")
    result = CliRunner(catch_exceptions=False).invoke(main, ("scaffold", "policy", "a", "-o", str(file)))
    assert (result.exit_code, result.stderr) == (2, f"error: {file} is there, and is left as it is\n")
    assert file.read_text(encoding="utf-8") == "mine"
