"""The command `admit`: its groups are imported when they are asked for, so that `--help` is at once."""

from __future__ import annotations

import atexit
import gc
import os
from functools import cache
from importlib import import_module

import click

from admit import __version__

COMMANDS = {
    "run": "Decide on a request or on manifests.",
    "bench": "Measure how long a request takes to be decided.",
    "import": "Write policies of other projects as rule sets.",
    "scaffold": "Write a policy, a binding or a test to start from.",
    "serve": "Serve rules as an admission webhook.",
    "test": "Run the tests of rules.",
    "check": "Load rules, and report every error and warning.",
    "explain": "Show what a rule says, and what it becomes.",
    "export": "Write rules as manifests that an API server runs by itself.",
    "policies": "List the policies of the library.",
    "pod-security": "Say what Pod Security would say of manifests.",
    "cel": "Evaluate CEL expressions.",
}
"""The commands, each in a module of its name, and what `--help` says of them."""

MODULES = {"import": "importing", "pod-security": "pod_security"}
"""But for these, whose name can be none of Python's."""


class Commands(click.Group):
    """Commands in modules; what `admit` refuses on purpose is printed, and the exit status is 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        _hurry()
        command = import_module(f"admit.cli.{MODULES.get(cmd_name, cmd_name)}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        from admit.errors import AdmitError

        try:
            return super().invoke(ctx)
        except AdmitError as error:
            from admit.cli.output import show_error

            show_error(error)
            ctx.exit(2)


@cache
def _hurry() -> None:
    """What a command loads stays to its end: looking for garbage in it would be a fifth of the time of a short one."""
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)


@click.group(cls=Commands, context_settings={"auto_envvar_prefix": "ADMIT", "help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="admit")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Rules for Kubernetes, in YAML and CEL: decided here, tested here, served from here."""
    if os.environ.get("NO_COLOR"):
        ctx.color = False
