"""Where the data of the package lives: the grammar and the bundled rules, in a wheel or in a checkout."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


def folder(name: str) -> Traversable:
    """The folder `grammar` or `rulesets`: in the installed package, else two levels above it, in the checkout."""
    installed = files("admit") / name
    return installed if installed.is_dir() else Path(__file__).resolve().parents[2] / name
