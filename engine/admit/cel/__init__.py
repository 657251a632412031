"""CEL, the language of the specification and of Kubernetes' API server: an expression in, a Python function out.

    program = Environment(kubernetes="1.36", variables={"object": "dyn"}).compile("object.spec.replicas <= 5")
    program(object={"spec": {"replicas": 3}})      # True

| module | what it is |
| --- | --- |
| ast, types, times, values | nodes; types; time; values, and what equal and less mean |
| escaping, structured | names of properties; lists and objects as schemas have them |
| messages, wire | the well-known messages of protocol buffers; their bytes |
| grammar, literals, syntax_error, parse, unparse | text to nodes and back |
| library/, regex | functions as data; RE2's semantics |
| unify, env, check, schema | the type checker; what a program may mention; types from an OpenAPI schema |
| prepare | what is computed without input, and may fail |
| cost | what an evaluation takes, in the units of the API server's budgets |
| evaluate, fold | the reference evaluator, to the letter; constants computed beforehand |
| count | the evaluator again, which counts what that costs |
| quote, emit/, link | nodes to Python's `ast`, and that to a function |
| validations/ | x-kubernetes-validations of a schema: compiled, and held against objects |
| manual | every operator, macro and function as people write it |
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from admit.cel.cost import CostModel
    from admit.cel.link import Environment, Program
    from admit.cel.validations import Validations
    from admit.cel.values import decode, encode
    from admit.errors import CompileError, EvaluationError

__all__ = ["CompileError", "CostModel", "Environment", "EvaluationError", "Program", "Validations", "decode", "encode"]

_HOMES = {
    **dict.fromkeys(("CompileError", "EvaluationError"), "admit.errors"),
    "CostModel": "admit.cel.cost",
    **dict.fromkeys(("Environment", "Program"), "admit.cel.link"),
    "Validations": "admit.cel.validations",
    **dict.fromkeys(("decode", "encode"), "admit.cel.values"),
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'admit.cel' has no attribute {name!r}")
