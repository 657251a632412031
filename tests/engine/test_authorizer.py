"""Rules that ask the authorizer: where they may, what it is asked, how often, and what comes of its answers."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

import admit
from admit import Attributes, Verdict
from admit.admission import from_manifest, read
from admit.cel.library.authorization import User
from admit.loading import check

from .cases import HEAD, in_full, outcome

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"}, "spec": {}}
MAY_USE = "authorizer.requestResource.check('use').allowed()"
REASON = "authorizer.requestResource.check('use').reason()"
PASSES = [{"expression": "true"}]


def policy(**spec: Any) -> dict[str, Any]:
    return {**HEAD, "kind": "Policy", "metadata": {"name": "p"}, "spec": {"subject": "PodSpec", **spec}}


class Register:
    """Allows ann everything, fails about jim, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Attributes] = []

    def __call__(self, asked: Attributes) -> Verdict:
        self.asked.append(asked)
        error = "no connection" if asked.user.name == "jim" else None
        return Verdict(asked.user.name == "ann", f"it is {asked.user.name}", error)


# a policy, and who may: the message to bob, or else the patch or annotation
ANSWERED: list[tuple[dict[str, Any], str, Any]] = [
    ({"validations": [{"expression": MAY_USE}]}, "failed rule validations[0]", {}),
    ({"validations": [{"expression": "false"}], "matchConditions": [{"name": "m", "expression": f"!{MAY_USE}"}]},
     "failed rule validations[0]", {}),
    ({"validations": [{"expression": "false", "when": f"!{MAY_USE}"}]}, "failed rule validations[0]", {}),
    ({"validations": [{"forEach": {"v": "['get', 'put']"}, "expression": "authorizer.path('/x').check(v).allowed()",
                       "message": "not {{ v }}"}]}, "not get; not put", {}),
    ({"validations": [{"value": REASON, "equals": "'it is ann'"}]}, "failed rule validations[0]", {}),
    ({"validations": [{"expression": "variables.pods.check('get').allowed() && has(variables.pods)"}],
      "variables": [{"name": "pods", "expression": "authorizer.group('').resource('pods').namespace('a')"}]},
     "failed rule validations[0]", {}),
    ({"mutations": [{"set": "pod.nodeName", "to": REASON}]}, "", {"patch": "it is ann"}),
    ({"mutations": [{"set": "pod.nodeName", "to": "'a'", "when": MAY_USE}]}, "", {"patch": "a"}),
    ({"mutations": [{"jsonPatch": {"expression": "[JSONPatch{op: 'add', path: '/spec/nodeName', value: "
                                                 f"{REASON}}}]"}}]}, "", {"patch": "it is ann"}),
    ({"mutations": [{"applyConfiguration": {"expression": f"Object{{spec: Object.spec{{nodeName: {REASON}}}}}"}}]},
     "", {"patch": "it is ann"}),
    ({"auditAnnotations": [{"key": "why", "valueExpression": REASON}]}, "", {"annotations": {"p/why": "it is ann"}}),
]  # fmt: skip


@pytest.mark.parametrize("spec, message, expected", ANSWERED)
def test_answers(spec: dict[str, Any], message: str, expected: dict[str, Any]) -> None:
    engine = admit.load([policy(**spec)], authorizer=Register())
    assert engine.decide(POD, user={"username": "bob"}).message == message
    request = from_manifest(POD, user={"username": "ann"})
    got = outcome(engine, request, "mutate")
    assert (got["allowed"], got["annotations"]) == (True, expected.get("annotations", {}))
    assert [operation["value"] for operation in got["patch"] or ()] == [*filter(None, [expected.get("patch")])]
    with in_full(engine, request, None):
        assert outcome(engine, request, "mutate") == got


@pytest.mark.parametrize("spec, _message, _expected", ANSWERED)
def test_without_an_authorizer(spec: dict[str, Any], _message: str, _expected: Any) -> None:
    decision = admit.load([policy(**spec)]).decide(POD)
    assert not decision.allowed and "no authorizer was given: admit.load(authorizer=...) takes one" in decision.message
    assert admit.load([policy(**spec, failurePolicy="Ignore")]).decide(POD).allowed


def test_what_is_asked() -> None:
    """As of the request that the client sent, of whatever resource its object is converted to; of each thing once."""
    authorizer = Register()
    rules = [{"expression": f"{MAY_USE} && {MAY_USE}"}, {"expression": f"!{MAY_USE}"}]
    engine = admit.load([policy(validations=rules, mutations=[{"set": "pod.a", "to": REASON}])], authorizer=authorizer)
    info = {"username": "ann", "uid": "u", "groups": ["staff"], "extra": {"scopes": ["a", "b"]}}
    sent = {**from_manifest(POD).raw, "uid": "u", "userInfo": info}
    sent["requestResource"] = {"group": "legacy", "version": "v1", "resource": "pods"}
    assert not engine.review(sent).allowed
    user = User("ann", "u", ("staff",), {"scopes": ("a", "b")})
    question = Attributes(user, "use", "", "legacy", "pods", "", "shop", "web")
    assert authorizer.asked == [question]
    engine.answer(read({**sent, "subResource": "ephemeralcontainers", "operation": "UPDATE"}))
    engine.review(sent)
    assert [asked.subresource for asked in authorizer.asked] == ["", "ephemeralcontainers", ""]


