"""A webhook that fails: the API server does what failurePolicy says, and lets nothing pass that the rules forbid."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest

from .https import Authority, answering, free_port
from .recorder import allowing
from .server import Server, message, namespace, until
from .webhook import configuration, serving, webhook

RULES = ["kubewarden/host-namespaces-psp"]
DENIED = "Pod has host PID enabled, but this is not allowed"
WEBHOOKS = [(kind, policy) for kind in ("Mutating", "Validating") for policy in ("Fail", "Ignore")]
TIMEOUT = 2  # seconds


@dataclass(frozen=True, slots=True)
class Cluster:
    """An API server that asks a webhook, each time by another configuration in another namespace: `mutating-fail`."""

    server: Server
    folder: Path
    authority: Authority
    port: int

    def serving(self) -> AbstractContextManager[object]:
        return serving(RULES, self.authority.certificate(), self.port)

    def create(self, kind: str, policy: str, forbidden: bool) -> httpx.Response:
        """The answer to a pod in one of the namespaces."""
        spec = {"containers": [{"name": "a", "image": "a"}], "hostPID": forbidden}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec}
        path = f"/api/v1/namespaces/{_name(kind, policy)}/pods"
        return self.server.client.post(path, params={"dryRun": "All"}, json=pod)

    def works(self) -> bool:
        """Whether the rules are heard everywhere."""
        heard = {True: DENIED, False: ""}
        return all(message(answer).endswith(heard[forbidden]) for _, forbidden, answer in self._answers())

    def expect_failure(self, why: str) -> None:
        """That a webhook is not heard: all is refused, or all is let pass."""
        for (kind, policy), _, answer in self._answers():
            if policy == "Ignore":
                assert answer.status_code == 201, answer.text
            else:
                assert answer.status_code == 500, answer.text
                failed = f'Internal error occurred: failed calling webhook "{_webhook(kind, policy)}": '
                assert message(answer).startswith(failed)
                assert why in message(answer)

    def _answers(self) -> Iterator[tuple[tuple[str, str], bool, httpx.Response]]:
        asked = [(where, forbidden) for where in WEBHOOKS for forbidden in (False, True)]
        with ThreadPoolExecutor(len(asked)) as pool:
            answers = pool.map(lambda each: self.create(*each[0], each[1]), asked)
            yield from ((*each, answer) for each, answer in zip(asked, answers, strict=True))

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Asks all the time for what is forbidden, where a webhook that fails is no excuse, and gets it never."""
        over, codes = Event(), list[int]()

        def ask() -> None:
            while not over.wait(0.02):
                codes.extend(self.create(kind, "Fail", True).status_code for kind in ("Mutating", "Validating"))

        thread = Thread(target=ask)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        assert codes
        assert set(codes) <= {422, 500}  # by the rules, or for want of them


@pytest.fixture(scope="module")
def cluster(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    folder = tmp_path_factory.mktemp("certificates")
    cluster = Cluster(server, folder, Authority(folder), free_port())
    for kind, policy in WEBHOOKS:
        name = _name(kind, policy)
        server.create(namespace(name))
        url = f"https://127.0.0.1:{cluster.port}/{'mutate' if kind == 'Mutating' else 'validate'}"
        more = {"failurePolicy": policy, "timeoutSeconds": TIMEOUT}
        made = webhook(_webhook(kind, policy), url, cluster.authority.pem, name, **more)
        server.create(configuration(kind, name, [made]))
    with cluster.serving():
        until(cluster.works)
    return cluster


def _killed(cluster: Cluster) -> AbstractContextManager[object]:
    return nullcontext()


def _stranger(cluster: Cluster) -> AbstractContextManager[object]:
    """Allows everything, with a certificate of another authority."""
    folder = cluster.folder / "else"
    folder.mkdir()
    return answering(_allow, Authority(folder).certificate(), cluster.port)


def _expired(cluster: Cluster) -> AbstractContextManager[object]:
    """Allows everything, with a certificate of the past."""
    certificate = cluster.authority.certificate(until=datetime.now(UTC) - timedelta(hours=1))
    return answering(_allow, certificate, cluster.port)


def _allow(path: str, body: bytes) -> bytes:
    return allowing(json.loads(body)["request"])


def _saying(rubbish: bytes) -> Callable[[Cluster], AbstractContextManager[object]]:
    return lambda cluster: answering(lambda path, body: rubbish, cluster.authority.certificate(), cluster.port)


FAULTS = {
    "killed": (_killed, "connection refused"),
    "certificate expired": (_expired, "certificate has expired"),
    "certificate of another authority": (_stranger, "certificate signed by unknown authority"),
    "answers nothing": (_saying(b""), "0-length response"),
    "answers text": (_saying(b"rubbish"), "couldn't get version/kind"),
    "answers another kind": (_saying(b'{"apiVersion": "v1", "kind": "Pod"}'), "Pod"),
    "answers another request": (_saying(allowing({"uid": "another"})), "uid"),
    "answers without an answer": (
        _saying(b'{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}'),
        "webhook response was absent",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault(cluster: Cluster, fault: str) -> None:
    made, why = FAULTS[fault]
    with cluster.watched():
        with made(cluster):
            cluster.expect_failure(why)
        with cluster.serving():
            assert cluster.works()


def test_slow(cluster: Cluster) -> None:
    with cluster.watched(), cluster.serving() as process:
        assert cluster.works()
        process.send_signal(signal.SIGSTOP)
        try:
            cluster.expect_failure("context deadline exceeded")
        finally:
            process.send_signal(signal.SIGCONT)
        assert cluster.works()


def test_killed_while_it_is_asked(cluster: Cluster) -> None:
    with cluster.watched():
        for _ in range(3):
            with cluster.serving():
                assert cluster.works()


def _name(kind: str, policy: str) -> str:
    return f"{kind}-{policy}".lower()


def _webhook(kind: str, policy: str) -> str:
    return f"{_name(kind, policy)}.admit.test"
