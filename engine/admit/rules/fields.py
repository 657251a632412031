"""Every field of a rule file as data: what it holds, whether it is required, what it is for.

`load` reads documents by these tables, and grammar/rules.schema.json is made from them (`json_schema`).
"""

from __future__ import annotations

from typing import Any

from admit.rules import model, shapes
from admit.rules.shapes import (
    IDENTIFIER,
    Cel,
    Choice,
    Day,
    Field,
    Flag,
    Form,
    ListOf,
    Loops,
    MapOf,
    Message,
    Name,
    OneOrMore,
    Operand,
    Record,
    SchemaOf,
    Settings,
    Text,
    snake,
)

API_VERSION = "admit.dev/v1"
NAME = r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?"
SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
QUALIFIED = rf"({SUBDOMAIN}/)?{NAME}"


OPERATIONS = ("CREATE", "UPDATE", "DELETE", "CONNECT")
TESTS: tuple[model.Test, ...] = ("equals", "oneOf", "noneOf", "inRanges", "matches", "present", "absent")
PATCHES: tuple[model.PatchKind, ...] = ("applyConfiguration", "jsonPatch")


def selector() -> Record:
    requirement = Record(
        "Requirement",
        model.Requirement,
        {
            "key": Field(Text(QUALIFIED, "a label key"), "The label that the requirement is about.", required=True),
            "operator": Field(Choice(("In", "NotIn", "Exists", "DoesNotExist")), "The relation.", required=True),
            "values": Field(ListOf(Text()), "The values, for In and NotIn."),
        },
    )
    return Record(
        "Selector",
        model.Selector,
        {
            "matchLabels": Field(MapOf(Text()), "Labels that must have these values."),
            "matchExpressions": Field(ListOf(requirement), "Requirements that must all hold."),
        },
    )


def match_resources() -> Record:
    words = ListOf(Text(), at_least=1, unique=".")
    operations = Choice((*OPERATIONS, "*"))
    rule = Record(
        "ResourceRule",
        model.ResourceRule,
        {
            "operations": Field(ListOf(operations, at_least=1, unique="."), "Operations; * is any.", required=True),
            "apiGroups": Field(words, "API groups; '' is the core group, * any.", required=True),
            "apiVersions": Field(words, "API versions; * is any.", required=True),
            "resources": Field(words, "Resources: pods, pods/status, pods/*, */scale, *, */*.", required=True),
            "resourceNames": Field(ListOf(Text(), unique="."), "Names of objects; left out: any."),
            "scope": Field(Choice(("*", "Cluster", "Namespaced")), "Scope of the resources; default *."),
        },
    )
    return Record(
        "MatchResources",
        model.MatchResources,
        {
            "resourceRules": Field(ListOf(rule), "What is matched: any of these."),
            "excludeResourceRules": Field(ListOf(rule), "What is not matched, though a rule above says so."),
            "namespaceSelector": Field(selector(), "Labels of the namespace."),
            "objectSelector": Field(selector(), "Labels of the object, or of the old one."),
            "matchPolicy": Field(
                Choice(("Equivalent", "Exact")), "Whether other versions of a resource match too; default Equivalent."
            ),
        },
    )


def _validation(**written: Any) -> model.Validation:
    span = written["span"]
    value = written.pop("value", None)
    tests = [(test, written.pop(snake(test))) for test in TESTS if snake(test) in written]
    if value is not None:
        test, operand = tests[0]
        operand = None if test in ("present", "absent") else operand
        rule: Any = model.Constraint(value, test, operand, span=span)
    else:
        rule = written.pop("expression")
    return model.Validation(**{"name": "", **written, "rule": rule})


def _mutation(**written: Any) -> model.Mutation:
    span = written.pop("span")
    for kind in PATCHES:
        if snake(kind) in written:
            return model.Patch(kind, written[snake(kind)], span=span)
    loops = {name: written[name] for name in ("for_each", "when") if name in written}
    if "set" in written:
        return model.Write("set", written["set"], written["to"], **loops, span=span)
    if "add" in written:
        return model.Write("add", (written["to"],), written["add"], **loops, span=span)
    return model.Write("remove", (written["from"],), written["remove"], **loops, span=span)


FOR_EACH = Field(Loops(), "Variables and the lists they run over; a later list may use an earlier variable.")
WHEN = Field(Cel(), "Where this is false, nothing is done; it sees the forEach variables.")
SEVERITY = Choice(("low", "medium", "high", "critical"))