def test_what_it_raises() -> None:
    """Asked once, whether CEL's `||` passes over the error or not; what is not meant for rules goes to the caller."""
    asked: list[Attributes] = []

    def authorize(attributes: Attributes) -> Verdict:
        asked.append(attributes)
        raise KeyError("user") if attributes.user.name == "jim" else admit.cel.EvaluationError("ask tomorrow")

    rules = [
        {"name": "may", "expression": "variables.may || false"},
        {"expression": "variables.may || object.metadata.name == 'web'"},
    ]
    spec = {"validations": rules, "variables": [{"name": "may", "expression": MAY_USE}]}
    engine = admit.load([policy(**spec)], authorizer=authorize)
    message = "rule may failed to evaluate: ask tomorrow in \"authorizer.requestResource.check('use')\""
    assert (engine.decide(POD).message, len(asked)) == (message, 1)
    with pytest.raises(RuntimeError, match="the authorizer failed: 'user'"):
        engine.decide(POD, user={"username": "jim"})


TWICE, THRICE = (" && ".join([MAY_USE] * times) for times in (2, 3))
# what a validation asks, of how many containers: whether that is within the API server's limit of an expression
COSTS = [
    ({"expression": TWICE}, 9, True),
    ({"expression": THRICE}, 0, False),
    ({"expression": f"containers.all(c, {MAY_USE})"}, 2, True),
    ({"expression": f"containers.all(c, {MAY_USE})"}, 3, False),
    ({"forEach": {"c": "containers"}, "expression": MAY_USE}, 3, False),
    ({"expression": "containers.all(c, variables.may)"}, 9, True),
    ({"expression": f"size(containers) < 9 || {THRICE}"}, 8, True),
]


@pytest.mark.parametrize("rule, containers, within", COSTS)
def test_what_it_costs(rule: dict[str, Any], containers: int, within: bool) -> None:
    variables = [{"name": "may", "expression": MAY_USE}]
    rules = [rule, {"expression": MAY_USE}, {"expression": "variables.may"}]
    engine = admit.load([policy(validations=rules, variables=variables)], authorizer=Register())
    pod = {**POD, "spec": {"containers": [{"name": "a"}] * containers}}
    message = engine.decide(pod, user={"username": "ann"}).message
    assert ("operation cancelled: actual cost limit exceeded" in message, message == "") == (not within, within)


ELSE = [
    (
        "authorizer.serviceAccount('shop', 'web').path('/x').check('get').reason()",
        "it is system:serviceaccount:shop:web",
    ),
    ("string(authorizer.path('/x').check('get').errored())", "true"),
    ("authorizer.path('/x').check('get').error()", "no connection"),
    ("authorizer.group('').resource('pods').labelSelector('a=b').check('list').reason()", "it is jim"),
]


@pytest.mark.parametrize("expression, text", ELSE)
def test_what_the_library_has(expression: str, text: str) -> None:
    engine = admit.load([policy(mutations=[{"set": "pod.a", "to": expression}])], authorizer=Register())
    decision = engine.decide(POD, user={"username": "jim"})
    assert decision.object is not None and decision.object["spec"]["a"] == text


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"validations": [{"expression": "true", "message": f"{{{{ {REASON} }}}}"}]}, "1.37", "reference to 'authorizer'"),
    ({"validations": [{"expression": "true", "messageExpression": REASON}]}, "1.37", "reference to 'authorizer'"),
    ({"validations": [{"expression": "authorizer.requestResource.fieldSelector('a=b').check('get').allowed()"}]},
     "1.31", "fieldSelector"),
]  # fmt: skip


@pytest.mark.parametrize("spec, kubernetes, part", REFUSED)
def test_refused(spec: dict[str, Any], kubernetes: str, part: str) -> None:
    with pytest.raises(admit.RuleSetError, match=part):
        admit.load([policy(**spec)], kubernetes=kubernetes, authorizer=Register())


def test_a_message_that_uses_a_variable_which_asks() -> None:
    """As in the API server: its messages have no authorizer, so that the variable fails there."""
    rule = {"name": "use", "expression": "variables.use.allowed()", "message": "no: {{ variables.use.reason() }}"}
    variable = {"name": "use", "expression": "authorizer.requestResource.check('use')"}
    engine = admit.load([policy(validations=[rule], variables=[variable])], authorizer=Register())
    assert engine.decide(POD, user={"username": "bob"}).message == "failed rule use"


def test_no_glance() -> None:
    engine = admit.load([policy(validations=[{"expression": MAY_USE}])], authorizer=Register())
    review = {**from_manifest(POD, user={"username": "ann"}).raw, "uid": "u"}
    assert engine.review(review).allowed and not engine.review({**review, "userInfo": {}}).allowed
    text = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": review}
    assert engine.glance(orjson.dumps(text)) is None


def test_a_warning_where_there_is_none() -> None:
    binding = {"policyName": "p", "exceptions": [{"name": "e", "reason": "r", "when": MAY_USE}]}
    bound = {**HEAD, "kind": "PolicyBinding", "metadata": {"name": "b"}, "spec": binding}
    rules = [policy(validations=[{"expression": MAY_USE}, {"expression": f"!{MAY_USE}"}]), bound]
    _, faults = check(rules)
    assert [(fault.warning, fault.message.partition(";")[0]) for fault in faults] == [
        (True, "this asks the authorizer")
    ] * 2
    assert check(rules, authorizer=Register())[1] == []
    assert check([policy(validations=PASSES)])[1] == []
