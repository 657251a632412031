"""Rules of schemas (x-kubernetes-validations) as custom resources have them: compiled, and held against objects.

    rules = Validations(schema, kubernetes="1.36")
    rules.faults                        # why an API server would refuse the schema
    rules.violations(object, old)       # what it would say of the object

An object is one that the schema finds valid but for its rules, with defaults. What is found is what 1.37 finds, in the
language of the version asked for; nothing is forgiven for being as it was.
Source: k8s.io/apiextensions-apiserver, pkg/apiserver/schema/cel and pkg/apis/apiextensions/validation.
"""

from __future__ import annotations

from typing import Any

from admit.cel.env import NEWEST
from admit.cel.validations.compile import Expression, Rule, Schema, Violation, compiled
from admit.cel.validations.examine import Budget, examined

__all__ = ["Budget", "Expression", "Rule", "Validations", "Violation"]


class Validations:
    """The rules of a schema, and of the schemas in it; by default that of a whole resource."""

    def __init__(self, schema: Schema, kubernetes: str = f"1.{NEWEST}", resource: bool = True) -> None:
        self.root, self.faults = compiled(schema, kubernetes, resource)

    def violations(self, value: Any, old: Any = None, budget: Budget | None = None) -> list[Violation]:
        """What is wrong with an object; with `old`, as an update of that.

        The budget is the API server's, unless one is given, which then tells what is left.
        """
        return examined(self.root, value, old, budget or Budget())
