"""What `admit bench` measures: each call as often as it says, without the time that the measuring takes."""

from __future__ import annotations

from admit.cli.bench import timed


def test_calls_are_counted() -> None:
    calls = []
    timing = timed(lambda: calls.append(1), number=5, warm_up=3)
    assert len(calls) == 3 + 5 + 5  # warming up, each alone, all in a row
    assert 0 <= timing.median <= timing.p99
    assert timing.per_second > 0