VALIDATION = Record(
    "Validation",
    _validation,
    {
        "name": Field(Text(NAME, "a name"), "The rule's name, for findings and exceptions: what it finds."),
        "forEach": FOR_EACH,
        "when": WHEN,
        "expression": Field(Cel(), "Must be true."),
        "value": Field(Cel(), "A value that a constraint is put on; absent and null pass all but `present`."),
        "equals": Field(Operand(), "The value must equal this."),
        "oneOf": Field(Operand(), "The value must be in this list."),
        "noneOf": Field(Operand(), "The value must not be in this list."),
        "inRanges": Field(Operand(), "The value must be in one of these {min, max}, both included."),
        "matches": Field(Operand(), "The value must match this RE2 pattern, anywhere in it."),
        "present": Field(Flag(only=True), "There must be a value."),
        "absent": Field(Flag(only=True), "There must be no value."),
        "field": Field(Cel(), "The path that findings point to; left out: the value's, or the innermost element's."),
        "message": Field(Message(), "What is said of each failure; {{ CEL }} is replaced."),
        "messageExpression": Field(Cel(), "CEL that gives the message; `message` is its fallback."),
        "separator": Field(Text(), "Between the messages of several elements; default '; '."),
        "summary": Field(Message(), "Said instead, where all the messages exceed 5 KiB."),
        "reason": Field(Choice(("Forbidden", "Invalid", "RequestEntityTooLarge")), "Decides the status code."),
        "severity": Field(SEVERITY, "How bad it is; default the policy's."),
    },
    forms=(Form(("expression",)), *(Form(("value", test)) for test in TESTS)),
)


def _mutation_table() -> Record:
    expression = Record("Expression", lambda expression, span: expression, {"expression": Field(Cel(), "CEL.", True)})
    return Record(
        "Mutation",
        _mutation,
        {
            "set": Field(OneOrMore(Cel()), "The path, or paths, given the value `to`; missing parents are made."),
            "add": Field(Operand(), "A list; what is missing of it is appended to the list at the path `to`."),
            "remove": Field(Operand(), "A list; what is in it is taken from the list at the path `from`."),
            "to": Field(Operand(), "With `set` the value, with `add` the path of the list."),
            "from": Field(Cel(), "The path of the list."),
            "applyConfiguration": Field(expression, "As in a MutatingAdmissionPolicy."),
            "jsonPatch": Field(expression, "As in a MutatingAdmissionPolicy."),
            "forEach": FOR_EACH,
            "when": WHEN,
        },
        forms=(
            *(Form(fields, ("forEach", "when")) for fields in (("set", "to"), ("add", "to"), ("remove", "from"))),
            *(Form((patch,)) for patch in PATCHES),
        ),
    )


MUTATION = _mutation_table()

MATCH_CONDITIONS = Field(
    ListOf(
        Record(
            "MatchCondition",
            model.MatchCondition,
            {
                "name": Field(Text(QUALIFIED, "a qualified name"), "The condition's name.", required=True),
                "expression": Field(Cel(), "Where it is false, the policy does not apply.", required=True),
            },
        ),
        at_most=64,
        unique="name",
    ),
    "Conditions that must all be true for the policy to apply; they see no variables.",
)

POLICY_SPEC = Record(
    "PolicySpec",
    dict,
    {
        "title": Field(Text(), "What the policy demands, in a sentence."),
        "description": Field(Text(), "Why it matters, and the source: standard, section."),
        "severity": Field(SEVERITY, "How bad a violation is; default medium."),
        "subject": Field(Choice(("PodSpec",)), "PodSpec: a rule about `pod`, for every kind that carries one."),
        "settings": Field(SchemaOf(), "An OpenAPI v3 schema, as in a CustomResourceDefinition."),
        "matchConstraints": Field(match_resources(), "What the policy is about; narrows the subject."),
        "matchConditions": MATCH_CONDITIONS,
        "variables": Field(
            ListOf(
                Record(
                    "Variable",
                    model.Variable,
                    {
                        "name": Field(Text(IDENTIFIER, "an identifier"), "variables.NAME", required=True),
                        "expression": Field(Cel(), "Evaluated where it is first needed.", required=True),
                    },
                ),
                unique="name",
            ),
            "Values for the rules; each sees those before it.",
        ),
        "validations": Field(ListOf(VALIDATION), "What must hold."),
        "mutations": Field(ListOf(MUTATION), "What is written."),
        "auditAnnotations": Field(
            ListOf(
                Record(
                    "AuditAnnotation",
                    model.AuditAnnotation,
                    {
                        "key": Field(Text(NAME, "a name", longest=63), "The annotation's key.", required=True),
                        "valueExpression": Field(Cel(), "A string; null writes none.", required=True),
                    },
                ),
                at_most=20,
                unique="key",
            ),
            "What is noted in the audit event of the request.",
        ),
        "failurePolicy": Field(Choice(("Fail", "Ignore")), "What an error means: denied (default), or passed over."),
        "paramKind": Field(
            Record(
                "ParamKind",
                model.ParamKind,
                {
                    "apiVersion": Field(Text(), "group/version, v1 for the core group.", required=True),
                    "kind": Field(Text(), "The kind.", required=True),
                },
            ),
            "The kind of the parameter objects, `params`.",
        ),
        "policies": Field(
            ListOf(Name(), at_least=1, unique="."), "Of a profile: its policies, instead of rules of its own."
        ),
        "unless": Field(
            MapOf(Cel()), "Of a profile: CEL about the settings, by policy; where it is true, that policy is left out."
        ),
        "messageExpression": Field(Cel(), "Of a profile: one message of all its findings, where it denies."),
    },
)

