"""Options of `kwctl run` and `kwctl bench` that mean nothing here: ignored where that is safe, else refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import click

from admit.errors import UsageError

IGNORED = {
    "--allow-context-aware": None,
    "--allowed-host-capabilities": "NAMES",
    "--disable-wasmtime-cache": None,
    "--docker-config-json-path": "FILE",
    "--sources-path": "FILE",
}
"""What allows or speeds up something that no policy here does; those with a value have its name."""

OF_BENCH = {
    "--dump-results-to-disk": None,
    "--measurement-time": "SECONDS",
    "--num-resamples": "NUMBER",
    "--warm-up-time": "SECONDS",
}
"""What a benchmark that goes by the clock and keeps what it measures has besides; here calls are counted."""

_UNSIGNED = "policies are part of admit or files of yours, nothing is downloaded and no signature verified"
_NO_WASM = "policies are rules, not WebAssembly modules"
_NO_HOST = "policies ask nothing of the host that could be recorded"
REFUSED = {
    "--cert-email": _UNSIGNED,
    "--cert-oidc-issuer": _UNSIGNED,
    "--execution-mode/-e": _NO_WASM,
    "--github-owner": _UNSIGNED,
    "--github-repo": _UNSIGNED,
    "--record-host-capabilities-interactions": _NO_HOST,
    "--replay-host-capabilities-interactions": _NO_HOST,
    "--sigstore-trust-config": _UNSIGNED,
    "--verification-annotation/-a": _UNSIGNED,
    "--verification-config-path": _UNSIGNED,
    "--verification-key/-k": _UNSIGNED,
}
"""What would leave its user with a wrong belief, and why it does not apply."""


def as_kwctl(command: Callable[..., None], ignored: Mapping[str, str | None] = IGNORED) -> Callable[..., None]:
    """Adds the options, without a line in the help."""
    for flag, value in ignored.items():
        command = _hidden([flag], is_flag=value is None)(command)
    for flags in REFUSED:
        command = _hidden(flags.split("/"), multiple=True, callback=_refuse)(command)
    return command


def as_kwctl_bench(command: Callable[..., None]) -> Callable[..., None]:
    """Adds those of a benchmark."""
    return as_kwctl(command, {**IGNORED, **OF_BENCH})


def _hidden(flags: list[str], **settings: object) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(*flags, hidden=True, expose_value=False, **settings)  # type: ignore[arg-type]


def _refuse(_: click.Context, option: click.Parameter, given: tuple[str, ...]) -> None:
    if given:
        flags = "/".join(option.opts)
        raise UsageError(f"{option.opts[0]} does not apply: {REFUSED[flags]}")
