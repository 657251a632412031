"""Policies of ours: what their mutations write and what their validations find, under one binding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from admit.admission import Finding, Findings
from admit.cel.ast import Expr
from admit.cel.env import NEWEST, admission
from admit.engine.case import Case
from admit.engine.tally import strongest
from admit.errors import EvaluationError
from admit.plan.expressions import Scope
from admit.plan.failure import Failure, Rule, failed_text
from admit.plan.ir import Group
from admit.plan.link import Expression
from admit.plan.params import params_of
from admit.plan.reads import Reads, reads
from admit.plan.run import Runner
from admit.rules.model import Binding


class ProfileMessage:
    """What makes one message of the findings of a profile's members."""

    def __init__(self, message: Expr, settings: Mapping[str, Any]) -> None:
        newest = admission(f"1.{NEWEST}")  # whose functions messages have
        self._expression = Expression(message, newest, {}, ("settings", "findings"))
        self._settings = settings
        read = reads([message], {}, "findings")
        element = Reads(whole=True) if read.whole else read.element()
        whole = element.whole or element.items is not None  # its keys are looped over, or counted
        self._fields = [name for name in TOLD if whole or name in element.fields]

    def text(self, findings: Iterable[Finding], scope: Scope) -> str:
        """Empty where there is none."""
        told = [{name: getattr(finding, name) or "" for name in self._fields} for finding in findings]
        try:
            text = self._expression({**scope, "settings": self._settings, "findings": told})
        except EvaluationError:
            return ""
        return text.strip() if isinstance(text, str) else ""


TOLD = ("policy", "rule", "message", "field", "pointer")
"""What a profile's message may ask of a finding."""


@dataclass(slots=True)
class Own:
    """`message`: that of a profile, about its members' findings; `failed`: the reason of what errs."""

    case: Case
    group: Group
    runners: Sequence[Runner]
    message: ProfileMessage | None = None
    failed: str = "Invalid"

    def mutate(self) -> None:
        for runner in self._applicable(Runner.is_idle):
            for index, mutation in enumerate(runner.step.lowered.mutations):
                try:
                    self.case.scope["object"] = runner.written(mutation, self.case.scope)
                except EvaluationError as error:
                    self._failed(runner, f"mutations[{index}]", error)

    def validate(self) -> None:
        failures: list[tuple[Runner, Failure]] = []
        unsaid: list[tuple[Runner, EvaluationError]] = []
        for runner in self._applicable(Runner.is_silent):
            policy = runner.step.lowered.policy
            for failure in runner.failures(self.case.scope):
                if failure.error is None or policy.failure_policy == "Fail":
                    failures.append((runner, failure))
            try:
                for key, text in runner.annotations(self.case.scope):
                    self.case.tally.annotate(f"{policy.name}/{key}", text)
            except EvaluationError as error:
                if policy.failure_policy == "Fail":
                    unsaid.append((runner, error))
        self._say(failures)
        for runner, wrong in unsaid:  # denies whatever the actions, as in the API server
            rule = runner.step.lowered.prefix + "auditAnnotations"
            self._refuse(runner, rule, failed_text(rule, wrong))

    def tell(self, failing: Iterable[tuple[Runner, Rule]]) -> None:
        """Instead of `validate`, where it is known which rules fail, and that there is nothing else to be said."""
        scope, tally, binding = self.case.scope, self.case.tally, self.group.bound.binding
        failures = ((runner, Failure(rule, scope)) for runner, rule in failing if rule.judges(scope))
        if tally.denial is not None and binding.validation_actions == ("Deny",):  # whose findings alone matter now
            tally.findings += _found(binding, failures)
        else:
            self._say([*failures])

    def _say(self, failures: Sequence[tuple[Runner, Failure]]) -> None:
        if not failures:
            return
        findings, first = Findings(_found(self.group.bound.binding, failures)), failures[0][1]
        reason = first.validation.reason if first.error is None else self.failed
        self._act(lambda: self._of_profile(findings) or first.text, reason, findings)

    def _of_profile(self, findings: Sequence[Finding]) -> str:
        """The one message that a profile makes of its members' findings; of a denial only."""
        if self.message is None or strongest(self.group.bound.binding) != "Deny":
            return ""
        return self.message.text(findings, self.case.scope)

    def _applicable(self, is_done: Callable[[Runner, Scope], bool]) -> Iterator[Runner]:
        """The runners that have something to do, whose policies match and whose conditions hold; where that errs,
        failurePolicy decides. One with parameters comes once for each, which is then in the scope."""
        case = self.case
        for runner in self.runners:
            constraints = runner.step.lowered.policy.match_constraints
            if not self.group.settled and constraints is not None and not case.matches(constraints):
                continue
            for param in self._params(runner):
                case.scope["params"] = param
                if is_done(runner, case.scope):
                    continue
                try:
                    case.check_time()
                    if runner.applies(case.scope):
                        yield runner
                except EvaluationError as error:
                    self._failed(runner, "matchConditions", error)

    def _params(self, runner: Runner) -> Sequence[Mapping[str, Any] | None]:
        policy, ref = runner.step.lowered.policy, self.group.bound.binding.param_ref
        try:
            return params_of(policy.param_kind, ref, self.case.request, self.case.engine.params_by_kind)
        except EvaluationError as error:  # denies whatever the actions, as in the API server
            if policy.failure_policy == "Fail":
                rule = runner.step.lowered.prefix + "paramRef"
                self._refuse(runner, rule, f"failed to configure binding: {error}")
            return ()

    def _failed(self, runner: Runner, rule: str, error: EvaluationError) -> None:
        """What could not be evaluated is a failing validation, or nothing, as failurePolicy says."""
        policy, binding = runner.step.lowered.policy, self.group.bound.binding
        if policy.failure_policy == "Ignore":
            return
        rule = runner.step.lowered.prefix + rule
        text = failed_text(rule, error)
        finding = Finding(policy.name, binding.name, rule, text, None, strongest(binding), policy.severity)
        self._act(lambda: text, self.failed, [finding])

    def _refuse(self, runner: Runner, rule: str, text: str) -> None:
        policy = runner.step.lowered.policy
        finding = Finding(policy.name, self.group.bound.binding.name, rule, text, None, "Deny", policy.severity)
        self.case.tally.deny(text, "Invalid", [finding])

    def _act(self, text: Callable[[], str], reason: str, findings: Iterable[Finding]) -> None:
        """What the binding's actions make of a failure."""
        tally, binding = self.case.tally, self.group.bound.binding
        actions = binding.validation_actions
        speaks = "Deny" in actions and tally.denial is None  # the first denial speaks for all
        said = text() if speaks or "Warn" in actions or "Audit" in actions else ""
        if speaks:
            tally.deny((binding.kubewarden and binding.kubewarden.message) or said, reason, findings)
        else:
            tally.findings += findings
        if "Warn" in actions:
            tally.warnings.append(said)
        if "Audit" in actions:
            tally.audit(said, binding)


def _found(binding: Binding, failures: Iterable[tuple[Runner, Failure]]) -> Iterator[Finding]:
    """INVARIANT: it holds on to nothing that holds on to it, since it may be left unasked."""
    action = strongest(binding)
    for runner, failure in failures:
        policy, validation = runner.step.lowered.policy.name, failure.validation
        for message, pointer in failure.findings:
            yield Finding(policy, binding.name, validation.name, message, pointer, action, validation.severity)
