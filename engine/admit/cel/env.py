"""What a program may mention: variables, functions and types, by the version of Kubernetes or by the specification."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from admit.cel import library
from admit.cel.library import Overload
from admit.cel.library.formatting import AMERICAN, localised
from admit.cel.messages import MESSAGES, NULL_VALUE, TYPES
from admit.cel.types import (
    ANY,
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    EMPTY,
    INT,
    NULL,
    STRING,
    TIMESTAMP,
    TYPE,
    UINT,
    Kind,
    Type,
    list_of,
    map_of,
    object_type,
    opaque,
    optional_of,
    param,
    type_of,
    wrapper_of,
)
from admit.errors import UsageError

OLDEST, NEWEST = 28, 37  # minors of Kubernetes
NEW_IN_OLDEST = OLDEST - 1
"""The minor whose language policies that are new to the oldest are written in: an API server has that one for them, its
own for those stored."""


@dataclass(frozen=True, eq=False)
class Declarations:
    """What a program may mention.

    `variables` may have dots in their names; `types` are object types with their fields. `kubernetes` is the minor
    version whose language it is, None that of the CEL specification, with `libraries`. `patches`: `Object`,
    `Object.PATH` and `JSONPatch` are types as well, as in mutations.
    """

    variables: Mapping[str, Type]
    functions: Mapping[str, tuple[Overload, ...]]
    types: Mapping[str, Mapping[str, Type]] = field(default_factory=dict)
    container: str = ""
    kubernetes: int | None = None
    patches: bool = False
    libraries: frozenset[str] = frozenset()

    @property
    def strict_joins(self) -> bool:
        """Elements of a list or map that do not unify are an error of the checker (later: of a validator)."""
        return self.kubernetes is not None and self.kubernetes < 29

    @property
    def homogeneous(self) -> bool:
        """All elements of a list or map literal must be of one type, `dyn` being a type like others."""
        return self.kubernetes is not None and self.kubernetes >= 29

    @property
    def checked_literals(self) -> frozenset[str]:
        """The functions whose literal arguments are tried by the checker."""
        if self.kubernetes is None:
            return frozenset(("ip", "cidr") if "network" in self.libraries else ())
        return frozenset(("duration", "timestamp", "matches") if self.kubernetes >= 29 else ())

    @property
    def checked_formats(self) -> bool:
        """Literal formats of `format` are tried by the checker on literal lists."""
        return self.kubernetes is None or self.kubernetes >= 31

    @property
    def two_variables(self) -> bool:
        """Comprehensions of two variables, transformList and its kin."""
        return self.kubernetes is None or self.kubernetes >= TWO_VARIABLES_SINCE

    @property
    def sort_by(self) -> bool:
        """`list.sortBy(x, key)`"""
        return "lists" in self.libraries if self.kubernetes is None else self.kubernetes >= SORT_BY_SINCE

    @property
    def bind(self) -> bool:
        """`cel.bind(x, value, body)`"""
        return self.kubernetes is None

    @property
    def backquotes(self) -> bool:
        """Backquoted field names; since cel-go 0.29 nobody has to ask for them."""
        return self.kubernetes is None or self.kubernetes >= _BACKQUOTES_SINCE

    @cached_property
    def names(self) -> Mapping[str, Type]:
        """Variables and constants with their types; a name of a type is of type `type(T)`."""
        messages = {name: type_of(type) for name, type in TYPES.items()}
        constants = {name: type_of(value) if isinstance(value, Type) else INT for name, value in self.constants.items()}
        return messages | constants | dict(self.variables)

    @cached_property
    def constants(self) -> Mapping[str, Type | int]:
        """What names stand for that are no variables; as in cel-go, the names of most messages have no value."""
        types = _NAMED_TYPES | {name: object_type(name) for name in self.types}
        if self.kubernetes is not None and self.kubernetes < _NET_SINCE:
            types = {name: type for name, type in types.items() if not name.startswith("net.")}
        return {name: value for name, value in ({NULL_VALUE: 0} | types).items() if name not in self.variables}

    @cached_property
    def longest(self) -> int:
        """The most parts, separated by dots, that a name of a variable, type or function has."""
        return max((name.count(".") + 1 for name in (*self.names, *self.functions)), default=1)

    def message(self, name: str) -> Mapping[str, Type] | None:
        """The fields of an object type; None if there is no such type."""
        if self.patches and (name == JSON_PATCH.name or f"{name}.".startswith(f"{OBJECT}.")):
            return _PATCH_FIELDS if name == JSON_PATCH.name else _ANY_FIELDS
        fields = self.types.get(name)
        return MESSAGES.get(name) if fields is None else fields

    def candidates(self, name: str, absolute: bool = False) -> Iterator[str]:
        """What a name may mean, from the innermost container outward."""
        container = "" if absolute else self.container
        while container:
            yield f"{container}.{name}"
            container = container.rpartition(".")[0]
        yield name

    def newer(self, function: str) -> Iterator[Overload]:
        """The overloads of a function that only later versions of Kubernetes have."""
        if self.kubernetes is not None:
            for minor in range(self.kubernetes + 1, NEWEST + 1):
                for overload in library.functions(minor).get(function, ()):
                    if overload.since == minor:
                        yield overload


class _AnyFields(dict[str, Type]):
    """Any field that one names, of type dyn."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> Type:
        return DYN


