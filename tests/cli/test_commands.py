"""The command: what is typed and what comes of it, as commands.yaml tells; how it starts, its colours, its pipes."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from admit.cli import COMMANDS, main

HERE = Path(__file__).parent
CASES = yaml.safe_load((HERE / "commands.yaml").read_text(encoding="utf-8"))
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(HERE.parents[1] / "engine")}


@pytest.fixture(autouse=True)
def in_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE / "files")
    monkeypatch.delenv("NO_COLOR", raising=False)


def admit(command: str, stdin: str = "", color: bool = False) -> Result:
    return CliRunner(catch_exceptions=False).invoke(main, shlex.split(command), stdin, color=color)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_command(case: dict[str, Any]) -> None:
    result = admit(case["command"], case.get("stdin", ""))
    for stream in ("stdout", "stderr"):
        if stream in case:
            assert getattr(result, stream).rstrip() == case[stream].rstrip()
    assert case.get("has", "") in result.output
    if "json" in case:
        assert [json.loads(line) for line in result.stdout.splitlines()] == case["json"]
    assert result.exit_code == case["exit"]


EXPLAINED = [
    "images.yaml",
    "images.yaml --cel --kind CronJob",
    "images.yaml --plan",
    "shop --cel",
    "shop --plan",
    "shop --python",
    "upstream",
    "upstream --cel",
    "upstream --plan --kind Deployment",
]


@pytest.mark.parametrize("arguments", EXPLAINED)
def test_explain(arguments: str, golden: Callable[[str, str], None]) -> None:
    result = admit(f"explain {arguments}")
    assert result.exit_code == 0
    golden(f"explain/{arguments.replace(' --', '.').replace('/', '-').replace(' ', '-')}.txt", result.stdout)


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_policies_as_data(form: str) -> None:
    listed = yaml.safe_load(admit(f"policies -o {form}").stdout)
    assert ("pod-security/run-as-user", "high") in [(each["name"], each["severity"]) for each in listed]


def test_every_command_has_help() -> None:
    listed = admit("--help").stdout
    for name, what in COMMANDS.items():
        assert what in listed
        help = " ".join(admit(f"{name} --help").stdout.split())
        assert f"Usage: main {name}" in help
        assert what.removesuffix(".") in help


def test_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    for command in ("run images.yaml -f manifests", "check broken.yaml", "test tested", "policies"):
        assert "\x1b[" in admit(command, color=True).output
        assert "\x1b[" not in admit(command).output
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in admit("run images.yaml -f manifests", color=True).output


def started(command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """A process of its own; `admit` in the command stands for this Python and the command."""
    command = command.replace("admit", f"{shlex.quote(sys.executable)} -m admit.cli", 1)
    return subprocess.run(
        command, shell=True, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False, **options
    )


def test_a_real_process() -> None:
    process = started("admit run images.yaml -r -", input=Path("review.json").read_text(encoding="utf-8"))
    assert (process.returncode, process.stderr) == (0, "")
    assert json.loads(process.stdout)["allowed"] is True
    assert started("admit run images.yaml -f manifests").returncode == 1
    process = started("admit run broken.yaml -f manifests")
    assert (process.returncode, process.stdout) == (2, "")
    assert "Traceback" not in process.stderr


def test_a_reader_that_leaves() -> None:
    assert started("admit explain images.yaml --python | true").stderr == ""


def test_help_imports_no_engine() -> None:
    script = "import sys; from admit.cli import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    command = [sys.executable, "-c", script]
    process = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=True)
    loaded = process.stdout.splitlines()[-1].split()
    assert "admit.cli" in loaded
    assert not {"admit.engine", "admit.errors", "lark", "orjson", "yaml", "uvicorn"}.intersection(loaded)
