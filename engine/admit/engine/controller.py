"""What judges beside the rules, as an admission plugin of the API server's own does."""

from __future__ import annotations

from typing import Protocol

from admit.admission import Decision, Request
from admit.plan.match import Route


class Controller(Protocol):
    """Asked after all mutations and before all validations."""

    def concerns(self, route: Route) -> bool:
        """Whether it may have anything to say."""

    def answer(self, request: Request, deadline: float | None) -> Decision:
        """The verdict on an object as it is; `deadline` is a time of `time.monotonic`."""

    def warm(self) -> None:
        """Does what can be done before a first request."""
