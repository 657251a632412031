"""`admit serve` as the webhook of an API server: the demo's answers, and stories as clients are told them."""

from __future__ import annotations

from pathlib import Path
from runpy import run_path
from typing import Any

import httpx
import yaml

import admit
from admit.admission import apply
from admit.exporters.webhooks import Server as Address
from admit.exporters.webhooks import configurations

from .compare import Trial, comparable
from .recorder import Recorder
from .server import Object, Server, message, namespace, warnings
from .webhook import asking, configuration, webhook

HERE = Path(__file__).parent
DEMO = HERE.parents[1] / "deploy" / "demo"
STORIES: dict[str, Any] = yaml.safe_load((HERE / "stories.yaml").read_text(encoding="utf-8"))
REQUESTS: list[dict[str, Any]] = yaml.safe_load((DEMO / "requests.yaml").read_text(encoding="utf-8"))
REVIEW = run_path(str(DEMO / "run.py"))["review"]


def test_stories(server: Server, recorder: Recorder, tmp_path: Path) -> None:
    trial, case, stories = Trial(server, recorder, STORIES["objects"]), {"name": "stories"}, STORIES["stories"]
    server.create(namespace("stories"))
    for given in STORIES["given"]:
        server.create(trial.object(case, given))
    free = [trial.ask(case, story) for story in stories]
    own = tmp_path / "rules.yaml"
    own.write_text(yaml.safe_dump_all(STORIES["rules"]))
    rules = [DEMO / "rules", own]
    engine = admit.load(rules)
    forbidden = next(story for story in stories if "denied" in story)
    with asking(
        server, rules, tmp_path, lambda address: configurations(engine, address), lambda: trial.ask(case, forbidden)
    ):
        told = [trial.ask(case, story) for story in stories]
    for story, before, after in zip(stories, free, told, strict=True):
        assert before.is_success
        assert message(after) == story.get("denied", ""), story["story"]
        if after.is_success:
            assert _left(after) == apply(_left(before), story.get("gets", ())), story["story"]
            assert warnings(after) == [*warnings(before), *story.get("warnings", ())], story["story"]


def test_demo(server: Server, tmp_path: Path) -> None:
    for binding in {request["binding"] for request in REQUESTS}:
        server.create(namespace(binding))
    objects = [(request["binding"], REVIEW(request)["request"]["object"]) for request in REQUESTS]
    free = [_created(server, *each) for each in objects]
    denied = next(each for request, each in zip(REQUESTS, objects, strict=True) if "denied" in request)

    def configure(address: Address) -> list[Object]:
        """Each binding is asked by itself, in a namespace of its name."""
        assert address.ca is not None
        bindings = sorted({request["binding"] for request in REQUESTS}, key=lambda name: name != denied[0])
        return [
            configuration(
                "Mutating",
                "demo",
                [webhook(f"{name}.admit.test", f"{address.url}/mutate/{name}", address.ca, name) for name in bindings],
            )
        ]

    with asking(server, [DEMO / "rules"], tmp_path, configure, lambda: _created(server, *denied)):
        told = [_created(server, *each) for each in objects]
    for request, before, after in zip(REQUESTS, free, told, strict=True):
        assert before.is_success
        if "denied" in request:
            denial = f'admission webhook "{request["binding"]}.admit.test" denied the request: {request["denied"]}'
            assert message(after) == denial, request["request"]
        else:
            assert after.is_success
            assert _left(after) == apply(_left(before), request["allowed"]), request["request"]


def _created(server: Server, within: str, object: Object) -> httpx.Response:
    object = {**object, "metadata": {**object["metadata"], "namespace": within}}
    return server.client.post(server.path(object, named=False), params={"dryRun": "All"}, json=object)


def _left(answer: httpx.Response) -> Object:
    """What there is, without what is another each time."""
    object = comparable(answer.json())
    varying = dict.fromkeys(("uid", "creationTimestamp", "deletionTimestamp"), "")
    return {**object, "metadata": {**object["metadata"], **varying}}
