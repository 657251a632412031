"""Kubewarden's cel-policy: settings that are the spec of a ValidatingAdmissionPolicy, as a policy of their own.

Sources: kubewarden/cel-policy, settings.go and validate.go. Its texts are kept; names of fields are known in any case,
as Go reads them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from admit.cel.ast import Call, Expr, Ident, Literal, Select, rebuild
from admit.cel.check import check
from admit.cel.env import NEWEST, Declarations, admission
from admit.cel.parse import RESERVED, parse
from admit.cel.types import BOOL, DYN, STRING, Type
from admit.errors import CompileError, Fault
from admit.importers.modules import CEL_POLICY, FOLDER
from admit.rules import model
from admit.rules.fields import selector
from admit.rules.names import free
from admit.rules.read import INVALID, Reader, near
from admit.rules.schema import shown_path
from admit.rules.shapes import IDENTIFIER
from admit.rules.yaml import Document

NAME = f"{FOLDER}/{CEL_POLICY}"
REASONS = ("Unauthorized", "Forbidden", "Invalid", "RequestEntityTooLarge")
SETTINGS = ("variables", "validations", "paramKind", "paramRef", "failurePolicy")
NO_NAMES = RESERVED | {"true", "false", "null", "in"}
"""What has the form of an identifier, and is none."""
HOST = "kw"
"""What upstream's expressions call to look at the cluster, at registries and at signatures."""

Place = tuple[str | int, ...]
Fields = Mapping[str, tuple[Any, Place]]
"""The values that a map has, by the names of their fields, with their places."""


@dataclass(frozen=True, slots=True)
class Made:
    """A policy, and where its parameters are."""

    policy: model.Policy
    param_ref: model.ParamRef | None


def made(
    owner: str, settings: Any, document: Document, place: Place, faults: list[Fault], lenient: bool = False
) -> Made | None:
    """The policy that settings at a place of a document are; `owner` is the name of what binds it.

    None where they have faults, which are added to those given; `lenient`: an unknown one is a warning.
    """
    found: list[Fault] = []
    policy = _Reader(document, place, found, lenient).made(f"{NAME}/{owner}", settings)
    faults += found
    return None if any(not fault.warning for fault in found) else policy


