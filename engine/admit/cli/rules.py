"""What commands take as rules: names of the library, rule files and folders; and settings for one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import orjson

from admit import library
from admit.cel.env import NEWEST
from admit.cli.files import content_of
from admit.cli.output import show_faults
from admit.engine import Engine
from admit.errors import Fault, RuleSetError, UsageError
from admit.importers.modules import CEL_POLICY, FOLDER, REFUSED, bundled, is_module, name_of
from admit.library import Library
from admit.loading import Given, binding_of, check, files_of, missing_bindings
from admit.rules.read import near
from admit.rules.yaml import Document, read

KUBERNETES = click.option(
    "--kubernetes", metavar="VERSION", default=f"1.{NEWEST}", show_default=True, help="The version whose CEL is spoken."
)

POD_SECURITY = click.option(
    "--pod-security",
    metavar="LEVEL|FILE",
    help="Pod Security Admission too: a level such as restricted:v1.31, or a PodSecurityConfiguration.",
)


def with_pod_security(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options that turn on Pod Security."""
    said = "Pod Security refuses what would make pods that it refuses, too."
    command = click.option("--pod-security-enforce-controllers", "enforce_controllers", is_flag=True, help=said)(
        command
    )
    return POD_SECURITY(command)


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the two options that settings come from; `settings_from` reads them."""
    path = click.Path(path_type=Path)
    command = click.option("--settings-path", "-s", metavar="FILE", type=path, help="The same, from a file.")(command)
    return click.option("--settings-json", metavar="JSON", help="Settings of the policy, where one is named.")(command)


def engine_of(
    rules: Sequence[str],
    kubernetes: str,
    settings: Mapping[str, Any] | None = None,
    all_bound: bool = False,
    pod_security: str | None = None,
    enforce_controllers: bool = False,
    namespaces: Iterable[Mapping[str, Any]] | None = None,
) -> Engine:
    """The engine of the rules; their warnings are printed. With `all_bound`, each of the API server's policies is in
    force, if need be by a binding made up. `namespaces` are given where there may be others. Raises RuleSetError,
    UsageError."""
    if not rules and pod_security is None:
        raise UsageError("rules are needed, or --pod-security")
    documents = given(rules, settings)
    if pod_security is not None:
        documents.append(configuration_of(pod_security))
    if all_bound:
        documents += missing_bindings(
            document for rule in rules if library_name(rule) is None for document in documents_of(path_of(rule))
        )
    engine, faults = check(
        documents,
        kubernetes=kubernetes,
        namespaces=namespaces or (),
        all_namespaces=namespaces is not None,
        enforce_controllers=enforce_controllers,
    )
    errors = [fault for fault in faults if not fault.warning]
    if errors:
        raise RuleSetError(errors)
    if enforce_controllers and engine.controller is None:
        raise UsageError("--pod-security-enforce-controllers needs --pod-security, or a PodSecurityConfiguration")
    if not engine.bindings and engine.controller is None:
        faults.append(Fault(f"nothing is in force in {', '.join(rules)}: everything is allowed", warning=True))
    show_faults(faults)
    return engine


def given(rules: Sequence[str], settings: Mapping[str, Any] | None = None) -> list[Given]:
    """What `load` is given for the rules; settings are those of the one policy that there is. Raises UsageError."""
    named = [(rule, library_name(rule)) for rule in rules]
    if settings is None:
        return [path_of(rule) if name is None else _in_force(rule, name, {}) for rule, name in named]
    if len(rules) != 1:
        raise UsageError(f"settings are for one policy, but {len(rules)} are named")
    ((rule, name),) = named
    if name is not None:
        return [_in_force(rule, name, settings)]
    path = path_of(rule)
    kinds: dict[str, list[Any]] = {"Policy": [], "PolicyBinding": []}
    for document in documents_of(path):
        match document.value:
            case {
                "apiVersion": "admit.dev/v1",
                "kind": ("Policy" | "PolicyBinding") as kind,
                "metadata": {"name": name},
            }:
                kinds[kind].append(name)
    if kinds["PolicyBinding"] or len(kinds["Policy"]) != 1:
        counts = " and ".join(f"{len(names)} {kind}" for kind, names in kinds.items())
        raise UsageError(f"settings are for one policy without a binding, but {path} has {counts}")
    return [path, binding_of(kinds["Policy"][0], settings)]


def _in_force(rule: str, name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The document for a policy of the library; for one called by its module, as Kubewarden has it."""
    if name == rule:
        return binding_of(name, settings)
    return {name_of(rule): {"module": rule, "settings": dict(settings), "allowedToMutate": True}}


