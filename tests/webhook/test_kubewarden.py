"""The server as a client of policy-server's sees it."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

import admit
from admit.rules.yaml import load
from admit.webhook.app import Webhook
from admit.webhook.pages import pages

from .engine import review
from .test_app import call

TABLE: dict[str, Any] = load(Path(__file__).with_name("kubewarden.yaml").read_bytes())[0]


@pytest.fixture(scope="module")
def app() -> Webhook:
    engine = admit.load([TABLE["policies"], TABLE["rules"]])
    return Webhook(engine, pages(engine))


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: case["name"])
def test_answers(app: Webhook, case: dict[str, Any]) -> None:
    for _ in range(2):  # a second time at a glance, where that is enough
        response = call(app, "POST", case["post"], json=case["raw"] if "raw" in case else asked(case))
        answer = response.json()
        assert response.status_code == case.get("status", 200), answer
        if "status" in case:
            assert set(answer) == {"message", "status"} and answer["status"] == case["status"]
            continue
        head = {} if "raw" in case else {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
        patch = answer["response"].pop("patch", None)
        assert answer == {**head, "response": case["response"]}
        assert (None if patch is None else json.loads(b64decode(patch))) == case.get("patch")


def asked(case: dict[str, Any]) -> dict[str, Any]:
    named = {"group": "", "version": "v1", "resource": case.get("resource", "pods")}
    given = review(uid="7", resource=named, requestResource=named, object=case["pod"])
    return {**case["head"], "request": given["request"]} if "head" in case else given
