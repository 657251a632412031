"""The libraries of Kubernetes answer as the API server does: what the examples of the functions do not show."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from admit.cel.check import check
from admit.cel.evaluate import evaluate
from admit.cel.library.addresses import cidr, ip
from admit.cel.library.urls import url
from admit.cel.link import Environment, parse_in
from admit.cel.values import Duration, Uint, Value, encode
from admit.errors import EvaluationError

ENVIRONMENT = Environment(kubernetes="1.37")

VALUES = [
    ("[ip('1.2.3.4'), ip('1.2.3.4')].distinct() == [ip('1.2.3.4')]", True),
    ("string(ip('1:0:0:2:0:0:0:3'))", "1:0:0:2::3"),
    ("string(ip('1:0:0:2:3:0:0:4'))", "1::2:3:0:0:4"),
    ("string(ip('::1.2.3.4'))", "::102:304"),
    ("string(ip('0001:0:0:0:0:0:0:0'))", "1::"),
    ("ip('1:2:3:4:5:6:7::') == ip('1:2:3:4:5:6:7:0')", True),
    ("cidr('::/128').containsCIDR('::/128')", True),
    ("cidr('::/0').containsIP('1.2.3.4')", False),
    ("cidr('0.0.0.0/0').containsCIDR(cidr('::/0'))", False),
    ("string(cidr('255.255.255.255/9').masked())", "255.128.0.0/9"),
    (
        "ip('fe80::1').isLinkLocalUnicast() && ip('febf::').isLinkLocalUnicast() && !ip('fec0::').isLinkLocalUnicast()",
        True,
    ),
    ("ip('ff32::1').isLinkLocalMulticast()", True),
    ("ip('10.0.0.1').isGlobalUnicast() && ip('fd00::1').isGlobalUnicast() && !ip('239.1.1.1').isGlobalUnicast()", True),
    ("'::1' == dyn(ip('::1'))", False),
    ("dyn(ip('::1')) != '::1'", True),
    ("[dyn(ip('::1'))] == ['::1']", True),
    ("{'a': dyn(ip('::1'))} == {'a': 1}", True),
    ("dyn(ip('::1')) in ['::1']", False),
    ("[dyn(url('/a')), dyn(true)].exists(x, x == true)", True),
    ("[dyn(url('/a')), dyn('b')].exists(x, x == 'b')", True),
    ("dyn(url('/a')) == null", False),
    ("url('*').getEscapedPath()", "*"),
    ("url('//a/b').getHost()", "a"),
    ("isURL('//[')", True),
    ("url('http://[fe80::1%25en0]:80/').getHostname()", "fe80::1%en0"),
    ("url('db://a:1,b:2/').getHost()", "a:1,b:2"),
    ("url('http://%c3%a9/').getHost()", "é"),
    ("url('http://é/') == url('http://%C3%A9/')", True),
    ("url('/a#%41') == url('/a#A')", False),
    ("url('/a#b') == url('/a')", False),
    ("url('http://a?') == url('http://a')", False),
    ("url('http:///a').getHost()", ""),
    ("url('http:/a') == url('http:///a')", False),
    ("url('mailto:a@b?c=d').getQuery()", {"c": ["d"]}),
    ("url('http://u:p@h') == url('http://u%3Ap@h')", False),
    ("url('http://@h') == url('http://h')", False),
    ("url('https:://x').getEscapedPath()", ""),
    ("url('/a%2Fb c').getEscapedPath()", "/a/b%20c"),
    ('url("/a\'(b)[c]").getEscapedPath()', "/a'(b)[c]"),
    ("url('/?a=1&a=2&b;c=d&%zz=1&=e&f+g=h+%2B').getQuery() == {'a': ['1', '2'], '': ['e'], 'f g': ['h +']}", True),
    ("url('/?a=%ff').getQuery()", {"a": ["�"]}),
    ("[1.5, 0.5].min()", 0.5),
    ("[dyn(1), dyn(0.5), dyn(2u)].max()", Uint(2)),
    ("[dyn(1), dyn('a')].max()", 1),
    ("[dyn(2), dyn(1), dyn(null)].isSorted()", False),
    ("[1, 2].filter(x, x > 2).sum()", 0),
    ("['a'].map(x, 1.5).filter(x, x > 2.0).sum()", 0.0),
    ("[duration('1s'), duration('2m')].sum()", Duration(121000000000)),
    ("[0.0/0.0, 1.0].min()", float("nan")),
    ("[1, 2, 1].lastIndexOf(1)", 2),
    ("[dyn(null), dyn(1.0)].indexOf(1)", 1),
    ("[1u, 2u].includes(1u)", True),
    ("dyn(1).includes(1.0)", True),
    ("[3, 1, 2].sortBy(x, -x)", [3, 2, 1]),
    ("['bb', 'a', 'cc'].sortBy(x, size(x))", ["a", "bb", "cc"]),
    ("lists.range(20).sortBy(x, x % 3)", [9, 18, 15, 3, 12, 0, 6, 10, 7, 4, 13, 16, 1, 19, 8, 5, 11, 14, 2, 17]),
    (
        "lists.range(60).sortBy(x, x % 2)",
        [
            46,
            44,
            2,
            58,
            30,
            56,
            6,
            54,
            8,
            52,
            10,
            50,
            12,
            48,
            14,
            0,
            16,
            28,
            18,
            42,
            20,
            40,
            22,
            38,
            24,
            36,
            26,
            34,
            32,
            4,
            45,
            11,
            1,
            33,
            27,
            35,
            25,
            37,
            23,
            29,
            21,
            41,
            19,
            39,
            31,
            43,
            9,
            17,
            13,
            49,
            47,
            51,
            15,
            53,
            7,
            55,
            5,
            57,
            3,
            59,
        ],
    ),
    ("[1.0, 0.0/0.0, 0.5].sort()", [1.0, float("nan"), 0.5]),
    ("[true, false].sort()", [False, True]),
    ("[[1], [], [2]].flatten()", [1, 2]),
    ("[[[1], [2]], [[3]]].map(x, x.filter(y, y != [2])).flatten()", [[1], [3]]),
    ("[[1, 2], []].map(x, x.size() > 0, x.map(y, y + 1)).flatten()", [2, 3]),
    ("'aaa'.findAll('a*?')", ["", "", "", ""]),
    ("'aé b'.findAll('\\\\b')", ["", "", "", ""]),
    ("'aé'.findAll('')", ["", "", ""]),
    ("'abc'.findAll('[a-z]', 2)", ["a", "b"]),
    ("'abc'.find('(?P<n>b)c')", "bc"),
    ("'abc'.find(dyn('x'))", ""),
    ("'aéa'.findAll('\\\\B')", []),
]


@pytest.mark.parametrize(("text", "expected"), VALUES)
def test_value(text: str, expected: Value) -> None:
    within = ENVIRONMENT.declarations
    assert encode(ENVIRONMENT.compile(text)()) == encode(expected)
    assert encode(evaluate(check(parse_in(within, text), within), {}, within)) == encode(expected)


FAILURES = [
    ("dyn(ip('::1')) == '::1'", "no such overload"),
    ("optional.of(dyn(ip('::1'))) == optional.of(dyn(1))", "no such overload"),
    (
        "url('/\\u0001')",
        'URL parse error during conversion from string: parse "/\\x01": net/url: invalid control character in URL',
    ),
    ("[].min()", "min called on empty list"),
    ("[dyn(1), dyn(null)].isSorted()", "no such overload"),
    ("[dyn(1), dyn('a')].sum()", "no such overload"),
    ("dyn([1]).sortBy(x, null)", "list elements must be comparable"),
    ("[dyn(1), dyn('a')].sort()", "list elements must have the same type"),
    ("dyn(1).sortBy(x, x)", "got 'types.Int', expected iterable type"),
    ("dyn({'a': 1}).sortBy(x, x)", "no such overload: @sortByAssociatedKeys"),
    ("lists.range(-1)", "lists.range: size must be non-negative, got -1"),
    ("[1, 2].slice(1, 3)", "cannot slice(1, 3), list is length 2"),
    ("'a'.findAll('(' + 'a')", "Illegal regex: error parsing regexp: missing closing ): `(a`"),
    ("dyn(1).find('a')", "no such overload"),
]


@pytest.mark.parametrize(("text", "message"), FAILURES)
def test_failure(text: str, message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        ENVIRONMENT.compile(text)()
    assert str(caught.value) == message


NETWORK = "network address parse error during conversion from string"
READING = [
    (ip, "", "unable to parse IP"),
    (ip, "a", "unable to parse IP"),
    (ip, "%eth0", "missing IPv6 address"),
    (ip, "1.2.3.256", "IPv4 field has value >255"),
    (ip, "1.2.3.04", "IPv4 field has octet with leading zero"),
    (ip, "1..2.3", 'IPv4 field must have at least one digit (at ".2.3")'),
    (ip, "1.2.3.4.", 'IPv4 field must have at least one digit (at ".")'),
    (ip, "1.2.3.é", 'unexpected character (at "é")'),
    (ip, "1.2.3", "IPv4 address too short"),
    (ip, "1:2:3:4:5:6:7", "address string too short"),
    (ip, "1:2:3:4:5:6:7:8:9", 'trailing garbage after address (at "9")'),
    (ip, "1::2::3", 'multiple :: in address (at ":3")'),
    (ip, "12345::", 'each group must have 4 or less digits (at "12345::")'),
    (ip, "1:2:", 'colon must be followed by more characters (at ":")'),
    (ip, "1:x", 'each colon-separated field must have at least one digit (at "x")'),
    (ip, "::1:2:3:4:5:6:7:8", "the :: must expand to at least one field of zeros"),
    (ip, "1:1.2.3.4", 'embedded IPv4 address must replace the final 2 fields of the address (at "1.2.3.4")'),
    (
        ip,
        "1:2:3:4:5:6:7:1.2.3.4",
        'embedded IPv4 address must replace the final 2 fields of the address (at "1.2.3.4")',
    ),
    (ip, "::1.2.3", "IPv4 address too short"),
    (ip, "fe80::1%", "zone must be a non-empty string"),
    (cidr, "1.2.3.4", "no '/'"),
    (cidr, "x/8", 'ParseAddr("x"): unable to parse IP'),
    (cidr, "fe80::1%a/64", "IPv6 zones cannot be present in a prefix"),
    (cidr, "1.2.3.4/33", "prefix length out of range"),
    (cidr, "1.2.3.4/08", 'bad bits after slash: "08"'),
    (cidr, "1.2.3.4/-1", 'bad bits after slash: "-1"'),
    (url, "", "empty url"),
    (url, "a", "invalid URI for request"),
    (url, ":a", "missing protocol scheme"),
    (url, "//[", "missing ']' in host"),
    (url, "http://[::1", "missing ']' in host"),
    (url, "http://[::1]x", 'invalid port "x" after host'),
    (url, "http://[1.2.3.4]", "invalid IP-literal"),
    (url, "http://a[::1]", "invalid IP-literal"),
    (url, "http://a:b/", 'invalid port ":b" after host'),
    (url, "http://a:1:2/", 'invalid port ":1:2" after host'),
    (url, "http://a b/", 'invalid character " " in host name'),
    (url, "http://a%41/", 'invalid URL escape "%41"'),
    (url, "http://a/%zz", 'invalid URL escape "%zz"'),
    (url, "http://a/%", 'invalid URL escape "%"'),
    (url, "/a#%zz", 'invalid URL escape "%zz"'),
    (url, "http://u[@h", "net/url: invalid userinfo"),
]
PREFIXES: dict[Callable[[str], Value], str] = {
    ip: 'IP Address "{0}" parse error during conversion from string: ParseAddr("{0}"): ',
    cidr: f'{NETWORK}: {NETWORK}: netip.ParsePrefix("{{0}}"): ',
    url: 'URL parse error during conversion from string: parse "{0}": ',
}


@pytest.mark.parametrize(("read", "text", "problem"), READING)
def test_what_cannot_be_read(read: Callable[[str], Value], text: str, problem: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        read(text)
    assert str(caught.value) == PREFIXES[read].format(text) + problem
