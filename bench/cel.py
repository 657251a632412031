"""The eight expressions of the shared benchmark data in admit, beside hand-written Python and other CELs, in one run.

Every peer gets its best form: compiled once, the Pod converted to its own values before (what that costs is a row of
its own), its extensions on. A value that differs from cel-go's is reported as wrong, an expression that a peer cannot
do as failing. Times are the best of several rounds, each of which times all peers in turn. cel-go, where Go is
installed, runs as a program of its own before and after.
"""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# This file's name is also that of a peer's package: the script's folder must not hide it.
HERE = Path(sys.path.pop(0))
sys.path.append(str(HERE))

from measure import SHARED, Loop, best, geometric_mean, plot, shared, show, version, write  # noqa: E402

FLOOR = "hand-written"
ADMIT = "admit"
Times = dict[tuple[str, str], float]  # (peer, expression) -> seconds


@dataclass(frozen=True, slots=True)
class Peer:
    """`prepare` makes what times one evaluation of (expression, Pod), or raises; `compile` is what makes a program."""

    name: str
    prepare: Callable[[str], Loop]
    compile: Callable[[str], object] | None = None
    convert: Callable[[], object] | None = None


def main() -> None:
    pod, expected = shared("pod.json"), shared("expected.json")
    expressions = {entry["id"]: entry["expression"] for entry in shared("expressions.json")}
    peers, notes = _peers(pod, expressions)
    loops: dict[tuple[str, str], Loop] = {}
    for peer in peers:
        for id, text in expressions.items():
            try:
                loop = peer.prepare(text)
                if (value := loop.value()) != expected[id]:
                    notes.append(f"{peer.name}, {id}: wrong: {value!r}")
                    continue
            except Exception as error:  # noqa: BLE001  whatever a peer raises is its failure, and is reported
                notes.append(f"{peer.name}, {id}: fails: {type(error).__name__}: {' '.join(str(error).split())[:120]}")
                continue
            loops[peer.name, id] = loop
    before = _cel_go(notes)
    times = best(loops)
    compiled = {
        (peer.name, id): Loop("compile(text)", compile=peer.compile, text=text)
        for peer in peers
        for id, text in expressions.items()
        if peer.compile and (peer.name, id) in loops
    }
    compile_times = best(compiled, rounds=5, seconds=0.01)
    converted = best({p.name: Loop("convert()", convert=p.convert) for p in peers if p.convert}, rounds=5)
    after = _cel_go([]) if before else {}
    for key, seconds in before.items():
        name, kind, id = key
        (compile_times if kind == "compile" else times)[name, id] = min(seconds, after[key])
    _report(list(expressions), times, compile_times, converted, notes)


def _peers(pod: Any, expressions: dict[str, str]) -> tuple[list[Peer], list[str]]:
    """The peers that are installed, and a note for each that is not."""
    floor = runpy.run_path(str(SHARED / "floor.py"))
    by_text = {text: floor[id] for id, text in expressions.items()}
    peers = [Peer(FLOOR, lambda text: Loop("f(pod)", f=by_text[text], pod=pod))]
    notes = []
    for name, package, make in (
        (ADMIT, "admit.cel", _admit),
        ("cel-expr-python", "cel_expr_python", _cel_expr_python),
        ("common-expression-language", "cel", _common_expression_language),
        ("cel-python", "celpy", _cel_python),
    ):
        if find_spec(package) is None:
            notes.append(f"{name}: absent (not installed)")
        else:
            peers.append(make(name, pod))
            notes.append(f"{name} {version(name)}")
    return peers, notes


def _admit(name: str, pod: Any) -> Peer:
    from admit.cel import Environment

    environment = Environment(kubernetes="1.36", variables={"object": "dyn"})
    return Peer(
        name,
        lambda text: Loop("f(object=pod)", f=environment.compile(text), pod=pod),
        environment.compile,
    )


def _cel_expr_python(name: str, pod: Any) -> Peer:
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_optional, ext_strings

    environment = cel.NewEnv(
        variables={"object": cel.Type.DYN}, extensions=[ext_optional.ExtOptional(), ext_strings.ExtStrings()]
    )
    activation = environment.Activation({"object": pod})
    return Peer(
        name,
        lambda text: Loop("f(values).plain_value()", f=environment.compile(text).eval, values=activation),
        environment.compile,
        lambda: environment.Activation({"object": pod}),
    )


