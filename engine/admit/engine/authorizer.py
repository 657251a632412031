"""The authorizer of a request: whom it speaks for, and that it asks each thing once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from admit.cel.library.authorization import Attributes, Authorize, User, Verdict
from admit.errors import EvaluationError


def unavailable(_: Attributes) -> Verdict:
    """The authorizer where none was given. Raises EvaluationError."""
    raise EvaluationError(
        "no authorizer was given: admit.load(authorizer=...) takes one, and so does a case of a rule test; "
        "admit run and admit serve have none"
    )


def once(authorize: Authorize) -> Authorize:
    """The same, but asked each thing once, also where its answer is an error.

    Raises EvaluationError, and RuntimeError for all else that it raises: a KeyError, say, would mean something in CEL.
    """
    answers: dict[Attributes, Verdict | str] = {}

    def ask(attributes: Attributes) -> Verdict:
        if attributes not in answers:
            try:
                answers[attributes] = authorize(attributes)
            except EvaluationError as error:
                answers[attributes] = str(error)
            except Exception as error:
                raise RuntimeError(f"the authorizer failed: {error}") from error
        answer = answers[attributes]
        if isinstance(answer, str):
            raise EvaluationError(answer)
        return answer

    return ask


def user(info: Mapping[str, Any]) -> User:
    """The user of a request's userInfo."""
    extra = {key: tuple(texts or ()) for key, texts in (info.get("extra") or {}).items()}
    return User(info.get("username") or "", info.get("uid") or "", tuple(info.get("groups") or ()), extra)
