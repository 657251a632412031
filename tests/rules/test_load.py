"""Rule files with faults, each noted where it is expected; and what sound ones load as."""

from __future__ import annotations

from pathlib import Path

import pytest

from admit.rules.load import load
from admit.rules.yaml import document_of, read

FILES = sorted((Path(__file__).parent / "faults").glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_faults(file: Path) -> None:
    text = file.read_text()
    _, faults = load(read(text, file.name))
    lines = text.splitlines()
    expected = {(i, line.split("### ", 1)[1]) for i, line in enumerate(lines, 1) if "### " in line}
    found = [(fault.span.in_file.source.locate(fault.span.in_file.start)[0], fault.message) for fault in faults]
    unexpected = [one for one in found if not any(one[0] == at and said in one[1] for at, said in expected)]
    missing = [one for one in expected if not any(one[0] == at and one[1] in said for at, said in found)]
    assert (unexpected, missing) == ([], [])
