"""Policies that are asked of the same requests, written as one ValidatingAdmissionPolicy."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from admit.cel.ast import (
    Call,
    Comprehension,
    Entry,
    Expr,
    Ident,
    ListExpr,
    Literal,
    MapExpr,
    Select,
    children,
    rebuild,
)
from admit.cel.env import AUTHORIZER
from admit.cel.parse import RESERVED
from admit.cel.unparse import unparse
from admit.exporters.documents import plain
from admit.exporters.model import Note, Refusal
from admit.exporters.parts import Part, conditions_of, reachable, renamed
from admit.exporters.subject import Subject, variable
from admit.exporters.text import Unwritable, Writer
from admit.rules.change import Change
from admit.rules.lower import Validation
from admit.rules.names import free, substitute
from admit.rules.plain import fits, found, is_said_once, joined
from admit.rules.terms import conjunction, summed
from admit.rules.workloads import SPEC, SPEC_AND_METADATA

UNTYPED: Mapping[str, Expr] = {name: Call("dyn", (Ident(name),)) for name in ("object", "oldObject")}
LONGEST_REPEATED = 60
"""Characters of a messageExpression that each of several rules has for itself."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The parts of one binding, and what its policy makes of the messages of all their findings, if it does."""

    policy: str
    parts: tuple[Part, ...]
    message: Expr | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """What is said of a request: a validation that fails where `expression` does, or an audit annotation.

    `said` is its messageExpression, `message` the text where that gives none.
    """

    policy: str
    name: str
    expression: Expr
    said: Expr | None = None
    message: str = ""
    reason: str = "Invalid"


