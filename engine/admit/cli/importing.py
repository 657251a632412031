"""`admit import`: policies of other projects, written as rule sets."""

from __future__ import annotations

from pathlib import Path

import click

from admit.cli.output import TO_FILE, show_faults, write
from admit.cli.rules import documents_of
from admit.importers import psp as policies
from admit.rules.yaml import dump


@click.group("import")
def command() -> None:
    """Write policies of other projects as rule sets."""


@command.command("psp")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--pods-only", is_flag=True, help="Leave workloads alone, as a PodSecurityPolicy did.")
@TO_FILE
def psp(files: tuple[Path, ...], pods_only: bool, file: Path | None) -> None:
    """Write PodSecurityPolicy objects as bindings of the library's policies.

    FILE is a file or a folder, or - for standard input, such as `kubectl get psp -o yaml` writes it. What has no effect
    or another meaning here is told on standard error.
    """
    documents = [document for path in files for document in documents_of(path)]
    imported = policies.imported(documents, pods_only)
    write("---\n".join(map(dump, imported.documents)), file)
    show_faults(imported.notes)
