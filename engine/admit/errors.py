"""The tree of errors.

    AdmitError
    ├── RuleSetError            a rule set that cannot be loaded: every fault of it, each with its place
    ├── CompileError            an expression that does not compile: every issue of it, printed as cel-go prints it
    ├── EvaluationError         an expression that fails on its input; str() is cel-go's text alone
    │   └── StatusError         a failure of a patch that an API server answers itself, whatever the failurePolicy
    ├── ClusterError            what a cluster does not tell of its namespaces and pods
    ├── RequestError            a request that cannot be read: malformed, of the wrong kind, without a resource
    └── UsageError              a flag, a path or an argument of a call that is not possible

A `Fault` is no exception: one thing that an author can mend, with its place. What a request causes while it is
decided becomes a finding through `failurePolicy`, in engine/.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from admit.source import UNKNOWN, Span


class AdmitError(Exception):
    """What `admit` raises on purpose; anything else is a bug."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, what was expected, and where; a warning does not refuse the rule set."""

    message: str
    span: Span = UNKNOWN
    warning: bool = False

    @property
    def place(self) -> str:
        return "" if self.span.source is UNKNOWN.source else self.span.place

    def __str__(self) -> str:
        if not self.place:
            return self.message
        kind = "warning: " if self.warning else ""
        return f"{self.place}: {kind}{self.message}\n{self.span.underlined()}"


class RuleSetError(AdmitError):
    """A rule set that is refused, whole; `faults` has all there is to mend."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


@dataclass(frozen=True, slots=True)
class Issue:
    """One error of compilation, at `span.at`; below zero, it has no place."""

    message: str
    span: Span

    def __str__(self) -> str:
        """As cel-go prints it: `ERROR: <input>:1:7: MESSAGE`, the line, and a caret (wide under wide characters)."""
        source = self.span.source
        if self.span.at < 0:
            return f"ERROR: <input>:-1:0: {self.message}"
        if not source.text:
            return f"ERROR: <input>:1:0: {self.message}"
        line, column = source.locate(self.span.at)
        text = source.line(line).replace("\t", " ")
        dots = "".join("．" if ord(c) > 127 else "." for c in text[: column - 1])
        caret = "＾" if ord(text[column - 1 : column] or " ") > 127 else "^"
        return f"ERROR: <input>:{line}:{column}: {self.message}\n | {text}\n | {dots}{caret}"


class CompileError(AdmitError):
    """An expression that does not compile; `issues` in the order of their places, the first MOST that were found."""

    MOST = 100

    def __init__(self, issues: Sequence[Issue]) -> None:
        self.issues = tuple(sorted(issues[: self.MOST], key=lambda issue: issue.span.at))
        more = len(issues) - len(self.issues)
        rest = [f"{more} more errors were truncated"] if more else []
        super().__init__("\n".join((*map(str, self.issues), *rest)))


class EvaluationError(AdmitError):
    """An expression that fails on its input. `str()` is cel-go's text; `span` the failing sub-expression, if known.

    `cost` is what the evaluation has cost till then, where costs were counted.
    """

    def __init__(self, message: str, span: Span | None = None) -> None:
        super().__init__(message)
        self.span = span
        self.cost: int | None = None


class StatusError(EvaluationError):
    """A failure that an API server answers with a Status of this `code`, whatever the failurePolicy is."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class RequestError(AdmitError):
    """A request that cannot be read; `status` is the HTTP status code that says so."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class ClusterError(AdmitError):
    """What a cluster does not tell; the text is the API server's."""


class UsageError(AdmitError):
    """A flag, a path or an argument that is not possible."""
