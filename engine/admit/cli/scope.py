"""What an expression typed by hand is evaluated in: a language, and the variables that it may mention."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import orjson

from admit.admission.native import native
from admit.admission.request import from_manifest
from admit.cel.ast import Expr
from admit.cel.check import check
from admit.cel.env import Declarations, admission, declarations, parse_version
from admit.cel.link import Program, link, parse_in
from admit.cel.parse import RESERVED
from admit.cel.types import DYN, Type
from admit.cel.values import Value
from admit.cli.files import content_of, values_of
from admit.errors import EvaluationError, RequestError, UsageError
from admit.source import Source


@dataclass(frozen=True)
class Scope:
    """A language, by the version of Kubernetes or (None) the specification's; variables, and the values given to some.

    Kubernetes' has the variables of an admission policy; others, and those in `types`, are of the type there, else
    dyn. `remedy` says how a variable is given a value, with its name for `{}`.
    """

    kubernetes: str | None
    values: Mapping[str, Value] = field(default_factory=dict)
    types: Mapping[str, Type] = field(default_factory=dict)
    remedy: str = "--var {}=JSON gives it one"

    @cached_property
    def declared(self) -> Declarations:
        if self.kubernetes is None:
            return declarations(None, dict.fromkeys(self.values, DYN) | dict(self.types))
        parse_version(self.kubernetes)
        known = admission(self.kubernetes, params=True, authorizer=True).variables
        also = {name: DYN for name in self.values if name not in known} | dict(self.types)
        return admission(self.kubernetes, params=True, also=also, patches=True, authorizer=True)

    @cached_property
    def bound(self) -> Mapping[str, Value]:
        """The values given, and in Kubernetes' language those that an API server would bind beside the object."""
        return self.values if self.kubernetes is None else {**_admitted(self.values), **self.values}

    def checked(self, text: str) -> Expr:
        """Raises CompileError, with places in a source `expression`."""
        return check(parse_in(self.declared, Source(text, "expression")), self.declared)

    def program(self, text: str) -> Program:
        """Raises CompileError, with places in a source `expression`."""
        return link(self.checked(text), tuple(self.declared.variables), self.declared)

    def counted(self, program: Program) -> tuple[Value, int]:
        """What the program gives, and its cost. Raises EvaluationError, which says it if a variable has no value."""
        try:
            return program.counted(**self.bound)
        except EvaluationError as error:
            missing = re.fullmatch(r"no such attribute\(s\): (.*)", str(error))
            if missing is None or missing[1] in self.bound:
                raise
            name, span = missing[1], error.span
        if name.startswith("authorizer"):
            raise EvaluationError("there is no authorizer to ask", span)
        raise EvaluationError(f"'{name}' has no value: {self.remedy.format(name)}", span)

    def with_variable(self, name: str, type: Type, value: Value) -> Scope:
        """Raises UsageError for what is no name."""
        _check_name(name)
        return replace(self, values={**self.values, name: value}, types={**self.types, name: type})

    def with_object(self, object: Any) -> Scope:
        types = {name: type for name, type in self.types.items() if name != "object"}
        return replace(self, values={**self.values, "object": object}, types=types)


def scope_of(kubernetes: str | None, variables: Iterable[str], file: str | None) -> Scope:
    """The scope of a command's options: `name=json` texts, and a file that has the object. Raises UsageError."""
    values: dict[str, Value] = {}
    for text in variables:
        name, value = _variable(text)
        if name in values:
            raise UsageError(f"--var {name} is given twice")
        values[name] = value
    if file is not None:
        if "object" in values:
            raise UsageError("object is given twice: --file and --var object")
        values["object"] = object_in(file)
    if kubernetes is not None:
        for name in ("request", "namespaceObject"):
            if not isinstance(values.get(name), dict | None):
                raise UsageError(f"--var {name}: expected a JSON object")
    return Scope(kubernetes, values)


def object_in(file: str) -> Any:
    """The one document of a file, `-` for standard input. Raises RuleSetError, UsageError."""
    documents = values_of(content_of(file), file)
    if len(documents) != 1:
        kinds = [str(each.get("kind", "?")) if isinstance(each, dict) else "?" for each in documents]
        found = f"{len(documents)}: {', '.join(kinds)}" if kinds else "none"
        raise UsageError(f"expected one document in {file}, found {found}")
    return native(documents[0])


def _variable(text: str) -> tuple[str, Value]:
    name, equals, json = text.partition("=")
    if not equals:
        raise UsageError(f"--var {text}: expected NAME=JSON")
    _check_name(name)
    try:
        return name, native(orjson.loads(json))
    except (orjson.JSONDecodeError, RequestError) as error:
        is_word = re.fullmatch(r"[A-Za-z]\S{,40}", json)
        quotes = f" (a string is written in double quotes: '{name}=\"{json}\"')" if is_word else ""
        raise UsageError(f"--var {name} is not JSON: {error}{quotes}") from None


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or name in _NO_NAMES:
        raise UsageError(f"{name!r} is not a name that a variable can have")


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_NO_NAMES = RESERVED | {"true", "false", "null", "in", "None", "True", "False", "__debug__"}


def _admitted(given: Mapping[str, Value]) -> dict[str, Value]:
    """What an API server would bind where it is asked to create, update or delete the object; nothing without one."""
    object, old = given.get("object"), given.get("oldObject")
    manifest = old if object is None else object
    if manifest is None:
        return {}
    bound = {"object": object, "oldObject": old}
    operation = "DELETE" if object is None else "CREATE" if old is None else "UPDATE"
    try:
        request = from_manifest(manifest, old, operation)
    except RequestError:  # what is no object of Kubernetes makes no request
        return bound
    from admit.loading import load  # which takes longer to import than an expression to evaluate

    return bound | {"request": request.cel, "namespaceObject": load(()).namespace_of(request)}