EXCEPTION = Record(
    "Exception",
    model.RuleException,
    {
        "name": Field(Text(NAME, "a name"), "The exception's name.", required=True),
        "reason": Field(Text(), "Why it is granted, and by whom.", required=True),
        "rules": Field(ListOf(Name(), at_least=1, unique="."), "Names of validations; left out: the whole policy."),
        "mutations": Field(Flag(), "Whether the mutations are skipped too."),
        "expires": Field(Day(), "The last day on which it holds (UTC)."),
        "when": Field(Cel(), "Where it holds; left out: always."),
    },
)

BINDING_SPEC = Record(
    "PolicyBindingSpec",
    dict,
    {
        "policyName": Field(Name(), "A policy of the rule set, or the path of one in the library.", required=True),
        "settings": Field(Settings(), "Settings, as the policy's schema has them."),
        "validationActions": Field(
            ListOf(Choice(("Deny", "Warn", "Audit")), at_least=1, unique="."), "What a violation causes; default Deny."
        ),
        "matchResources": Field(match_resources(), "Narrows what the policy is about."),
        "exceptions": Field(ListOf(EXCEPTION, unique="name"), "What is let through, and why."),
        "paramRef": Field(
            Record(
                "ParamRef",
                model.ParamRef,
                {
                    "name": Field(Text(), "The parameter object's name."),
                    "selector": Field(selector(), "Selects parameter objects by their labels."),
                    "namespace": Field(Text(), "Its namespace; default that of the request."),
                    "parameterNotFoundAction": Field(
                        Choice(("Allow", "Deny")), "What it means where there is none.", required=True
                    ),
                },
                forms=(Form(("name",)), Form(("selector",))),
            ),
            "The parameter objects, `params`.",
        ),
    },
)


def document(kind: str, spec: Record) -> Record:
    """The table of a whole document."""
    metadata = Record(
        "Metadata",
        dict,
        {
            "name": Field(Text(SUBDOMAIN, "a DNS subdomain", longest=253), "The object's name.", required=True),
            "labels": Field(MapOf(Text()), "Labels; they change nothing."),
            "annotations": Field(MapOf(Text()), "Annotations; they change nothing."),
        },
    )
    return Record(
        kind,
        dict,
        {
            "apiVersion": Field(Choice((API_VERSION,)), "The version of the rule language.", required=True),
            "kind": Field(Choice((kind,)), "What the document is.", required=True),
            "metadata": Field(metadata, "Name, labels, annotations.", required=True),
            "spec": Field(spec, "The content.", required=True),
        },
    )


DOCUMENTS = {"Policy": document("Policy", POLICY_SPEC), "PolicyBinding": document("PolicyBinding", BINDING_SPEC)}


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a rule file's documents, for completion in editors."""
    definitions: dict[str, Any] = {}
    choices = [
        {
            "if": {"properties": {"apiVersion": {"const": API_VERSION}, "kind": {"const": kind}}},
            "then": shapes.json_schema(record, definitions),
        }
        for kind, record in DOCUMENTS.items()
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Rule files of admit",
        "type": "object",
        "required": ["apiVersion", "kind"],
        "properties": {"apiVersion": {"type": "string"}, "kind": {"type": "string"}},
        "allOf": choices,
        "$defs": dict(sorted(definitions.items())),
    }
