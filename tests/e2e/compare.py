"""The cases of policies.yaml, asked of an API server and of `admit`: where the two do not say the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import quote

import httpx

import admit
from admit.admission.patch import diff
from admit.cel.library.authorization import Attributes, Verdict

from .recorder import Recorder
from .server import VERSION, Object, Server, message, until, warnings

Case: TypeAlias = Mapping[str, Any]
"""A row of policies.yaml: a policy, its bindings, the objects that there are, and requests."""

Answer: TypeAlias = dict[str, Any]
"""What a decision says: `message`, `code` and `reason` of a denial, `warnings`, `annotations`, the `object` left."""

GROUP = "admissionregistration.k8s.io/v1"
EVERYTHING = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]}
CASE = "e2e.test/case"
VERBS = {"create": "POST", "update": "PUT", "delete": "DELETE", "connect": "POST"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a case, and what the API server's plugins saw of it while there were no policies."""

    case: Case
    request: Case
    seen: Object
    params: list[Object]
    namespaces: list[Object]


@dataclass(frozen=True, slots=True)
class Trial:
    """A server in which all cases are tried at once, each in a namespace of its own."""

    server: Server
    recorder: Recorder
    objects: Mapping[str, Object]

    def differences(self, table: Mapping[str, Any]) -> Iterator[str]:
        """What is not the same, in words; the answers of each are below it."""
        for each in (*table["cluster"], *self.recorder.configurations()):
            self.server.create(each)
        until(self._ready)
        given = [each for each in table["cluster"] if each["kind"] == "CustomResourceDefinition"]
        for definition in given:
            until(partial(self._served, definition))
        asked = [each for case in table["cases"] for each in self._prepared(case, given)]
        for case in table["cases"]:
            for document in documents(case):
                self.server.create(document)
        activate(self.server)
        for each in asked:
            yield from self._difference(each)

    def _prepared(self, case: Case, known: list[Object]) -> Iterator[Asked]:
        """The requests of a case, made while there are no policies."""
        metadata = {"name": case["name"], "labels": {CASE: case["name"], **case.get("labels", {})}}
        namespaces = [self.server.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})]
        params = [*known]
        for given in case.get("given", ()):
            made = self.server.create(self.object(case, given))
            (namespaces if made["kind"] == "Namespace" else params).append(made)
        for request in case["requests"]:
            self.recorder.clear()
            answer = self.ask(case, request)
            seen = self.recorder.mutating if _mutates(case) else self.recorder.validating
            assert seen is not None, f"{case['name']}: {request} does not come to admission: {answer.text}"
            yield Asked(case, request, seen, params, namespaces)

    def object(self, case: Case, given: Any) -> Object:
        """An object by its name or in full, changed by a merge patch (`with`), where the case has its objects."""
        changes: Any = {}
        if isinstance(given, Mapping) and "of" in given:
            given, changes = given["of"], given.get("with", {})
        made: Object = merged(deepcopy(self.objects[given] if isinstance(given, str) else given), changes)
        metadata = made.setdefault("metadata", {})
        if case.get("cluster"):
            metadata["labels"] = {CASE: case["name"], **metadata.get("labels", {})}
        if self.server.is_namespaced(made):
            metadata.setdefault("namespace", case["name"])
        return made

    def ask(self, case: Case, request: Case) -> httpx.Response:
        """The answer to a request, which changes nothing."""
        verb = next(verb for verb in VERBS if verb in request)
        object = self.object(case, {"of": request[verb], "with": request.get("with", {})})
        subresource = [request["subresource"]] if "subresource" in request else []
        path = self.server.path(object, *subresource, named=verb != "create" or bool(subresource))
        headers, query = _impersonated(request.get("as", {})), {"dryRun": "All", "fieldValidation": "Ignore"}
        if verb == "connect":
            return self.server.client.post(path, params=request["query"], headers=headers)
        if verb == "update":
            current = self.server.client.get(self.server.path(object)).raise_for_status().json()
            object["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"]
        body = request.get("body", object)
        if verb == "delete":
            body, query = {"apiVersion": "v1", "kind": "DeleteOptions", "dryRun": ["All"]}, {}
        return self.server.client.request(VERBS[verb], path, params=query, headers=headers, json=body)

    def _difference(self, asked: Asked) -> Iterator[str]:
        self.recorder.clear()
        theirs = self._theirs(asked.case, self.ask(asked.case, asked.request))
        ours = self._ours(asked)
        left = [comparable(answer.pop("object")) for answer in (theirs, ours)]
        if _mutates(asked.case) and not ours["message"]:
            theirs["object"], ours["object"] = [], diff(*left)
        if wrong := [key for key in ours if ours[key] != theirs[key]]:
            answers = (
                f"  {key}\n    api server: {json.dumps(theirs[key])}\n    admit:      {json.dumps(ours[key])}"
                for key in wrong
            )
            yield "\n".join([f"{asked.case['name']}: {json.dumps(asked.request)}", *answers])

    def _theirs(self, case: Case, answer: httpx.Response) -> Answer:
        noted = self.server.audit.annotations(answer)
        said = {
            "warnings": sorted(text for text in warnings(answer) if text.startswith("Validation failed for ")),
            "annotations": {
                key: _values(text) for key, text in noted.items() if key.startswith((f"{case['name']}/", "validation."))
            },
            "object": (self.recorder.mutating or {}).get("object"),
        }
        status = {} if answer.is_success else answer.json()
        if (denied := _DENIED.search(status.get("message", ""))) is None:
            return {**said, "message": "", "code": 200, "reason": ""}
        return {**said, "message": _in_order(denied[0]), "code": status["code"], "reason": status["reason"]}

    def _ours(self, asked: Asked) -> Answer:
        engine = admit.load(
            documents(asked.case),
            params=asked.params,
            namespaces=asked.namespaces,
            kubernetes=VERSION.rpartition(".")[0],
            authorizer=self._authorized,
        )
        decision = engine.review(asked.seen)
        return {
            "warnings": sorted(decision.warnings),
            "annotations": {key: _values(text) for key, text in decision.audit_annotations.items()},
            "object": decision.object,
            "message": decision.message,
            "code": decision.code,
            "reason": decision.reason,
        }

    def _authorized(self, asked: Attributes) -> Verdict:
        """The verdict of the API server's own authorizer."""
        spec: Object = {"user": asked.user.name, "groups": [*asked.user.groups]}
        if asked.path:
            spec["nonResourceAttributes"] = {"path": asked.path, "verb": asked.verb}
        else:
            names = ("verb", "group", "resource", "subresource", "namespace", "name")
            spec["resourceAttributes"] = {"version": "*", **{name: getattr(asked, name) for name in names}}
        version = "authorization.k8s.io/v1"
        review = {"apiVersion": version, "kind": "SubjectAccessReview", "metadata": {}, "spec": spec}
        status = self.server.create(review)["status"]
        return Verdict(status["allowed"], status.get("reason", ""), status.get("evaluationError"))

    def _ready(self) -> bool:
        """Whether requests are recorded."""
        self.recorder.clear()
        probe(self.server)
        return self.recorder.mutating is not None and self.recorder.validating is not None

    def _served(self, definition: Object) -> bool:
        group, plural = definition["spec"]["group"], definition["spec"]["names"]["plural"]
        versions = [version["name"] for version in definition["spec"]["versions"]]
        return all(self.server.client.get(f"/apis/{group}/{version}/{plural}").is_success for version in versions)