OBJECT = object_type("Object")
JSON_PATCH = object_type("JSONPatch")
AUTHORIZER = {
    "authorizer": object_type("kubernetes.authorization.Authorizer"),
    "authorizer.requestResource": object_type("kubernetes.authorization.ResourceCheck"),
}
_ANY_FIELDS = _AnyFields()
_PATCH_FIELDS = {**dict.fromkeys(("op", "path", "from"), STRING), "value": DYN}
TWO_VARIABLES_SINCE = 32
SORT_BY_SINCE = 34
_NET_SINCE = 30
_BACKQUOTES_SINCE = 37
_ORDER = ("_<_", "_<=_", "_>_", "_>=_")
_NUMBERS = (INT, UINT, DOUBLE)


def declarations(
    kubernetes: str | None = None,
    variables: Mapping[str, Type | str] | None = None,
    *,
    types: Mapping[str, Mapping[str, Type]] | None = None,
    container: str = "",
    patches: bool = False,
    libraries: Iterable[str] = (),
    locale: str = AMERICAN,
    oldest: int = OLDEST,
) -> Declarations:
    """The declarations of a preset: `kubernetes="1.36"`, or None for the language of the CEL specification.

    Types of variables may be given in CEL's notation. `libraries`: those of library.EXTENSIONS that the language of
    the specification is to have, too. `locale` is that of `format`, which no API server lets one choose. Raises
    UsageError.
    """
    minor = None if kubernetes is None else parse_version(kubernetes, oldest)
    extensions = frozenset(libraries)
    if extensions and minor is not None:
        raise UsageError("a version of Kubernetes has libraries of its own: none can be added")
    if unknown := sorted(extensions - library.EXTENSIONS):
        raise UsageError(f"unknown library {unknown[0]!r}: expected {' or '.join(sorted(library.EXTENSIONS))}")
    functions = library.functions(minor, patches, extensions)
    if locale != AMERICAN:
        if minor is None:
            raise UsageError("the specification's language has no locales")
        id = localised(locale)
        functions = {
            name: tuple(replace(o, id=id) for o in overloads) if name == "format" else overloads
            for name, overloads in functions.items()
        }
    if minor is None:  # the specification orders numbers of different types only where a type is dyn
        functions = {name: tuple(o for o in overloads if not _crosses(o)) for name, overloads in functions.items()}
    types = types or {}
    known = {name: object_type(name) for name in types}
    typed = {
        name: parse_type(type, known) if isinstance(type, str) else type for name, type in (variables or {}).items()
    }
    return Declarations(typed, functions, types, container, minor, patches, extensions)