@dataclass(slots=True)
class Body:
    """One policy as it is written: `variables` grow with the rules that need them.

    INVARIANT: all parts have the same match, conditions, failurePolicy and parameters; of several none has annotations.
    `untyped`: objects are of any type, whatever the schemas of their kinds say. They always are where kinds differ.
    """

    profiles: Sequence[Profile]
    kubernetes: str
    untyped: bool = False
    refused: list[Refusal] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    variables: dict[str, Expr] = field(default_factory=dict)

    @property
    def parts(self) -> list[Part]:
        return [part for profile in self.profiles for part in profile.parts]

    @property
    def subject(self) -> Subject | None:
        lowered = self.parts[0].lowered
        return Subject(lowered.workloads) if lowered.policy.subject is not None else None

    def spec(self) -> dict[str, Any]:
        """The `spec`, without what is refused. Raises Unwritable where all of it is."""
        policy, subject = self.parts[0].policy, self.subject
        if subject is not None:
            self.variables.update(subject.variables)
        names = {id(part): self._declared(part) for part in self.parts}
        rules = self._sharing([rule for profile in self.profiles for rule in self._rules(profile, names)])
        told = [rule for part in self.parts for rule in self._annotations(part, names[id(part)])]
        writer = Writer(self.kubernetes, policy.param_kind is not None)
        conditions = [{"name": name, "expression": writer.condition(node)} for name, node in self._conditions()]
        deciding = reachable((rule.expression for rule in (*rules, *told)), self.variables)
        saying = reachable((rule.said for rule in rules if rule.said is not None), self.variables)
        variables, broken = [], {}
        for name, node in self.variables.items():
            if name in deciding | saying:
                try:
                    text = writer.variable(name, node, only_said=name not in deciding)
                    variables.append({"name": name, "expression": text})
                except Unwritable as error:
                    broken[name] = error
        spec: dict[str, Any] = {
            "failurePolicy": policy.failure_policy,
            "paramKind": plain(policy.param_kind),
            "matchConstraints": dict(self.parts[0].match),
            "matchConditions": conditions,
            "variables": variables,
            "validations": self._written(rules, partial(_validation, writer=writer), broken),
            "auditAnnotations": self._written(told, partial(_annotation, writer=writer), broken),
        }
        return {key: value for key, value in spec.items() if value}

    def _declared(self, part: Part) -> dict[str, str]:
        """Adds the variables of a part; the names that they have here."""
        names: dict[str, str] = {}
        for name, node in part.variables.items():
            names[name] = self._declare(name, self._placed(node, names), part.policy.name)
        return names

    def _declare(self, name: str, node: Expr, policy: str) -> str:
        """The name under which a variable is added, or is there already."""
        own, number = f"{camel(_last(policy))}_{name}", 2
        wanted = name
        while self.variables.get(wanted, node) != node:
            wanted, number = (own, number) if wanted == name else (f"{own}{number}", number + 1)
        self.variables[wanted] = node
        return wanted

    def _placed(self, node: Expr, names: Mapping[str, str]) -> Expr:
        subject = self.subject
        roots = subject.roots if subject is not None else {}
        objects = UNTYPED if self.untyped or subject is not None else {}
        return substitute(renamed(node, names), {**roots, **objects})

    def _rules(self, profile: Profile, names: Mapping[int, Mapping[str, str]]) -> Iterator[Rule]:
        """The validations of a binding; with a message of its profile they are one, which an API server evaluates once,
        or all have that message, if their reasons differ."""
        judged = [
            (part, self._guarded(Change(partial(self._placed, names=names[id(part)])).validation(rule), part))
            for part in profile.parts
            for rule in part.validations
        ]
        if profile.message is None:
            for part, rule in judged:
                said, message = self._message(rule, part)
                yield Rule(part.policy.name, rule.name, rule.verdict, said, message, rule.reason)
            return
        named = [
            (
                part,
                replace(rule, verdict=variable(self._declare(camel(_last(rule.name)), rule.verdict, part.policy.name))),
            )
            for part, rule in judged
        ]
        said = self._report(profile.message, named)
        reasons = {rule.reason for _, rule in named}
        if said is not None and len(reasons) == 1:
            all_hold = conjunction(*(rule.verdict for _, rule in named))
            holds = variable(self._declare("holds", all_hold, profile.policy))
            said = Call("_?_:_", (holds, Literal("string", ""), said))  # asked of what is allowed, too
            yield Rule(profile.policy, "", holds, said, f"failed rule {profile.policy}", *reasons)
            return
        for part, rule in named:
            own, message = self._message(rule, part)
            yield Rule(part.policy.name, rule.name, rule.verdict, said or own, message, rule.reason)

    def _sharing(self, rules: Sequence[Rule]) -> list[Rule]:
        """The rules, where several say the same by a variable of it."""
        said = [rule.said for rule in rules]
        shared = []
        for rule in rules:
            if rule.said is not None and said.count(rule.said) > 1 and len(unparse(rule.said)) > LONGEST_REPEATED:
                name = self._declare("message", rule.said, rule.policy)
                rule = replace(rule, said=variable(name))
            shared.append(rule)
        return shared

    def _annotations(self, part: Part, names: Mapping[str, str]) -> Iterator[Rule]:
        for key, node in part.annotations:
            rule = Rule(part.policy.name, f"auditAnnotations[{key}]", self._placed(node, names), message=key)
            asked = [rule.expression, *(self.variables[name] for name in reachable([rule.expression], self.variables))]
            if not any(free(each) & AUTHORIZER.keys() for each in asked):
                yield rule
            else:
                said = "an API server has no authorizer when it evaluates audit annotations"
                self.refused.append(Refusal(rule.policy, rule.name, said))

    def _guarded(self, rule: Validation, part: Part) -> Validation:
        """The rule, where it is not left to a matchCondition whether a Pod that is updated has changed for it."""
        if self.subject is None or "Pod" not in self.subject.kinds:
            return rule
        wide = rule.name in part.about_metadata
        if self._judged_fields == (SPEC_AND_METADATA if wide else SPEC):
            return rule
        name = "podChanged" if wide else "podSpecChanged"
        changed = self._declare(name, self.subject.changed(*(SPEC_AND_METADATA if wide else SPEC)), part.policy.name)
        return replace(rule, verdict=Call("_||_", (Call("!_", (variable(changed),)), rule.verdict)))

    @property
    def _judged_fields(self) -> tuple[tuple[str, ...], ...]:
        """The fields of which one has to change for a Pod that is updated to be looked at; none: it always is."""
        if any(part.annotations for part in self.parts):
            return ()
        wide = any(rule.name in part.about_metadata for part in self.parts for rule in part.validations)
        return SPEC_AND_METADATA if wide else SPEC

    def _conditions(self) -> Iterator[tuple[str, Expr]]:
        subject, part = self.subject, self.parts[0]
        judged: dict[str, Expr] = {}
        if subject is not None and "Pod" in subject.kinds and self._judged_fields:
            judged["changed"] = subject.changed(*self._judged_fields)
        return conditions_of(part, subject, part.operations, judged)

    def _message(self, rule: Validation, part: Part) -> tuple[Expr | None, str]:
        """The messageExpression of a rule, and its message."""
        said, message = None, f"failed rule {rule.name}"
        for text in rule.messages:
            if isinstance(text, Literal):
                if _is_line(text.value):
                    message = text.value.strip()
                    break
            elif said is None:
                said = text
            else:
                self._note(part, rule, "where its messageExpression gives no text, its message is not that either")
        if said is None or is_said_once(rule):
            return said, message
        rule = replace(rule, messages=(said,))
        if "\n" in rule.separator:
            separator = re.sub(r"\s*\n\s*", " ", rule.separator) if rule.separator.strip() else "; "
            self._note(part, rule, f"its messages are separated by {separator!r}, since none may have a line break")
            rule = replace(rule, separator=separator)
        return joined(
            rule, variable(self._declare(f"{camel(_last(rule.name))}Messages", found(rule), part.policy.name))
        ), message

    def _report(self, message: Expr, rules: Sequence[tuple[Part, Validation]]) -> Expr | None:
        """What a profile makes of the messages of all findings, as a messageExpression of each rule."""
        if _mentions(message, ("field", "pointer")):
            part, rule = rules[0]
            self._note(part, replace(rule, name=""), "where findings are is not said: each rule has its own message")
            return None
        texts = _of_texts(message)
        name = "findings" if "findings" in free(texts) else "messages"
        once = _is_distinct(message)
        total = summed(_findings(part, rule) if name == "findings" else _texts(rule, once) for part, rule in rules)
        return substitute(texts, {name: variable(self._declare(name, total, rules[0][0].policy.name))})

    def _written(self, rules: Sequence[Rule], write: Any, broken: Mapping[str, Unwritable]) -> list[dict[str, Any]]:
        """What is written of the rules; the others are refused."""
        written = []
        for rule in rules:
            nodes = [node for node in (rule.expression, rule.said) if node is not None]
            try:
                used = reachable(nodes, self.variables)
                for name in (name for name in broken if name in used):
                    raise broken[name]
                written.append(write(rule))
            except Unwritable as error:
                self.refused.append(Refusal(rule.policy, rule.name, str(error), error.since))
        return written

    def _note(self, part: Part, rule: Validation, text: str) -> None:
        self.notes.append(Note(part.policy.name, rule.name, text))