def _common_expression_language(name: str, pod: Any) -> Peer:
    import cel

    context = cel.Context(variables={"object": pod})
    return Peer(
        name,
        lambda text: Loop("f(values)", f=cel.compile(text).execute, values=context),
        cel.compile,
        lambda: cel.Context(variables={"object": pod}),
    )


def _cel_python(name: str, pod: Any) -> Peer:
    import celpy

    environment = celpy.Environment()
    values = {"object": celpy.json_to_cel(pod)}

    def compile(text: str) -> Any:
        return environment.program(environment.compile(text))

    return Peer(
        name,
        lambda text: Loop("f(values)", f=compile(text).evaluate, values=values),
        compile,
        lambda: celpy.json_to_cel(pod),
    )


def _cel_go(notes: list[str]) -> dict[tuple[str, str, str], float]:
    """(peer, what, expression) -> seconds, of cel-go as a library and as the API server runs it."""
    if shutil.which("go") is None:
        notes.append("cel-go: absent (no Go)")
        return {}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "cel_go"
        shutil.copytree(SHARED / "cel_go", source, copy_function=shutil.copyfile)
        source.chmod(0o755)
        built = subprocess.run(["go", "build", "-o", "../run", "."], cwd=source, capture_output=True, text=True)
        if built.returncode:
            notes.append(f"cel-go: absent (it does not build: {built.stderr.strip().splitlines()[-1]})")
            return {}
        ran = subprocess.run([f"{folder}/run", str(SHARED)], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    return {
        (name, kind, line["id"]): line[field] / 1e6
        for line in lines
        for name, kind, field in (
            ("cel-go, library", "evaluate", "library_us"),
            ("cel-go, API server", "evaluate", "server_us"),
            ("cel-go, library", "compile", "compile_us"),
        )
    }


def _report(ids: list[str], times: Times, compile_times: Times, converted: dict[str, float], notes: list[str]) -> None:
    conversions = {name: seconds * 1e6 for name, seconds in converted.items()}
    names = list(dict.fromkeys(name for name, _ in times))
    micro = {name: {id: times[name, id] * 1e6 for id in ids if (name, id) in times} for name in names}
    ratios = {name: {id: us / micro[FLOOR][id] for id, us in values.items()} for name, values in micro.items()}
    means = {name: geometric_mean(list(values.values())) for name, values in ratios.items()}
    compile_us = {
        name: {id: compile_times[name, id] * 1e6 for id in ids if (name, id) in compile_times} for name in names
    }
    rows = [[name, *(micro[name].get(id, "fails") for id in ids), conversions.get(name)] for name in names]
    show("evaluation, µs", ["", *ids, "conversion"], rows)
    rows = [[name, *(ratios[name].get(id, "fails") for id in ids), means[name]] for name in names]
    show(f"evaluation, times {FLOOR}", ["", *ids, "mean"], rows)
    rows = [[name, *(values.get(id, "fails") for id in ids)] for name, values in compile_us.items() if values]
    show("compilation, µs", ["", *ids], rows)
    print("\n".join(["", *notes]))
    if ADMIT in names:
        print("\n" + _verdict(micro, ratios[ADMIT], means[ADMIT]))
    result = {
        "evaluation_us": micro,
        "times_hand_written": ratios,
        "geometric_mean": means,
        "conversion_us": conversions,
        "compilation_us": {name: values for name, values in compile_us.items() if values},
        "notes": notes,
    }
    write("cel", result)
    plot("cel", "One Pod, eight expressions", "µs an evaluation", micro, log=True)


def _verdict(micro: dict[str, dict[str, float]], ratios: dict[str, float], mean: float) -> str:
    worst = max(ratios, key=ratios.__getitem__)
    text = f"{ADMIT}: {mean:.2f} times {FLOOR} (geometric mean), at worst {ratios[worst]:.2f} ({worst})"
    for name in micro:
        if name not in (ADMIT, FLOOR):
            faster = sum(us < micro[name].get(id, float("inf")) for id, us in micro[ADMIT].items())
            text += f"\n  faster than {name} on {faster} of {len(micro[FLOOR])}"
    return text


if __name__ == "__main__":
    main()
