"""Timing side by side, and what is done with the numbers: tables, JSON and plots in bench/results/."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import timeit
from collections.abc import Hashable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
SHARED = Path(os.environ.get("ADMIT_SHARED") or ROOT.parent / "shared") / "bench"

Key = TypeVar("Key", bound=Hashable)


class Loop:
    """A statement timed in a loop of its own: `Loop("f(pod)", f=f, pod=pod)`. Its names are local to the loop."""

    def __init__(self, statement: str, **names: object) -> None:
        self._code, self._names = statement, names
        setup = "; ".join(f"{name} = _{name}" for name in names)
        self._timer = timeit.Timer(statement, setup, globals={f"_{name}": value for name, value in names.items()})
        self._number = 1

    def value(self) -> Any:
        return eval(self._code, dict(self._names))

    def calibrate(self, seconds: float) -> None:
        """Chooses a number of turns that take about `seconds`; what is made in the first turns is made before."""
        self._timer.timeit(3)
        self._number = 1
        while (taken := self._timer.timeit(self._number)) < seconds / 4:
            self._number *= 4
        self._number = max(1, round(self._number * seconds / taken))

    def time(self) -> float:
        """Seconds a turn; the garbage collector is off meanwhile."""
        return self._timer.timeit(self._number) / self._number


def best(loops: Mapping[Key, Loop], rounds: int = 9, seconds: float = 0.02) -> dict[Key, float]:
    """The best time of each, in seconds. Each round times all of them, so that noise from outside hits all alike."""
    for loop in loops.values():
        loop.calibrate(seconds)
    times = [{key: loop.time() for key, loop in loops.items()} for _ in range(rounds)]
    return {key: min(round[key] for round in times) for key in loops}


def shared(name: str) -> Any:
    """The JSON of a file of the shared benchmark data; without the data the benchmark ends here, with the reason."""
    path = SHARED / name
    if not path.is_file():
        print(f"skipped: no {path}; ADMIT_SHARED names the folder that has bench/{name}")
        sys.exit(0)
    return json.loads(path.read_bytes())


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints a table, numbers with three digits."""
    lines = [list(header), *([_text(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    print(f"\n{title}")
    for first, *rest in lines:
        cells = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
        print(" ", first.ljust(widths[0]), *cells, sep="  ", flush=True)


def _text(cell: object) -> str:
    if not isinstance(cell, float):
        return "" if cell is None else str(cell)
    return f"{cell:,.0f}" if cell >= 100 else f"{cell:.3g}"


def geometric_mean(ratios: Sequence[float]) -> float:
    return statistics.geometric_mean(ratios)


def write(name: str, result: Mapping[str, object]) -> None:
    """Writes bench/results/NAME.json, with the machine that it was measured on."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    machine = {"python": platform.python_version(), "machine": platform.machine(), "cores": os.cpu_count()}
    packages = {name: version(name) for name in ("admit", "orjson", "uvicorn", "uvloop", "httptools")}
    text = json.dumps({"machine": machine | packages, **result}, indent=1)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def plot(name: str, title: str, unit: str, series: Mapping[str, Mapping[str, float]], log: bool = False) -> None:
    """Draws grouped bars, a group for each key of the inner maps, to bench/results/NAME.png, if matplotlib is there."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print(f"no plot of {name}: matplotlib is not installed")
        return
    groups = list(dict.fromkeys(group for values in series.values() for group in values))
    figure = Figure(figsize=(max(6, 1.4 * len(groups)), 4.5), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(series)
    for i, (label, values) in enumerate(series.items()):
        places = [groups.index(group) + (i - (len(series) - 1) / 2) * width for group in values]
        axes.bar(places, list(values.values()), width, label=label)
    axes.set(title=title, ylabel=unit, yscale="log" if log else "linear")
    axes.set_xticks(range(len(groups)), groups)
    if len(series) > 1:
        axes.legend(fontsize="small")
    RESULTS.mkdir(parents=True, exist_ok=True)
    figure.savefig(RESULTS / f"{name}.png", dpi=120)