def activate(server: Server) -> None:
    """Waits until the policies so far are in force: for the last one of either kind, which denies a probe."""
    failing = {"patchType": "JSONPatch", "jsonPatch": {"expression": "[JSONPatch{op: 'none', path: '/data'}]"}}
    for spec in ({"validations": [{"expression": "false"}]}, {"mutations": [failing]}):
        made = documents({"name": "default", "policy": spec})
        for document in made:
            server.create(document)
        until(lambda: not probe(server))
        for document in reversed(made):
            server.delete(document)
        until(lambda: probe(server))


def probe(server: Server) -> bool:
    """Whether an object may be created in a namespace that is no case's."""
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "probe"}}
    return server.tried(made, "default").is_success


def documents(case: Case) -> list[Object]:
    """The policy and the bindings of a case; these, or it (`isolated: policy`), match in the case's namespace alone."""
    name, mutating = case["name"], _mutates(case)
    kind = "MutatingAdmissionPolicy" if mutating else "ValidatingAdmissionPolicy"
    rule = {**EVERYTHING, "operations": ["CREATE", "UPDATE"] if mutating else ["*"]}
    policy = {"matchConstraints": {"resourceRules": [rule]}, **case["policy"]}
    more: Object = {"validationActions": ["Deny"]}
    if mutating:
        policy, more = {"reinvocationPolicy": "Never", **policy}, {}
    bindings = [{"policyName": name, **more, **binding} for binding in case.get("bindings", [case.get("binding", {})])]
    if case.get("isolated") == "policy":
        policy["matchConstraints"] = {**_isolation(case), **policy["matchConstraints"]}
    else:
        for binding in bindings:
            binding["matchResources"] = {**_isolation(case), **binding.get("matchResources", {})}
    return [
        {"apiVersion": GROUP, "kind": kind, "metadata": {"name": name}, "spec": policy},
        *(
            {"apiVersion": GROUP, "kind": f"{kind}Binding", "metadata": {"name": f"{name}-{number}"}, "spec": binding}
            for number, binding in enumerate(bindings)
        ),
    ]