def _validation(rule: Rule, writer: Writer) -> dict[str, Any]:
    written = {"expression": writer.verdict(rule.expression), "message": rule.message}
    if rule.said is not None:
        written["messageExpression"] = writer.message(rule.said)
    return written | ({"reason": rule.reason} if rule.reason != "Invalid" else {})


def _annotation(rule: Rule, writer: Writer) -> dict[str, Any]:
    return {"key": rule.message, "valueExpression": writer.annotation(rule.expression)}


def _texts(rule: Validation, once: bool) -> Expr:
    """The messages of a rule's findings; `once`: it does not matter how often there is one."""
    rule = replace(rule, messages=rule.messages[:1] or (Literal("string", f"failed rule {rule.name}"),))
    if not rule.loops or (once and is_said_once(rule)):
        failed: Expr = ListExpr(rule.messages)
    else:
        failed = found(rule)
        for _ in rule.loops[1:]:
            failed = Call("flatten", (), failed)
    return Call("_?_:_", (rule.verdict, ListExpr(()), failed))


def _findings(part: Part, rule: Validation) -> Expr:
    """A rule's findings, as a profile's message sees them, but for where they are."""
    said: dict[str, Expr] = {
        "policy": Literal("string", part.policy.name),
        "rule": Literal("string", rule.name),
        "message": Ident("m"),
    }
    entries = tuple(Entry(Literal("string", key), value) for key, value in said.items())
    return Comprehension("map", _texts(rule, once=False), "m", None, MapExpr(entries))


def _mentions(node: Expr, fields: Collection[str]) -> bool:
    match node:
        case Select(field=name) if name in fields:
            return True
        case Literal("string", text):
            return text in fields
        case _:
            return any(_mentions(child, fields) for child in children(node))


def _of_texts(message: Expr) -> Expr:
    """A profile's message with `messages` for `findings.map(f, f.message)`."""
    match message:
        case Comprehension("map", Ident("findings"), var, None, Select(Ident(name), "message")) if var == name:
            return Ident("messages")
        case _:
            return rebuild(message, _of_texts)


def _is_distinct(message: Expr) -> bool:
    """Whether findings with the same message are one to a profile's message."""
    match message:
        case Call("distinct", (), Comprehension(range=Ident("findings"))):
            return True
        case Ident("findings"):
            return False
        case _:
            return all(map(_is_distinct, children(message)))


def _is_line(text: str) -> bool:
    """Whether an API server takes it as a message."""
    text = text.strip()
    return bool(text) and not {"\n", "\r"} & {*text} and fits(text)


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def camel(name: str) -> str:
    """`host-ports` as the name of a variable: `hostPorts`"""
    word = re.sub(r"\W+(\w?)", lambda letter: letter[1].upper(), name, flags=re.ASCII)
    return word if word[:1].isalpha() and word not in RESERVED else f"_{word}"
