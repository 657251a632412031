"""Kubernetes' URLs: read, taken apart and printed as Go's net/url does."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from admit.cel.library import overload
from admit.cel.library.addresses import parse_address
from admit.cel.library.formatting import quoted
from admit.cel.regex import encoded
from admit.cel.types import Type, object_type
from admit.cel.values import Exclusive, Value
from admit.errors import EvaluationError

url_overload = partial(overload, library="urls")


@dataclass(frozen=True, slots=True, eq=False)
class URL(Exclusive):
    """An absolute URL or path. `text` is the canonical one, by which two are equal."""

    TYPE: ClassVar[Type] = object_type("kubernetes.URL")
    text: str
    scheme: str = ""
    host: str = ""
    escaped_path: str = ""
    query: str = ""

    def equals(self, other: Value) -> bool | None:
        return self.text == other.text if isinstance(other, URL) else None

    def __str__(self) -> str:
        return self.text


@url_overload(
    "url(string) -> kubernetes.URL",
    "url('HTTP://a/b c') == url('http://a/b%20c')",
    id="string_to_url",
    fails={"url('a/b')": 'URL parse error during conversion from string: parse "a/b": invalid URI for request'},
)
def url(text: str) -> URL:
    """The URL of a text: an absolute one, or an absolute path."""
    raw = _octets(text)
    with _reading(raw):
        _parse(raw, of_request=True)  # which knows no fragments
    written, _, fragment = raw.partition("#")
    with _reading(written):
        parsed = _parse(written)
    with _reading(raw):
        canonical = parsed.text + (f"#{_escaped(fragment, _FRAGMENT)}" if _unescaped(fragment) else "")
    return replace(parsed, text=_text(canonical))


@url_overload("isURL(string) -> bool", "isURL('/a') && !isURL('http://a:b/')", id="is_url_string")
def is_url(text: str) -> bool:
    """Whether `url` takes the text, whatever its fragment."""
    try:
        _parse(_octets(text), of_request=True)
    except ValueError:
        return False
    return True


@url_overload("kubernetes.URL.getScheme() -> string", "url('HTTP://a').getScheme() == 'http'", id="url_get_scheme")
def get_scheme(of: URL) -> str:
    """The scheme, in lower case; empty of a path."""
    return of.scheme


@url_overload(
    "kubernetes.URL.getHost() -> string", "url('http://[::1]:80/').getHost() == '[::1]:80'", id="url_get_host"
)
def get_host(of: URL) -> str:
    """The host, with the port."""
    return _text(of.host)


@url_overload(
    "kubernetes.URL.getHostname() -> string", "url('http://[::1]:80/').getHostname() == '::1'", id="url_get_hostname"
)
def get_hostname(of: URL) -> str:
    """The host without the port, an IPv6 address without its brackets."""
    name = _PORT.sub("", of.host)
    return _text(name[1:-1] if name.startswith("[") and name.endswith("]") else name)


@url_overload("kubernetes.URL.getPort() -> string", "url('http://[::1]:80/').getPort() == '80'", id="url_get_port")
def get_port(of: URL) -> str:
    """The port; empty if there is none."""
    port = _PORT.search(of.host)
    return port[0][1:] if port else ""


@url_overload(
    "kubernetes.URL.getEscapedPath() -> string",
    "url('http://a/b c').getEscapedPath() == '/b%20c'",
    id="url_get_escaped_path",
)
def get_escaped_path(of: URL) -> str:
    """The path, escaped."""
    return of.escaped_path


@url_overload(
    "kubernetes.URL.getQuery() -> map(string, list(string))",
    "url('/a?k=1&b&k=%32').getQuery() == {'k': ['1', '2'], 'b': ['']}",
    id="url_get_query",
)
def get_query(of: URL) -> dict[str, list[str]]:
    """The values of each key of the query; what is not well written there is left out."""
    values: dict[str, list[str]] = {}
    pairs = of.query.split("&")
    for pair in pairs if len(pairs) <= _MOST_PAIRS else ():
        if pair and ";" not in pair:
            key, _, value = pair.replace("+", " ").partition("=")
            try:
                key, value = _text(_unescaped(key)), _text(_unescaped(value))
            except ValueError:
                continue
            values.setdefault(key, []).append(value)
    return values


# Below, a string has a character for each byte of UTF-8, and a ValueError says what Go says.

_MOST_PAIRS = 10_000
_UNRESERVED = string.ascii_letters + string.digits + "-._~"
_PATH = frozenset(_UNRESERVED + "$&+,/:;=@")
_FRAGMENT = frozenset(_UNRESERVED + "!$&()*+,/:;=?@")
_HOST = frozenset(_UNRESERVED + "!\"$&'()*+,:;<=>[]")
_USER = frozenset(_UNRESERVED + "$&+,;=")
_LEFT_ALONE = frozenset("!$&'()*+,;=:@[]%")  # in a path or fragment that is escaped already
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"(?:[a-zA-Z][a-zA-Z0-9+.-]*)?:")
_USER_INFO = re.compile(r"[A-Za-z0-9._:~!$&'()*+,;=%@-]*")
_PORT = re.compile(r":[0-9]*\Z")
_ESCAPE = re.compile(r"%([0-9a-fA-F]{2})?")
_HOST_SPECIAL = re.compile(rf"{_ESCAPE.pattern}|[^{re.escape(''.join(sorted(_HOST)))}\x80-\xff]")


def _octets(text: str) -> str:
    return encoded(text).decode("latin-1")


def _text(octets: str) -> str:
    """The text of the bytes; each that is no UTF-8 becomes U+FFFD."""
    text = _escaping(octets)
    return text if text.isascii() else re.sub("[\udc80-\udcff]", "\ufffd", text)


def _escaping(octets: str) -> str:
    return octets.encode("latin-1").decode(errors="surrogateescape")


def _shown(octets: str) -> str:
    return quoted(_escaping(octets))


@contextmanager
def _reading(octets: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        problem = f"parse {_shown(octets)}: {error}"
        raise EvaluationError(f"URL parse error during conversion from string: {problem}") from None


def _parse(raw: str, of_request: bool = False) -> URL:
    """The URL, without regard to a fragment. `of_request`: `//a` is a path, not the host a."""
    if _CONTROL.search(raw):
        raise ValueError("net/url: invalid control character in URL")
    if not raw:
        raise ValueError("empty url")
    if raw == "*":
        return URL("*", escaped_path="*")
    scheme, rest = _split_scheme(raw)
    rest, mark, query = rest.partition("?")
    tail = mark + query
    if not rest.startswith("/"):
        if not scheme:
            raise ValueError("invalid URI for request")
        return URL(f"{scheme}:{rest}{tail}", scheme, query=query)
    user = host = ""
    with_host = rest.startswith("//") and bool(scheme or not (of_request or rest.startswith("///")))
    if with_host:
        authority, slash, rest = rest[2:].partition("/")
        rest = slash + rest
        user, host = _split_user(scheme, authority)
    path = _escaped(rest, _PATH)
    head = f"{scheme}:" if scheme else ""
    if with_host and (user or host or (scheme and path)):
        head += "//" + user + _percent(host, _HOST)
    return URL(head + path + tail, scheme, host, path, query)


def _split_scheme(raw: str) -> tuple[str, str]:
    found = _SCHEME.match(raw)
    if not found:
        return "", raw
    if found[0] == ":":
        raise ValueError("missing protocol scheme")
    return found[0][:-1].lower(), raw[found.end() :]


def _split_user(scheme: str, authority: str) -> tuple[str, str]:
    """The escaped user with an `@`, if there is one, and the host."""
    user, at, host = authority.rpartition("@")
    host = _host(scheme, host)
    if not _USER_INFO.fullmatch(user):
        raise ValueError("net/url: invalid userinfo")
    name, colon, password = user.partition(":")
    return _percent(_unescaped(name), _USER) + colon + _percent(_unescaped(password), _USER) + at, host


def _host(scheme: str, host: str) -> str:
    bracket = host.rfind("[")
    if bracket > 0:
        raise ValueError("invalid IP-literal")
    if bracket == 0:
        name, closing, port = host[1:].rpartition("]")
        if not closing:
            raise ValueError("missing ']' in host")
        _check_port(port)
        return f"[{_literal_address(name)}]{port}"
    name, colon, port = host.partition(":") if scheme in ("http", "https") else host.rpartition(":")
    if colon:
        _check_port(colon + port)
    return _unescaped_host(host)


def _check_port(port: str) -> None:
    if port and not _PORT.match(port):
        raise ValueError(f"invalid port {_shown(port)} after host")


def _literal_address(name: str) -> str:
    """The IPv6 address between brackets, with its zone, after an escaped percent sign, if it has one."""
    zone = name.find("%25")
    address = _unescaped_host(name) if zone < 0 else _unescaped_host(name[:zone])
    if zone >= 0:
        address += _unescaped_host(name[zone:], zone=True)
    try:
        parsed, _ = parse_address(_escaping(address))
    except ValueError as error:
        raise ValueError(f"invalid host: {error}") from None
    if parsed.bits == 32:
        raise ValueError("invalid IP-literal")
    return address


def _escaped(part: str, kept: frozenset[str]) -> str:
    """The part of a URL with all escaped but what is kept; as it is, where it is well escaped."""
    plain = _unescaped(part)
    if all(char in kept or char in _LEFT_ALONE for char in part):
        return part
    return _percent(plain, kept)


def _percent(plain: str, kept: frozenset[str]) -> str:
    return "".join(char if char in kept else f"%{ord(char):02X}" for char in plain)


def _unescaped(part: str) -> str:
    return _ESCAPE.sub(lambda found: chr(_code(found)), part)


def _code(escape: re.Match[str]) -> int:
    if escape[1] is None:
        raise _bad_escape(escape)
    return int(escape[1], 16)


def _bad_escape(escape: re.Match[str]) -> ValueError:
    return ValueError(f"invalid URL escape {_shown(escape.string[escape.start() :][:3])}")


def _unescaped_host(part: str, zone: bool = False) -> str:
    """Escapes stand for what is not ASCII, or the percent sign; in a zone, for what a host may have, or a space."""

    def plain(found: re.Match[str]) -> str:
        if found[0][0] != "%":
            raise ValueError(f"invalid character {_shown(found[0])} in host name")
        char = chr(_code(found))
        if found[0] != "%25" and (char != " " and char not in _HOST if zone else char < "\x80"):
            raise _bad_escape(found)
        return char

    return _HOST_SPECIAL.sub(plain, part)