def within(documents: Iterable[Mapping[str, Any]], namespace: str) -> list[Object]:
    """Policies and bindings under a name of their own, and about one namespace."""
    made: list[Object] = []
    for document in documents:
        name = f"{namespace}.{document['metadata']['name']}"
        spec = {**document["spec"]}
        if "policyName" in spec:
            selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
            spec["policyName"] = f"{namespace}.{spec['policyName']}"
            spec["matchResources"] = {**spec.get("matchResources", {}), "namespaceSelector": selector}
        made.append({**document, "metadata": {**document["metadata"], "name": name}, "spec": spec})
    return made


def moved(request: Object, namespace: str) -> Object:
    """The request to create an object, if it were in another namespace."""
    object = request["object"]
    object = {**object, "metadata": {**object["metadata"], "namespace": namespace}}
    return {**request, "namespace": namespace, "object": object}


def said(answer: httpx.Response) -> str:
    """Why a request is refused, without the words before it of a policy or a webhook that refuses it."""
    return _PREFIX.sub("", message(answer))


_PREFIX = re.compile(
    r'admission webhook "\S+" denied the request: '
    r"|\S+ \S+ is forbidden: ValidatingAdmissionPolicy '\S+' with binding '\S+' denied request: "
)


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def _mutates(case: Case) -> bool:
    return "mutations" in case["policy"]


def _isolation(case: Case) -> Object:
    if case.get("cluster"):
        return {"objectSelector": {"matchLabels": {CASE: case["name"]}}}
    return {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": case["name"]}},
        "excludeResourceRules": [{**EVERYTHING, "scope": "Cluster", "resources": ["*/*"]}],  # they match any selector
    }


def _impersonated(user: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The headers to speak for a user; without one it is the administrator who asks."""
    if not user:
        return []
    extra = {f"Impersonate-Extra-{quote(key, safe='')}": texts for key, texts in user.get("extra", {}).items()}
    several = {"Impersonate-Group": user.get("groups", ["system:masters"]), **extra}
    one = {"Impersonate-User": user["name"], **({"Impersonate-Uid": user["uid"]} if "uid" in user else {})}
    return [*one.items(), *((key, text) for key, texts in several.items() for text in texts)]


def _in_order(message: str) -> str:
    """The API server names the fields that may not be mutated in the order of Go's maps, which is another each time."""
    return _ATOMIC.sub(lambda fields: ", ".join(sorted(fields[0].split(", "))), message)


_ATOMIC = re.compile(r"(?<=may not mutate atomic arrays, maps or structs: ).*")
_DENIED = re.compile(
    r"(?s)(?<= is forbidden: )ValidatingAdmissionPolicy '.* denied request: .*|^policy ['\"].* denied request: .*"
    r"|^Internal error occurred: .*|^Resource kind .* not found[.].*"
)


def _values(text: str) -> list[str]:
    """The values of an annotation, of parameters in no order."""
    return sorted(text.split(", "))


def comparable(object: Object | None) -> Object:
    """Without the times of its fields' managers."""
    seen = object or {}
    metadata = {key: each for key, each in seen.get("metadata", {}).items() if key != "managedFields"}
    return {**seen, "metadata": metadata}
