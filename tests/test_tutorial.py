"""The manual's consoles: files are written, commands typed into one shell, and what they print is what is shown."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from itertools import islice, takewhile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
PRELUDE = """set -m; admit() { %s -m admit.cli "$@"; }; trap 'kill %%1 2> /dev/null' EXIT"""
END = "end-of-output"


@pytest.mark.may_skip
@pytest.mark.skipif(not (shutil.which("openssl") and shutil.which("curl")), reason="needs openssl and curl")
@pytest.mark.parametrize("page", ["tutorial.md", "admission-policies.md", "export.md", "reference/cli.md"])
def test_console(page: str, tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    port = _free_port()
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "engine"), "NO_PROXY": "localhost"}
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(["bash"], cwd=tmp_path, env=environment, **options) as shell:
        assert shell.stdin is not None
        shell.stdin.write(f"{PRELUDE % shlex.quote(sys.executable)}\n")
        for language, file, content in BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8")):
            if file:
                (tmp_path / file).write_text(content, encoding="utf-8")
            elif language == "console":
                for command, expected in COMMAND.findall(content.replace("8443", port)):
                    assert (command, _typed(shell, command, expected)) == (command, expected)


def _typed(shell: subprocess.Popen[str], command: str, expected: str) -> str:
    """What a command prints; of one in the background, as many lines as are expected."""
    assert shell.stdin is not None and shell.stdout is not None
    background = command.endswith("&")
    shell.stdin.write(f"{command}\n" if background else f"{command}\nstatus=$?; echo {END}; (exit $status)\n")
    shell.stdin.flush()
    if background:
        return "".join(islice(shell.stdout, len(expected.splitlines())))
    return "".join(takewhile(lambda line: line != f"{END}\n", shell.stdout))


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])