def admission(
    kubernetes: str,
    *,
    params: bool = False,
    variables: Mapping[str, Type] | None = None,
    also: Mapping[str, Type | str] | None = None,
    also_types: Mapping[str, Mapping[str, Type]] | None = None,
    patches: bool = False,
    authorizer: bool = False,
) -> Declarations:
    """What an expression of an admission policy may mention.

    `variables` are the composed variables declared so far, None where there are none (matchConditions); `also` are
    variables beyond the API server's or with types other than its, `also_types` object types; `patches`: in the
    expression of a mutation; `authorizer`: everywhere but in messages. Raises UsageError.
    Source: k8s.io/apiserver, plugin/policy/validating and plugin/policy/mutating.
    """
    types = _ADMISSION_TYPES | dict(also_types or {})
    declared: dict[str, Type | str] = {
        "object": DYN,
        "oldObject": DYN,
        "request": object_type("kubernetes.AdmissionRequest"),
        "namespaceObject": object_type("kubernetes.Namespace"),
    }
    if params:
        declared["params"] = DYN
    if authorizer:
        declared |= AUTHORIZER
    if variables is not None:
        types["kubernetes.variables"] = {name: _composed(type) for name, type in variables.items()}
        declared["variables"] = object_type("kubernetes.variables")
    also = declared | dict(also or {})
    return declarations(kubernetes, also, types=types, patches=patches, oldest=NEW_IN_OLDEST)


def parse_version(text: str, oldest: int = OLDEST) -> int:
    """The minor version of `1.36` (or `v1.36.2`). Raises UsageError."""
    found = re.fullmatch(r"v?1\.(\d{1,3})(\.\d+)?", text)
    if not found:
        raise UsageError(f"{text!r} is not a version of Kubernetes: expected one such as '1.{NEWEST}'")
    minor = int(found[1])
    if not oldest <= minor <= NEWEST:
        raise UsageError(f"Kubernetes {text} is not supported: expected 1.{OLDEST} to 1.{NEWEST}")
    return minor


def parse_type(text: str, known: Mapping[str, Type] | None = None) -> Type:
    """The type of CEL's notation: `map(string, list(int))`, `google.protobuf.Timestamp`, `wrapper(int)`.

    `known` are further types by name; a single capital letter is a type parameter. Raises UsageError.
    """
    tokens = re.findall(r"[A-Za-z_][\w.]*|\S", text)
    if tokens.count("(") > _DEEPEST:
        raise UsageError(f"the type {text[:40]!r}... is nested too deeply")
    type, rest = _parsed_type(tokens, known or {}, text)
    if rest:
        raise UsageError(f"unexpected {rest[0]!r} in the type {text!r}")
    return type


_DEEPEST = 100
_SIMPLE = {
    "int": INT,
    "uint": UINT,
    "double": DOUBLE,
    "bool": BOOL,
    "string": STRING,
    "bytes": BYTES,
    "null_type": NULL,
    "dyn": DYN,
    "any": ANY,
    "type": TYPE,
}
_PRIMITIVES = (INT, UINT, DOUBLE, BOOL, STRING, BYTES)
_NAMED_TYPES = {
    **{type.name: type for type in (*_PRIMITIVES, NULL, TYPE, TIMESTAMP, DURATION, EMPTY)},
    "list": list_of(DYN),
    "map": map_of(DYN, DYN),
    "optional_type": optional_of(DYN),
    "net.IP": opaque("net.IP"),
    "net.CIDR": opaque("net.CIDR"),
}
_KUBERNETES = re.compile(
    r"kubernetes\.(URL|Quantity|Semver|NamedFormat|authorization\.(Authorizer|(Path|Group|Resource)Check|Decision))"
)


def _parsed_type(tokens: list[str], known: Mapping[str, Type], text: str) -> tuple[Type, list[str]]:
    name, rest = (tokens[0], tokens[1:]) if tokens else ("", [])
    if not (name[:1].isalpha() or name[:1] == "_"):
        raise UsageError(f"a type is missing in {text!r}")
    params: list[Type] = []
    if rest[:1] == ["("]:
        while rest[0] in ("(", ","):
            each, rest = _parsed_type(rest[1:], known, text)
            params.append(each)
            if not rest:
                raise UsageError(f"a ')' is missing in the type {text!r}")
        if rest[0] != ")":
            raise UsageError(f"unexpected {rest[0]!r} in the type {text!r}")
        rest = rest[1:]
    return _type_named(name, tuple(params), known), rest


