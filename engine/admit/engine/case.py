"""One request under decision: what is known of it, and what has come of it so far."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from admit.admission import Request
from admit.cel.values import Value
from admit.engine.tally import Tally
from admit.errors import EvaluationError
from admit.plan.match import Matched, Route, matched, matches
from admit.rules.model import MatchResources

if TYPE_CHECKING:
    from admit.engine import Engine


class Case:
    """`scope` has the plan's PARAMETERS; its `object` is what mutations have left so far."""

    def __init__(
        self, engine: Engine, request: Request, route: Route, scope: dict[str, Value], deadline: float | None
    ) -> None:
        self.engine, self.request, self.route, self.scope, self.deadline = engine, request, route, scope, deadline
        self.tally = Tally()

    @cached_property
    def asked(self) -> Mapping[str, Any]:
        """The variable `request`."""
        return self.request.cel

    @cached_property
    def namespace(self) -> Mapping[str, Any] | None:
        """The variable `namespaceObject`."""
        return self.engine.namespace_of(self.request)

    def matches(self, limits: MatchResources) -> bool:
        """Whether the request, with its object as it is now, matches as it is."""
        return matches(limits, self.route, self.current, self.engine.namespace_labels)

    def matched(self, limits: MatchResources) -> Matched | None:
        """What the request, with its object as it is now, matches as, be it in another version."""
        return matched(limits, self.route, self.current, self.engine.namespace_labels, self.engine.equivalents)

    @property
    def current(self) -> Request:
        """The request about the object as it is now."""
        object = self.scope["object"]
        return self.request if object is self.request.object else self.request.with_object(object)

    def check_time(self) -> None:
        """Raises EvaluationError after the deadline."""
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise EvaluationError("the deadline of the request has passed")