class _Reader:
    def __init__(self, document: Document, place: Place, faults: list[Fault], lenient: bool) -> None:
        self.document, self.place, self.faults, self.lenient = document, place, faults, lenient

    def made(self, name: str, settings: Any) -> Made:
        fields = self.fields(settings, self.place, SETTINGS)
        kind = self.param_kind(*fields["paramKind"]) if "paramKind" in fields else None
        ref = self.param_ref(*fields["paramRef"]) if "paramRef" in fields else None
        failure: Any = fields["failurePolicy"][0] if fields.get("failurePolicy", ("",))[0] != "" else "Fail"
        if failure not in ("Fail", "Ignore"):
            self.fault("failurePolicy must be either 'Ignore' or 'Fail'", fields["failurePolicy"][1])
        types: dict[str, Type] = {}
        variables = tuple(self.variables(fields, types, kind is not None))
        rules = tuple(self.validations(fields, self.scope(types, kind is not None)))
        policy = model.Policy(
            name,
            title="What its settings say",
            match_constraints=EVERYTHING,
            variables=variables,
            validations=rules,
            failure_policy=failure,
            param_kind=kind,
            span=self.document.span(self.place, key=True),
        )
        return Made(policy, ref)

    def fields(self, value: Any, place: Place, names: tuple[str, ...]) -> Fields:
        if not isinstance(value, dict):
            self.fault("expected a map", place)
            return {}
        found: dict[str, tuple[Any, Place]] = {}
        folded = {name.casefold(): name for name in names}
        for key, inner in value.items():
            name = folded.get(key.casefold())
            if name is None:
                said = f"unknown setting{near(key, names)}" + ("; it is passed over" if self.lenient else "")
                span = self.document.span((*place, key), key=True)
                self.faults.append(Fault(f"{self.shown((*place, key))}{said}", span, warning=self.lenient))
            elif inner is not None:
                found[name] = inner, (*place, key)
        return found

    def items(self, fields: Fields, name: str, names: tuple[str, ...]) -> Iterator[tuple[Fields, Place]]:
        items, place = fields.get(name, ([], self.place))
        if not isinstance(items, list):
            self.fault("expected a list", place)
            return
        for i, item in enumerate(items):
            yield self.fields(item, (*place, i), names), (*place, i)

    def variables(self, fields: Fields, types: dict[str, Type], params: bool) -> Iterator[model.Variable]:
        """The variables; each adds its type to those that the next ones see."""
        for item, place in self.items(fields, "variables", ("name", "expression")):
            name, at = item.get("name", ("", place))
            if not isinstance(name, str) or not name.strip():
                self.fault("Required value: name is not specified", (*place, "name"))
            elif name == "params":
                said = "It conflicts with 'params' from the policy paramaters configuration"
                self.fault(f"'params' name is not allowed. {said}", at)
            elif not re.fullmatch(IDENTIFIER, name) or name in NO_NAMES:
                self.fault(f"Invalid value: {json.dumps(name)}: name is not a valid CEL identifier", at)
            else:
                expression = self.expression(item, place, "expression", self.scope(types, params))
                types[name] = expression.type or DYN
                yield model.Variable(name, expression, span=self.document.span(at))

    def validations(self, fields: Fields, scope: Declarations) -> Iterator[model.Validation]:
        if not fields.get("validations", ([],))[0]:
            self.fault("Required value: validations must contain at least one item", (*self.place, "validations"))
        names = ("expression", "message", "messageExpression", "reason")
        for i, (item, place) in enumerate(self.items(fields, "validations", names)):
            expression = self.expression(item, place, "expression", scope, BOOL)
            said = self.expression(item, place, "messageExpression", scope, STRING) if _given(item) else None
            reason, at = item.get("reason", ("", place))
            reason = "Invalid" if reason == "" else reason
            if reason not in REASONS:
                supported = ", ".join(map(json.dumps, REASONS))
                self.fault(f"Unsupported value: {json.dumps(reason)}: supported values: {supported}", at)
            yield model.Validation(
                f"validations[{i}]",
                expression,
                message=model.Template((self.message(item, place),)),
                message_expression=said,
                reason=reason,
                span=self.document.span(place),
            )

    def message(self, item: Fields, place: Place) -> str:
        """What is said where no messageExpression says it."""
        message, at = item.get("message", ("", place))
        if not isinstance(message, str):
            self.fault("expected a string", at)
        elif message and not message.strip():
            self.fault(f"Invalid value: {json.dumps(message)}: message must be non-empty if specified", at)
        elif "\n" in message.strip():
            self.fault(f"Invalid value: {json.dumps(message)}: message must not contain line breaks", at)
        elif message:
            return message.strip()
        lines = str(item.get("expression", ("",))[0]).strip().splitlines()  # messages have one
        return f"failed expression: {' '.join(line.strip() for line in lines)}"

    def expression(
        self, item: Fields, place: Place, name: str, scope: Declarations, wanted: Type | None = None
    ) -> Expr:
        """An expression, with its type; it must be of the one that is wanted."""
        text, at = item.get(name, ("", (*place, name)))
        if not isinstance(text, str):
            self.fault("expected a string", at)
            return _NOTHING
        if not text.strip():
            said = "Required value: expression is not specified"
            if name == "messageExpression":
                said = f"Invalid value: {json.dumps(text)}: must be non-empty if specified"
            self.fault(said, at)
            return _NOTHING
        try:
            node = _of_admission(parse(self.document.scalar(at)))
            if HOST in free(node):
                said = f"{HOST} looks at the cluster, at registries or at signatures, which no policy here can"
                self.fault(f"Invalid value: {json.dumps(text)}: {said}", at)
                return _NOTHING
            found = check(node, scope)
        except CompileError as error:
            said = f"{self.shown(at)}Invalid value: {json.dumps(text)}: {error}"
            self.faults.append(Fault(said, error.issues[0].span))
            return _NOTHING
        if wanted is not None and found.type != wanted:
            kind = "bool" if wanted == BOOL else "string"
            self.fault(f"Invalid value: {json.dumps(text)}: must evaluate to {kind}", at)
        return replace(node, type=found.type)

    def param_kind(self, value: Any, place: Place) -> model.ParamKind | None:
        fields = self.fields(value, place, ("apiVersion", "kind"))
        version, kind = (fields.get(name, ("",))[0] for name in ("apiVersion", "kind"))
        if not (isinstance(version, str) and isinstance(kind, str) and version and kind):
            self.fault("paramKind must have both APIVersion and Kind specified", place)
            return None
        return model.ParamKind(version, kind, span=self.document.span(place))

    def param_ref(self, value: Any, place: Place) -> model.ParamRef | None:
        fields = self.fields(value, place, ("name", "namespace", "selector", "parameterNotFoundAction"))
        name, namespace = (str(fields.get(each, ("",))[0]) for each in ("name", "namespace"))
        action: Any = fields.get("parameterNotFoundAction", ("",))[0]
        if not name and "selector" not in fields:
            self.fault("paramRef must have either Name or Selector specified", place)
        elif name and "selector" in fields:
            self.fault("paramRef cannot have both Name and Selector specified", place)
        elif action not in ("Allow", "Deny"):
            self.fault("parameterNotFoundAction must be 'Deny' or 'Allow' if paramRef is specified", place)
        else:
            chosen = None
            if "selector" in fields:
                chosen = Reader(self.document, self.faults).read(selector(), *fields["selector"])
            if chosen is not INVALID:
                span = self.document.span(place)
                return model.ParamRef(name or None, namespace or None, chosen, action, span=span)
        return None

    def scope(self, types: Mapping[str, Type], params: bool) -> Declarations:
        return admission(f"1.{NEWEST}", params=params, variables=dict(types), authorizer=True)

    def fault(self, message: str, place: Place) -> None:
        self.faults.append(Fault(f"{self.shown(place)}{message}", self.document.span(place)))

    def shown(self, place: Place) -> str:
        return f"{path}: " if (path := shown_path(place[len(self.place) :])) else ""


_NOTHING = Literal("bool", True, type=DYN)
EVERYTHING = model.MatchResources((model.ResourceRule(("*",), ("*",), ("*",), ("*/*",)),))
"""A document's own rules narrow it."""


def _given(item: Fields) -> bool:
    return item.get("messageExpression", ("",))[0] != ""


def _of_admission(node: Expr) -> Expr:
    """The expression with `object` for `request.object`, which an API server's expressions do not have."""
    match node:
        case Select(Ident("request"), ("object" | "oldObject") as name, test):
            found: Expr = Ident(name, span=node.span)
            return Call("_!=_", (found, Literal("null_type", None, span=node.span)), span=node.span) if test else found
        case _:
            return rebuild(node, _of_admission)