def _type_named(name: str, params: tuple[Type, ...], known: Mapping[str, Type]) -> Type:
    match name, params:
        case "list", (element,):
            return list_of(element)
        case "map", (key, value):
            return map_of(key, value)
        case "optional_type", (value,):
            return optional_of(value)
        case "type", (of,):
            return type_of(of)
        case "wrapper", (of,) if of in _PRIMITIVES:
            return wrapper_of(of)
        case (("list" | "map" | "optional_type" | "wrapper"), _):
            expected = {"map": "map(K, V)", "wrapper": "wrapper(T) of a simple type"}.get(name, f"{name}(T)")
            raise UsageError(f"the type {name!r} is written {expected}")
        case _, () if name in known:
            return known[name]
        case _, () if name in _SIMPLE:
            return _SIMPLE[name]
        case _, () if name in TYPES:
            return TYPES[name]
        case _, () if len(name) == 1 and name.isupper():
            return param(name)
        case _, () if _KUBERNETES.fullmatch(name):
            return object_type(name)
        case _ if params or name in ("net.IP", "net.CIDR"):
            return opaque(name, *params)
        case _:
            raise UsageError(f"unknown type {name!r}")


def _crosses(overload: Overload) -> bool:
    return (
        overload.function in _ORDER
        and overload.params[0] != overload.params[1]
        and all(each in _NUMBERS for each in overload.params)
    )


def _composed(type: Type) -> Type:
    """The type that a composed variable has for those that use it: dyn in place of what is no scalar, list or map."""
    match type.kind:
        case Kind.PRIMITIVE | Kind.WELL_KNOWN | Kind.DYN:
            return type
        case Kind.LIST | Kind.MAP:
            return Type(type.kind, type.name, tuple(map(_composed, type.params)))
        case _:
            return DYN


def _strings(*names: str) -> dict[str, Type]:
    return dict.fromkeys(names, STRING)


_ADMISSION_TYPES: dict[str, Mapping[str, Type]] = {
    "kubernetes.GroupVersionKind": _strings("group", "version", "kind"),
    "kubernetes.GroupVersionResource": _strings("group", "version", "resource"),
    "kubernetes.UserInfo": {
        **_strings("username", "uid"),
        "groups": list_of(STRING),
        "extra": map_of(STRING, list_of(STRING)),
    },
    "kubernetes.AdmissionRequest": {
        "kind": object_type("kubernetes.GroupVersionKind"),
        "resource": object_type("kubernetes.GroupVersionResource"),
        "requestKind": object_type("kubernetes.GroupVersionKind"),
        "requestResource": object_type("kubernetes.GroupVersionResource"),
        **_strings("subResource", "requestSubResource", "name", "namespace", "operation"),
        "userInfo": object_type("kubernetes.UserInfo"),
        "dryRun": BOOL,
        "options": DYN,
    },
    "kubernetes.NamespaceMetadata": {
        **_strings("name", "generateName", "namespace", "UID", "resourceVersion"),
        "labels": map_of(STRING, STRING),
        "annotations": map_of(STRING, STRING),
        "creationTimestamp": TIMESTAMP,
        "deletionTimestamp": TIMESTAMP,
        "deletionGracePeriodSeconds": INT,
        "generation": INT,
        "finalizers": list_of(STRING),
    },
    "kubernetes.NamespaceSpec": {"finalizers": list_of(STRING)},
    "kubernetes.NamespaceCondition": {
        **_strings("type", "status", "reason", "message"),
        "lastTransitionTime": TIMESTAMP,
    },
    "kubernetes.NamespaceStatus": {
        "phase": STRING,
        "conditions": list_of(object_type("kubernetes.NamespaceCondition")),
    },
    "kubernetes.Namespace": {
        "metadata": object_type("kubernetes.NamespaceMetadata"),
        "spec": object_type("kubernetes.NamespaceSpec"),
        "status": object_type("kubernetes.NamespaceStatus"),
    },
}
