"""`admit bench`: how long one request takes to be decided by some rules, and how much of that is reading JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import click
import orjson

from admit.admission import read, write
from admit.cli.files import request_in
from admit.cli.kwctl import as_kwctl_bench
from admit.cli.output import OUTPUT, Form, show_data
from admit.cli.rules import KUBERNETES, engine_of, settings_from, with_settings


@dataclass(frozen=True, slots=True)
class Timing:
    """What a call takes, in nanoseconds: half of the calls, and 99 in 100, at most; and how many there are a second."""

    median: int
    p99: int
    per_second: float


@click.command("bench")
@click.argument("policies", metavar="POLICY...", nargs=-1, required=True)
@click.option(
    "--request-path", "--request", "-r", "file", metavar="FILE", required=True, help="As for run; - is stdin."
)
@click.option(
    "--number", "--num-samples", "-n", type=click.IntRange(1), default=10_000, show_default=True, help="Calls."
)
@click.option("--warm-up", type=click.IntRange(0), default=1_000, show_default=True, help="Calls before those.")
@with_settings
@KUBERNETES
@OUTPUT
@as_kwctl_bench
def command(
    policies: tuple[str, ...],
    file: str,
    number: int,
    warm_up: int,
    settings_json: str | None,
    settings_path: Path | None,
    kubernetes: str,
    form: Form | None,
) -> None:
    """Measure how long a request takes to be decided.

    Rules are loaded once and the request is decided once, which plans what is to be done; that is the price of the
    start. Then follow decisions on the request as it has been read, readings of its JSON, and both together with
    writing the response, as a server does it, each so many times. The exit status is 0 whatever is decided.
    """
    settings = settings_from(settings_json, settings_path)
    request = request_in(file)
    head = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
    review = orjson.dumps({**head, "request": request.raw})  # compact, as an API server sends it
    started = perf_counter_ns()
    engine = engine_of(policies, kubernetes, settings)
    loaded = perf_counter_ns()
    decision = engine.answer(request)
    decided = perf_counter_ns()
    calls: dict[str, Callable[[], object]] = {
        "decide": partial(engine.answer, request),
        "read": partial(read, review),
        "answer": lambda: write(engine.answer(read(review))),
    }
    if engine.glance(review) is not None:
        calls["glance"] = partial(engine.glance, review)
    timings = {name: timed(call, number, warm_up) for name, call in calls.items()}
    report = {
        "policies": policies,
        "operation": request.operation,
        "resource": request.resource.resource,
        "allowed": decision.allowed,
        "bytes": len(review),
        "loadMilliseconds": (loaded - started) / 1e6,
        "firstDecisionMilliseconds": (decided - loaded) / 1e6,
        **{name: _micros(timing) for name, timing in timings.items()},
        "readingShare": timings["read"].median / timings["answer"].median,
    }
    if form in ("json", "yaml"):
        show_data(report, form)
    else:
        _show(report)


def timed(call: Callable[[], object], number: int, warm_up: int) -> Timing:
    """Each call alone, without what it takes to look at the clock; and so many in a row."""
    for _ in range(warm_up):
        call()
    looking = sorted(_samples(_nothing, 1_000))[500]
    samples = sorted(max(sample - looking, 0) for sample in _samples(call, number))
    before = perf_counter_ns()
    for _ in range(number):
        call()
    seconds = (perf_counter_ns() - before) / 1e9
    return Timing(samples[number // 2], samples[number * 99 // 100], number / seconds)


def _samples(call: Callable[[], object], number: int) -> list[int]:
    samples = []
    for _ in range(number):
        before = perf_counter_ns()
        call()
        samples.append(perf_counter_ns() - before)
    return samples


def _nothing() -> None:
    """What is timed to know how long the timing takes."""


def _micros(timing: Timing) -> dict[str, float]:
    return {
        "medianMicroseconds": timing.median / 1e3,
        "p99Microseconds": timing.p99 / 1e3,
        "perSecond": round(timing.per_second),
    }


ROWS = {
    "decide": "decide, the request being read",
    "read": "read the review",
    "answer": "from review to response",
    "glance": "the same, allowed at a glance",
}


def _show(report: dict[str, Any]) -> None:
    verdict = "allowed" if report["allowed"] else "denied"
    click.echo(f"{report['operation']} {report['resource']}, {verdict}; a review of {report['bytes']:,} bytes")
    click.echo(
        f"load {report['loadMilliseconds']:.1f} ms, first decision {report['firstDecisionMilliseconds']:.1f} ms\n"
    )
    click.echo(f"{'':32}{'median µs':>11}{'p99 µs':>11}{'a second':>11}")
    for name, what in ROWS.items():
        if name in report:
            median, p99, per_second = report[name].values()
            click.echo(f"{what:32}{median:11.2f}{p99:11.2f}{per_second:11,}")
    click.echo(f"\nreading JSON is {report['readingShare']:.0%} of the way from review to response")
