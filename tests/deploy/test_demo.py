"""The demo, as `make demo` runs it: a server over TLS, all answers as expected; and a wrong one is told."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

DEMO = Path(__file__).parents[2] / "deploy" / "demo"


def demo(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, folder / "run.py"], capture_output=True, text=True, timeout=60, check=False)


def test_all_answers_are_as_expected() -> None:
    result = demo(DEMO)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "listening on https://127.0.0.1:" in result.stdout


def test_a_wrong_answer_is_told(tmp_path: Path) -> None:
    shutil.copytree(DEMO, tmp_path / "demo")
    requests = tmp_path / "demo" / "requests.yaml"
    text = requests.read_text(encoding="utf-8")
    requests.write_text(text.replace("value: {runAsUser: 1000}", "value: {runAsUser: 1001}", 1), encoding="utf-8")
    result = demo(tmp_path / "demo")
    assert result.returncode == 1, result.stdout + result.stderr
    assert "22 of 23 answers as expected" in result.stdout
    assert "1001" in result.stdout


def test_rules_that_cannot_be_loaded_end_it(tmp_path: Path) -> None:
    shutil.copytree(DEMO, tmp_path / "demo")
    (tmp_path / "demo" / "rules" / "users.yaml").write_text("kind: Policy\n", encoding="utf-8")
    result = demo(tmp_path / "demo")
    assert result.returncode not in (0, None)
    assert "the server did not start" in result.stderr
