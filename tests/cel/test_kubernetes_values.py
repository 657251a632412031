"""Kubernetes' values: what they equal, how they are written, which versions have them."""

from __future__ import annotations

from itertools import pairwise

import pytest

from admit.cel.ast import Literal
from admit.cel.library import functions
from admit.cel.library.authorization import Attributes, Authorizer, User, Verdict, request_resource
from admit.cel.library.quantity import parse_quantity
from admit.cel.library.semver import parse_semver
from admit.cel.link import Environment
from admit.cel.unparse import unparse
from admit.cel.values import decode, encode
from admit.errors import CompileError, EvaluationError

# Of cel-go; `no` is an error, no such overload.
EQUALITY = [
    ("dyn(quantity('1')) == 'x'", "no"),
    ("'x' == dyn(quantity('1'))", False),
    ("dyn(quantity('1')) != 'x'", True),
    ("dyn(quantity('1')) == null", False),
    ("dyn(quantity('1')) == dyn(semver('1.0.0'))", "no"),
    ("quantity('1k') == quantity('1000')", True),
    ("quantity('70k') == quantity('50k').add(quantity('20k'))", "no"),
    ("quantity('50k').add(quantity('20k')) == quantity('70k')", True),
    ("[quantity('70k')] == [quantity('50k').add(1)]", True),
    ("[dyn(quantity('1'))] == [dyn('x')]", True),
    ("[dyn('x')] == [dyn(quantity('1'))]", False),
    ("{'a': dyn(quantity('1'))} == {'a': dyn('x')}", True),
    ("optional.of(dyn(quantity('1'))) == optional.of(dyn('x'))", "no"),
    ("dyn(quantity('1')) in ['x']", False),
    ("'x' in [dyn(quantity('1')), dyn('x')]", True),
    ("quantity('2') in [quantity('1').add(1)]", False),
    ("semver('1.0.0+a') == semver('1.0.0+b')", True),
    ("format.uri() == format.date()", False),
    ("dyn(format.uri()) == 'uri'", "no"),
]


@pytest.mark.parametrize(("text", "expected"), EQUALITY)
def test_equality(text: str, expected: bool | str) -> None:
    program = Environment("1.36").compile(text)
    if expected == "no":
        with pytest.raises(EvaluationError, match="no such overload"):
            program()
    else:
        assert program() is expected


QUANTITIES = [
    ("1000m", "1"),
    ("1.5Gi", "1536Mi"),
    ("0.1n", "1n"),
    ("-0.1n", "-1n"),
    ("1500", "1500"),
    ("1500000", "1500k"),
    ("12e6", "12e6"),
    ("1.25e3", "1250"),
    ("1023", "1023"),
    ("1.1Ki", "1126400m"),
    ("9999999999999999999Ki", "9223372036854775807"),
    ("0", "0"),
    ("+.5", "500m"),
]


@pytest.mark.parametrize(("text", "canonical"), QUANTITIES)
def test_quantities_in_writing(text: str, canonical: str) -> None:
    assert str(parse_quantity(text)) == canonical
    assert parse_quantity(canonical).equals(parse_quantity(text))


@pytest.mark.parametrize(
    "encoded",
    [{"quantity": "12Mi"}, {"semver": "1.2.3-beta.1+x"}, {"url": "/a"}, {"ip": "::1"}, {"cidr": "::1/8"}],
)
def test_encodings(encoded: dict[str, str]) -> None:
    assert encode(decode(encoded)) == encoded


@pytest.mark.parametrize("size", [4001, 100_000])
def test_quantities_have_no_endless_digits(size: int) -> None:
    with pytest.raises(EvaluationError, match="more than 4000 digits"):
        parse_quantity("9" * size)


def test_far_apart_quantities_are_compared() -> None:
    assert Environment("1.36").compile("quantity('1e2147483647').compareTo(quantity('1e-9'))")() == 1
    with pytest.raises(EvaluationError, match="more than 4000 digits"):
        Environment("1.36").compile("quantity('1e2147483647').add(1)")()


def test_constants_in_writing() -> None:
    for text in ("quantity('1Gi')", "semver('1.2.3')", "format.uri()"):
        assert unparse(Literal("constant", Environment("1.36").compile(text)())) == text


@pytest.mark.parametrize(
    ("function", "since"),
    [("quantity", 28), ("format.uri", 31), ("fieldSelector", 32), ("semver", 33), ("serviceAccount", 28)],
)
def test_versions(function: str, since: int) -> None:
    for minor in range(28, 38):
        assert (function in functions(minor)) is (minor >= since)
    assert function not in functions(None)


def test_a_function_of_later_versions_is_refused() -> None:
    with pytest.raises(CompileError, match=r"undeclared reference to 'semver'.*Kubernetes 1\.33 and later have it"):
        Environment("1.31").compile("semver('1.0.0').major() == 1")


@pytest.mark.parametrize("function", ["math.greatest(1)", "base64.encode(b'')", "cel.block([1], cel.index(0))"])
def test_the_specification_s_own(function: str) -> None:
    Environment().compile(function)
    with pytest.raises(CompileError):
        Environment("1.36").compile(function)


AUTHORIZER = {
    "authorizer": "kubernetes.authorization.Authorizer",
    "authorizer.requestResource": "kubernetes.authorization.ResourceCheck",
}


def test_the_authorizer_is_asked() -> None:
    asked: list[Attributes] = []

    def authorize(attributes: Attributes) -> Verdict:
        asked.append(attributes)
        return Verdict(attributes.verb == "get", "so it is")

    authorizer = Authorizer(User("ann", groups=("staff",)), authorize)
    values = {
        "authorizer": authorizer,
        "authorizer.requestResource": request_resource(authorizer, "apps", "deployments", "", "default", "web"),
    }
    environment = Environment("1.36", AUTHORIZER)
    assert environment.compile("authorizer.requestResource.name('db').check('get').allowed()")(**values) is True
    assert environment.compile("authorizer.path('/healthz').check('put').reason()")(**values) == "so it is"
    user = User("ann", groups=("staff",))
    assert asked == [
        Attributes(user, "get", "", "apps", "deployments", "", "default", "db"),
        Attributes(user, "put", "/healthz"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("authorizer.path('/').check('get').allowed()", "no authorizer is configured to ask"),
        ("authorizer.path(' ').check('get').allowed()", "path must not be empty"),
        ("authorizer.group('').resource('').check('get').allowed()", "resource must not be empty"),
        ("authorizer.serviceAccount('-', '-').path('/').check('get').allowed()", "Invalid service account name"),
        ("authorizer.serviceAccount('-', 'a').path('/').check('get').allowed()", "Invalid service account namespace"),
        ("authorizer == authorizer", "no such overload"),
    ],
)
def test_no_answer(text: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        Environment("1.36", AUTHORIZER).compile(text)(authorizer=Authorizer(User("ann")))


def test_semver_order() -> None:
    texts = ["1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-a", "1.0.0-a.1", "1.0.0-a.b", "1.0.0", "1.0.1", "1.10.0"]
    for lower, higher in pairwise(texts):
        program = Environment("1.36").compile(f"semver('{lower}').isLessThan(semver('{higher}'))")
        assert program() is True
    assert parse_semver("1.2.3-a+b").build == ("b",)
