"""What admission adds to a request of an API server: a Pod created by dry-run, in one run, side by side.

Each contender has an API server of its own (tests/e2e: Go is needed), so that none pays for the policies of another. In
turns each is asked for the Pod of the shared benchmark data, over one connection that stays open. The rules are those
of bench/psp.yaml, which allow the Pod without its host port: exported as ValidatingAdmissionPolicies, all in one or
each by itself; and asked of `admit serve` over TLS by the configurations that `admit export webhooks` writes, first its
validations alone, as the policies have them, then its mutations too, as the policies with MutatingAdmissionPolicies.
Beside them are ten ValidatingAdmissionPolicies of one expression each, and the API server's own Pod Security.

    python bench/apiserver.py [ROUNDS]      (default: 500)
"""

from __future__ import annotations

import json
import ssl
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from http.client import HTTPSConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from measure import ROOT, plot, shared, show, write

import admit
from admit.engine import Engine
from admit.exporters import export
from admit.exporters.webhooks import Server as Address
from admit.exporters.webhooks import configurations

sys.path.insert(0, str(ROOT))
from tests.e2e.compare import activate, documents
from tests.e2e.server import TOKEN, VERSION, Object, Server, build, go, namespace, running, until
from tests.e2e.webhook import asking

RULES = Path(__file__).with_name("psp.yaml")
KUBERNETES = VERSION.rpartition(".")[0]
WARM_UP = 100
NOTHING, TEN, PACKED, SPLIT, SERVED = "nothing", "ten VAPs", "exported, packed", "exported, split", "admit serve"

Rules: TypeAlias = Callable[[Server, Path], AbstractContextManager[None]]
"""Puts rules in force in a server until the end of the block; with a folder for files."""


def main(rounds: int) -> None:
    pod, forbidden = shared("pod.json"), shared("pod.json")
    for container in pod["spec"]["containers"]:
        for port in container.get("ports", ()):
            port.pop("hostPort", None)
    if go() is None:
        print("skipped: Go is not installed, and no API server can be built")
        return
    with ExitStack() as stack:
        ask = {name: stack.enter_context(_asked(pod, rules)) for name, rules in _contenders(forbidden).items()}
        for each in ask.values():
            for _ in range(WARM_UP):
                each()
        times = [{name: each() * 1000 for name, each in ask.items()} for _ in range(rounds)]
    quantiles = {name: _quantiles([round[name] for round in times]) for name in ask}
    added = {name: each["median"] - quantiles[NOTHING]["median"] for name, each in quantiles.items()}
    size = len(json.dumps(pod, separators=(",", ":")))
    title = f"a Pod of {size:,} bytes created by dry-run, {rounds} times each, ms"
    rows = [[name, *each.values(), added[name], added[name] / added[TEN]] for name, each in quantiles.items()]
    show(title, ["", "minimum", "median", "99 %", "added", "of ten VAPs"], rows)
    print(f"\n  packed adds {added[PACKED] / added[SPLIT]:.2f} of what split adds")
    write("apiserver", {"milliseconds": quantiles, "added": added, "kubernetes": VERSION})
    labels = {name: name.replace(", ", ",\n") for name in quantiles}
    bars = {key: {labels[name]: each[key] for name, each in quantiles.items()} for key in ("minimum", "median", "99 %")}
    plot("apiserver", "A Pod created by dry-run", "ms", bars, log=True)


def _contenders(forbidden: Object) -> dict[str, Rules]:
    engine = admit.load([RULES], kubernetes=KUBERNETES)
    texts = [entry["expression"] for entry in shared("expressions.json") if entry["id"] != "message"]
    packed, mutating = export(engine, "vap").documents, export(engine, "map").documents
    return {
        NOTHING: lambda server, folder: nullcontext(),
        TEN: partial(_policies, [*_ten(texts)]),
        PACKED: partial(_policies, packed),
        SPLIT: partial(_policies, export(engine, "vap", split=True).documents),
        SERVED: partial(_webhook, engine, forbidden, "Validating"),
        f"{PACKED}, and MAPs": partial(_policies, [*packed, *mutating]),
        f"{SERVED}, mutating too": partial(_webhook, engine, forbidden, ""),
        "Pod Security": partial(_labels, forbidden),
    }


def _ten(texts: Sequence[str]) -> Iterator[Object]:
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["pods"]}
    for number in range(10):
        validations = [{"expression": texts[number % len(texts)]}]
        spec = {"matchConstraints": {"resourceRules": [pods]}, "validations": validations}
        policy, binding = documents({"name": f"{number}", "policy": spec})
        del binding["spec"]["matchResources"]
        yield from (policy, binding)


@contextmanager
def _policies(made: Iterable[Mapping[str, Any]], server: Server, folder: Path) -> Iterator[None]:
    for document in made:
        server.create(document)
    activate(server)
    yield


@contextmanager
def _webhook(engine: Engine, forbidden: Object, kind: str, server: Server, folder: Path) -> Iterator[None]:
    """`kind`: that of the one configuration; nothing where it is both."""

    def configure(address: Address) -> list[Object]:
        return [each for each in configurations(engine, address) if each["kind"].startswith(kind)]

    within = forbidden["metadata"]["namespace"]
    with asking(server, [RULES], folder, configure, lambda: server.tried(forbidden, within)):
        yield


@contextmanager
def _labels(forbidden: Object, server: Server, folder: Path) -> Iterator[None]:
    prefix, within = "pod-security.kubernetes.io/", forbidden["metadata"]["namespace"]
    labelled = namespace(within, **{f"{prefix}{mode}": "restricted" for mode in ("enforce", "warn", "audit")})
    server.client.put(server.path(labelled), json=labelled).raise_for_status()
    until(lambda: not server.tried(forbidden, within).is_success)
    yield


@contextmanager
def _asked(pod: Object, rules: Rules) -> Iterator[Callable[[], float]]:
    """A server with rules; gives what asks it for the Pod, and tells how many seconds that takes."""
    body = json.dumps(pod).encode()
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    with TemporaryDirectory(prefix="admit-bench-") as folder, running(build(), Path(folder)) as server:
        server.create(namespace(pod["metadata"]["namespace"]))
        with rules(server, Path(folder)):
            url = server.client.base_url
            trust = ssl.create_default_context(cafile=str(server.authority))
            connection = HTTPSConnection(url.host, url.port, context=trust, timeout=30)

            def ask() -> float:
                start = time.perf_counter()
                connection.request("POST", f"{server.path(pod, named=False)}?dryRun=All", body, headers)
                answer = connection.getresponse()
                text = answer.read()
                taken = time.perf_counter() - start
                if answer.status != 201:
                    raise SystemExit(f"the Pod should be allowed, but: {text.decode()}")
                return taken

            yield ask
            connection.close()


def _quantiles(times: Sequence[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {"minimum": ordered[0], "median": statistics.median(ordered), "99 %": ordered[len(ordered) * 99 // 100]}


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