def is_by_module(rule: str) -> bool:
    """Whether it is a policy of the library, called by the name of its Kubewarden module. Raises UsageError."""
    return library_name(rule) not in (None, rule)


def configuration_of(pod_security: str) -> Document:
    """The PodSecurityConfiguration of a level for all namespaces, or in a file. Raises RuleSetError, UsageError."""
    from admit.podsecurity import configuration  # which takes long to import, and is seldom asked for
    from admit.podsecurity.levels import LATEST, LEVELS, PRIVILEGED, VERSION_EXPECTED, Standard, is_level, is_version

    level, colon, version = pod_security.partition(":")
    if is_level(level):
        if colon and not is_version(version):
            raise UsageError(f"--pod-security {pod_security}: the version {VERSION_EXPECTED}")
        return configuration.document_for(Standard(level, version if colon else LATEST))
    path = Path(pod_security)
    if not path.is_file():
        levels = ", ".join(LEVELS)
        raise UsageError(f"--pod-security {pod_security}: expected {levels}, with :v1.N or without, or a file")
    content = content_of(path)
    configuration.read(content, str(path))
    return next(iter(read(content, str(path))), configuration.document_for(PRIVILEGED))


def library_name(rule: str) -> str | None:
    """The bundled policy of that name, or of that Kubewarden module; None for a path. Raises UsageError."""
    if rule in Library() or rule == f"{FOLDER}/{CEL_POLICY}":
        return rule
    if is_module(rule) or rule.endswith(".wasm") or name_of(rule).removesuffix("-policy") in REFUSED:
        return bundled(rule)
    if not Path(rule).exists():
        with suppress(UsageError):  # a name that is none of a module's either may be that of a file
            return bundled(rule)
    return None


def path_of(rule: str) -> Path:
    """Raises UsageError for what is neither a path nor a name of the library."""
    path = Path(rule)
    if not path.exists():
        hint = near(rule, Library())
        raise UsageError(f"no such file or folder, nor a policy of the library: {rule}{hint}")
    return path


def tests_of(rules: Iterable[str]) -> list[Path]:
    """The test files of rules. Raises UsageError where some have none."""
    from admit.testing import suites  # which takes long to import, and is seldom asked for

    files: dict[Path, None] = {}
    for rule in rules:
        name = library_name(rule)
        if name is not None and name not in Library():
            raise UsageError(f"no tests for {name}")
        path = path_of(rule) if name is None else Path(str(library.path_of(name)))
        files.update(dict.fromkeys(suites(path)))
    return [*files]


def documents_of(path: Path) -> Iterator[Document]:
    """The documents of a file, of a folder's files or (-) of standard input. Raises RuleSetError, UsageError."""
    for file in [path] if str(path) == "-" else files_of(path):
        yield from read(content_of(file), str(file))


def settings_from(text: str | None, file: Path | None) -> dict[str, Any] | None:
    """Settings as JSON text or from a YAML file; None where neither is given. Raises RuleSetError, UsageError."""
    if text is not None and file is not None:
        raise UsageError("settings are given twice: --settings-json and --settings-path")
    if text is not None:
        try:
            settings = orjson.loads(text) if text.strip() else {}
        except orjson.JSONDecodeError as error:
            raise UsageError(f"--settings-json is not JSON: {error}") from None
    elif file is not None:
        documents = read(content_of(file), str(file))
        settings = documents[0].value if documents else {}
    else:
        return None
    settings = settings or {}
    if not isinstance(settings, dict):
        raise UsageError("settings must be a map")
    return settings
