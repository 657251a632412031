"""The dialogue: what is typed, what is answered; its completions; a terminal with an impatient user."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path
from select import select
from signal import SIG_DFL, SIGINT, signal

import pytest
from click.testing import CliRunner, Result

from admit.cli import main
from admit.cli.repl import COMMANDS, Repl
from admit.cli.scope import Scope

POD = {"metadata": {"name": "web", "labels": {"app-name": "a"}}, "spec": {"containers": []}}


def dialogue(typed: str, options: str = "") -> Result:
    return CliRunner(catch_exceptions=False).invoke(main, ["cel", "repl", *options.split()], typed)


# lines that are typed, what standard output has
DIALOGUES = [
    ("1 + 2", "3 : int\n"),
    ("let x = 2\nx * 3\n:type x\n:let x = 'a'\nx + 'b'", "2 : int\n6 : int\nint\n'a' : string\n'ab' : string\n"),
    ("[1,\n  2].map(x,\n x * 2)\n\n// a comment\n1 +\n1", "[2, 4] : list(int)\n2 : int\n"),
    (":cost size('a') + 1\n:cost object.all(x, true)", "2, estimated 2\nestimated 2 or more\n"),
    ("let object = {'a': [1]}\nobject.a[0] == 1", "{'a': [1]} : map(string, list(int))\ntrue : bool\n"),
    (":load manifests/service.json\nobject.kind + request.operation", "'ServiceCREATE' : string\n"),
    (":load manifests/service.json\n:load review.json\nobject.kind\n", "'AdmissionReview' : dyn\n"),
    (
        "let object = {'kind': 'Pod', 'apiVersion': 'v1'}\nlet oldObject = object\nrequest.operation",
        "{'kind': 'Pod', 'apiVersion': 'v1'} : map(string, string)\n" * 2 + "'UPDATE' : string\n",
    ),
    (":functions strings.", "strings.quote(string) -> string\n"),
    (":quit\n1", ""),
    ("", ""),
]


@pytest.mark.parametrize("typed, answered", DIALOGUES)
def test_answers(typed: str, answered: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parent / "files")
    result = dialogue(typed)
    assert (result.stdout, result.stderr, result.exit_code) == (answered, "", 0)


def test_listings() -> None:
    lines = dialogue(":help\n:functions\n:variables\n:doc [?]").stdout.splitlines()
    assert set(COMMANDS) <= {line.partition(" ")[0] for line in lines}
    assert "Sets: sets.contains, sets.equivalent, sets.intersects" in lines
    assert "request: kubernetes.AdmissionRequest" in lines
    assert "list(V)[?int] -> optional_type(V)" in lines
    assert ":functions" not in dialogue(":functions", "--spec").stdout


# lines that are typed, the error, without its place; the line after them is answered all the same
ERRORS = [
    ("1 +", "Syntax error: mismatched input '<EOF>'"),
    ("nope", "undeclared reference to 'nope'"),
    ("1 / 0", "division by zero"),
    ("params.x", "'params' has no value: let params = EXPR gives it one"),
    (":lod", "unknown command :lod, did you mean ':load'?"),
    (":?", "unknown command :?; :help lists those there are"),
    (":type", "expected :type EXPR"),
    (":load", "expected :load FILE"),
    (":load nothing.yaml", "cannot read nothing.yaml: No such file or directory"),
    ("let x == 3", "expected let NAME = EXPR"),
    ("let in = 3", "'in' is not a name that a variable can have"),
    (":doc sotr", "there is no 'sotr', did you mean 'sort'?"),
    (":doc cel.bind", "cel.bind is only in the specification's language"),
]


@pytest.mark.parametrize("typed, error", ERRORS)
def test_errors(typed: str, error: str) -> None:
    result = dialogue(f"{typed}\n\n'next'")
    assert f"error: {error}" in result.stderr
    assert (result.stdout, result.exit_code) == ("'next' : string\n", 1)


COMPLETIONS = [
    (":t", [":type"]),
    ("obj", ["object"]),
    ("object.m", ["object.metadata"]),
    ("object.metadata.labels.exi", ["object.metadata.labels.exists(", "object.metadata.labels.existsOne(",
                                    "object.metadata.labels.exists_one("]),
    ("object.metadata.labels.app", []),
    ("optional.of", ["optional.of(", "optional.ofNonZeroValue("]),
    ("nothing.at.all.ma", ["nothing.at.all.major(", "nothing.at.all.map(", "nothing.at.all.masked(",
                           "nothing.at.all.matches(", "nothing.at.all.max("]),
    ("ha", ["has("]),
]  # fmt: skip


@pytest.mark.parametrize("word, expected", COMPLETIONS)
def test_completions(word: str, expected: list[str]) -> None:
    assert Repl(Scope("1.36", {"object": POD})).completions(word) == expected


# keys that are typed, what is then shown before the next prompt; Python may see Ctrl-C only at the next key
KEYS = [("[1,\r", ""), ("\x03\r", "\n"), ("6 * 7\r", "42 : int"), ("1 / 0\r", "division by zero")]


def test_a_terminal() -> None:
    """Ctrl-C gives up what was begun, Ctrl-D ends; there is a prompt for each line."""
    child, terminal = pty.fork()
    if child == 0:
        signal(SIGINT, SIG_DFL)  # whoever started the tests may ignore it
        environment = {"PYTHONPATH": str(Path(__file__).parents[2] / "engine"), "TERM": "dumb"}
        os.execve(sys.executable, [sys.executable, "-m", "admit.cli", "cel", "repl"], environment)
    try:
        assert ":help tells more" in _shown(terminal, "", "cel> ")
        for keys, expected in KEYS:
            os.write(terminal, keys.encode())
            shown = _shown(terminal, expected, "...> " if keys.startswith("[") else "cel> ")
            assert ("error" in shown) == ("zero" in expected)
        os.write(terminal, b"\x04")
        assert "Traceback" not in _shown(terminal)
    finally:
        os.close(terminal)  # which ends what has not ended
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def _shown(terminal: int, expected: str = "", prompt: str | None = None) -> str:
    """What the terminal shows, up to a prompt after what is expected, or to its end."""
    text = ""
    while prompt is None or not (expected in text and text.endswith(prompt)):
        ready, _, _ = select([terminal], [], [], 30)
        assert ready, f"nothing came after {text!r}"
        try:
            text += os.read(terminal, 1024).decode()
        except OSError:  # the other side is closed
            assert prompt is None, f"the end came after {text!r}"
            break
    return text
