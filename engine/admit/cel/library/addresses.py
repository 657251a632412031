"""Kubernetes' IP addresses and CIDRs: read and printed as Go's net/netip does."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from typing import ClassVar

from admit.cel.library import overload
from admit.cel.library.formatting import quoted
from admit.cel.types import Type, opaque
from admit.cel.values import Exclusive, Value
from admit.errors import EvaluationError

address_overload = partial(overload, library="addresses", since=30)


@dataclass(frozen=True, slots=True, eq=False)
class IP(Exclusive):
    """An address of 32 or 128 bits. INVARIANT: without a zone, and no IPv4 address in the guise of an IPv6 one."""

    TYPE: ClassVar[Type] = opaque("net.IP")
    number: int
    bits: int

    def equals(self, other: Value) -> bool | None:
        return (self.number, self.bits) == (other.number, other.bits) if isinstance(other, IP) else None

    @property
    def size(self) -> int:
        """In bytes."""
        return self.bits // 8

    def within(self, network: int, length: int) -> bool:
        """Whether so many of its first bits are the network's."""
        return (self.number ^ network) >> (self.bits - length) == 0

    def __str__(self) -> str:
        return str(IPv4Address(self.number) if self.bits == 32 else IPv6Address(self.number))


@dataclass(frozen=True, slots=True, eq=False)
class CIDR(Exclusive):
    """`10.0.0.1/8`: an address, as it was written, and how many of its bits are the network's."""

    TYPE: ClassVar[Type] = opaque("net.CIDR")
    address: IP
    length: int

    def equals(self, other: Value) -> bool | None:
        if not isinstance(other, CIDR):
            return None
        return self.length == other.length and self.address.equals(other.address)

    @property
    def size(self) -> int:
        """Of the network's part, in bytes."""
        return math.ceil(self.length / 8)

    def __str__(self) -> str:
        return f"{self.address}/{self.length}"


# IP addresses


@address_overload(
    "ip(string) -> net.IP",
    "ip('::0:1') == ip('::1')",
    id="string_to_ip",
    fails={
        "ip('1.2.3')": 'IP Address "1.2.3" parse error during conversion from string: '
        'ParseAddr("1.2.3"): IPv4 address too short',
        "ip('fe80::1%eth0')": 'IP address "fe80::1%eth0" with zone value is not allowed',
        "ip('::ffff:1.2.3.4')": 'IPv4-mapped IPv6 address "::ffff:1.2.3.4" is not allowed',
    },
)
def ip(text: str) -> IP:
    """The address of a text; no zone, and no IPv4 address mapped to IPv6."""
    try:
        address, zone = parse_address(text)
    except ValueError as error:
        raise EvaluationError(f"IP Address {quoted(text)} parse error during conversion from string: {error}") from None
    if zone:
        raise EvaluationError(f"IP address {quoted(text)} with zone value is not allowed")
    return _unmapped(address, text)


@address_overload("isIP(string) -> bool", "isIP('10.0.0.1') && !isIP('10.0.0.01')", id="is_ip")
def is_ip(text: str) -> bool:
    """Whether the text is an address."""
    return _succeeds(ip, text)


@address_overload(
    "ip.isCanonical(string) -> bool",
    "ip.isCanonical('2001:db8::68') && !ip.isCanonical('2001:DB8::68')",
    id="ip_is_canonical",
)
def is_canonical(text: str) -> bool:
    """Whether the address is written as `string` would write it."""
    return str(ip(text)) == text


@address_overload("net.IP.family() -> int", "ip('10.0.0.1').family() == 4 && ip('::1').family() == 6", id="ip_family")
def family(address: IP) -> int:
    """4 or 6."""
    return 4 if address.bits == 32 else 6


@address_overload("net.IP.isUnspecified() -> bool", "ip('::').isUnspecified()", id="ip_is_unspecified")
def is_unspecified(address: IP) -> bool:
    """Whether it is `0.0.0.0` or `::`."""
    return address.number == 0


@address_overload("net.IP.isLoopback() -> bool", "ip('127.1.2.3').isLoopback()", id="ip_is_loopback")
def is_loopback(address: IP) -> bool:
    """Whether it is in `127.0.0.0/8`, or `::1`."""
    return address.within(127 << 24, 8) if address.bits == 32 else address.number == 1


@address_overload(
    "net.IP.isLinkLocalMulticast() -> bool",
    "ip('224.0.0.1').isLinkLocalMulticast() && ip('ff12::1').isLinkLocalMulticast()",
    id="ip_is_link_local_multicast",
)
def is_link_local_multicast(address: IP) -> bool:
    """Whether it is in `224.0.0.0/24`, or in `ff02::/16` whatever the flags."""
    if address.bits == 32:
        return address.within(224 << 24, 24)
    return address.number >> 112 & 0xFF0F == 0xFF02


@address_overload(
    "net.IP.isLinkLocalUnicast() -> bool", "ip('169.254.169.254').isLinkLocalUnicast()", id="ip_is_link_local_unicast"
)
def is_link_local_unicast(address: IP) -> bool:
    """Whether it is in `169.254.0.0/16` or `fe80::/10`."""
    return address.within(0xA9FE << 16, 16) if address.bits == 32 else address.within(0xFE80 << 112, 10)


@address_overload(
    "net.IP.isGlobalUnicast() -> bool",
    "ip('192.168.0.1').isGlobalUnicast() && !ip('255.255.255.255').isGlobalUnicast()",
    id="ip_is_global_unicast",
)
def is_global_unicast(address: IP) -> bool:
    """Whether it is of one host and neither unspecified, loopback nor link-local; private ones are."""
    if address.bits == 32:
        special = address.within(0xE0 << 24, 4) or address.number == 0xFFFF_FFFF
    else:
        special = address.within(0xFF << 120, 8)
    return not (special or is_unspecified(address) or is_loopback(address) or is_link_local_unicast(address))


@address_overload("string(net.IP) -> string", "string(ip('0:0::1')) == '::1'", id="ip_to_string")
@address_overload("string(net.CIDR) -> string", "string(cidr('10.0.0.1/8')) == '10.0.0.1/8'", id="cidr_to_string")
def string(value: IP | CIDR) -> str:
    """The canonical text."""
    return str(value)


# CIDRs


@address_overload(
    "cidr(string) -> net.CIDR",
    "cidr('10.0.0.1/8') != cidr('10.0.0.0/8')",
    id="string_to_cidr",
    fails={
        "cidr('10.0.0.0/33')": "network address parse error during conversion from string: "
        "network address parse error during conversion from string: "
        'netip.ParsePrefix("10.0.0.0/33"): prefix length out of range',
    },
)
def cidr(text: str) -> CIDR:
    """The CIDR of a text; its address may have bits beside the network's."""
    problem = "network address parse error during conversion from string"
    try:
        address, length = _parsed_prefix(text)
    except ValueError as error:  # said twice by the API server
        raise EvaluationError(f"{problem}: {problem}: netip.ParsePrefix({quoted(text)}): {error}") from None
    try:
        return CIDR(_unmapped(address, text), length)
    except EvaluationError as error:
        raise EvaluationError(f"{problem}: {error}") from None


@address_overload("isCIDR(string) -> bool", "isCIDR('::/0') && !isCIDR('::')", id="is_cidr")
def is_cidr(text: str) -> bool:
    """Whether the text is a CIDR."""
    return _succeeds(cidr, text)


@address_overload(
    "net.CIDR.containsIP(string) -> bool",
    "cidr('10.0.0.0/8').containsIP('10.1.2.3')",
    id="cidr_contains_ip_string",
    fails={"cidr('10.0.0.0/8').containsIP('x')": "no such overload"},
)
def contains_ip_text(network: CIDR, text: str) -> bool:
    """Whether the address of the text is in the network."""
    try:
        return contains_ip(network, ip(text))
    except EvaluationError:
        raise EvaluationError("no such overload") from None


@overload(
    "net.CIDR.containsIP(string) -> bool",
    "cidr('10.0.0.0/8').containsIP('10.1.2.3')",
    id="cidr_contains_ip_string",
    library="addresses",
    since=None,
    fails={
        "cidr('10.0.0.0/8').containsIP('x')": 'IP Address "x" parse error during conversion from string: '
        'ParseAddr("x"): unable to parse IP'
    },
)
def contains_address_of(network: CIDR, text: str) -> bool:
    """Whether the address of the text is in the network."""
    return contains_ip(network, ip(text))


@address_overload(
    "net.CIDR.containsIP(net.IP) -> bool", "!cidr('10.0.0.0/8').containsIP(ip('::1'))", id="cidr_contains_ip_ip"
)
def contains_ip(network: CIDR, address: IP) -> bool:
    """Whether the address is in the network."""
    own = network.address
    return own.bits == address.bits and address.within(own.number, network.length)


@address_overload(
    "net.CIDR.containsCIDR(string) -> bool",
    "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16')",
    id="cidr_contains_cidr_string",
)
def contains_cidr_text(network: CIDR, text: str) -> bool:
    """Whether all of the network of the text is in the network."""
    return contains_cidr(network, cidr(text))


@address_overload(
    "net.CIDR.containsCIDR(net.CIDR) -> bool",
    "!cidr('10.0.0.0/16').containsCIDR(cidr('10.0.0.0/8'))",
    id="cidr_contains_cidr",
)
def contains_cidr(network: CIDR, other: CIDR) -> bool:
    """Whether all of the other network is in the network."""
    return network.length <= other.length and contains_ip(network, other.address)


@address_overload("net.CIDR.ip() -> net.IP", "cidr('10.0.0.1/8').ip() == ip('10.0.0.1')", id="cidr_ip")
def address_of(network: CIDR) -> IP:
    """The address, as it was written."""
    return network.address


@address_overload("net.CIDR.prefixLength() -> int", "cidr('10.0.0.0/8').prefixLength() == 8", id="cidr_prefix_length")
def prefix_length(network: CIDR) -> int:
    """How many bits are the network's."""
    return network.length


@address_overload(
    "net.CIDR.masked() -> net.CIDR", "cidr('10.0.0.1/8').masked() == cidr('10.0.0.0/8')", id="cidr_masked"
)
def masked(network: CIDR) -> CIDR:
    """The CIDR with the bits cleared that are not the network's."""
    own = network.address
    rest = own.bits - network.length
    return CIDR(IP(own.number >> rest << rest, own.bits), network.length)


@overload(
    "net.CIDR.isMask() -> bool",
    "cidr('10.0.0.0/8').isMask() && !cidr('10.0.0.1/8').isMask()",
    id="cidr_is_mask",
    library="network",
    since=None,
)
def is_mask(network: CIDR) -> bool:
    """Whether no bits but the network's are set."""
    return masked(network) == network


# Reading them, with errors in Go's words


def _succeeds(read: Callable[[str], Value], text: str) -> bool:
    try:
        read(text)
    except EvaluationError:
        return False
    return True


def _unmapped(address: IP, text: str) -> IP:
    if address.bits == 128 and address.within(0xFFFF << 32, 96):
        raise EvaluationError(f"IPv4-mapped IPv6 address {quoted(text)} is not allowed")
    return address


def _parsed_prefix(text: str) -> tuple[IP, int]:
    written, slash, bits = text.rpartition("/")
    if not slash:
        raise ValueError("no '/'")
    address, zone = parse_address(written)
    if zone:
        raise ValueError("IPv6 zones cannot be present in a prefix")
    if not _LENGTH.fullmatch(bits) or int(bits) >= 2**63:
        raise ValueError(f"bad bits after slash: {quoted(bits)}")
    if int(bits) > address.bits:
        raise ValueError("prefix length out of range")
    return address, int(bits)


_LENGTH = re.compile("[0-9]|[1-9][0-9]{1,18}")


def parse_address(text: str) -> tuple[IP, str]:
    """The address, and its zone if it has one. Raises ValueError with Go's text."""
    sign = _SIGN.search(text)
    match sign and sign[0]:
        case ".":
            return IP(_quad(text, text), 32), ""
        case ":":
            written, percent, zone = text.partition("%")
            if percent and not zone:
                raise _unparsable(text, "zone must be a non-empty string")
            return IP(_hextets(written, text), 128), zone
        case "%":
            raise _unparsable(text, "missing IPv6 address")
        case _:
            raise _unparsable(text, "unable to parse IP")


_SIGN = re.compile("[.:%]")
_DIGITS = re.compile("[0-9a-fA-F]*")


def _unparsable(text: str, problem: str, at: str = "") -> ValueError:
    return ValueError(f"ParseAddr({quoted(text)}): {problem}{f' (at {quoted(at)})' if at else ''}")


def _quad(part: str, text: str) -> int:
    """The number of `10.0.0.1`, a part of the text."""
    number, digits, dots = 0, "", 0
    for i, char in enumerate(part):
        if char in "0123456789":
            if digits == "0":
                raise _unparsable(text, "IPv4 field has octet with leading zero")
            digits += char
            if int(digits) > 255:
                raise _unparsable(text, "IPv4 field has value >255")
        elif char != ".":
            raise _unparsable(text, "unexpected character", part[i:])
        elif not digits or i == len(part) - 1:
            raise _unparsable(text, "IPv4 field must have at least one digit", part[i:])
        elif dots == 3:
            raise _unparsable(text, "IPv4 address too long")
        else:
            number, digits, dots = number << 8 | int(digits), "", dots + 1
    if dots < 3:
        raise _unparsable(text, "IPv4 address too short")
    return number << 8 | int(digits)


def _hextets(rest: str, text: str) -> int:
    """The number of `2001:db8::68`, all of the text but its zone."""
    groups: list[int] = []
    gap = -1
    if rest.startswith("::"):
        gap, rest = 0, rest[2:]
    while rest and len(groups) < 8:
        digits = _DIGITS.match(rest)[0]  # type: ignore[index]
        if len(digits) > 4:
            raise _unparsable(text, "each group must have 4 or less digits", rest)
        if not digits:
            raise _unparsable(text, "each colon-separated field must have at least one digit", rest)
        if rest[len(digits) :].startswith("."):
            if gap < 0 and len(groups) != 6:
                raise _unparsable(text, "embedded IPv4 address must replace the final 2 fields of the address", rest)
            if len(groups) > 6:
                raise _unparsable(text, "too many hex fields to fit an embedded IPv4 at the end of the address", rest)
            groups += divmod(_quad(rest, text), 1 << 16)
            rest = ""
            break
        groups.append(int(digits, 16))
        rest = rest[len(digits) :]
        if not rest:
            break
        if rest[0] != ":":
            raise _unparsable(text, "unexpected character, want colon", rest)
        if rest == ":":
            raise _unparsable(text, "colon must be followed by more characters", rest)
        rest = rest[1:]
        if rest[0] == ":":
            if gap >= 0:
                raise _unparsable(text, "multiple :: in address", rest)
            gap, rest = len(groups), rest[1:]
    if rest:
        raise _unparsable(text, "trailing garbage after address", rest)
    if len(groups) == 8 and gap >= 0:
        raise _unparsable(text, "the :: must expand to at least one field of zeros")
    if len(groups) < 8 and gap < 0:
        raise _unparsable(text, "address string too short")
    groups[gap:gap] = [0] * (8 - len(groups))
    return int.from_bytes(b"".join(group.to_bytes(2) for group in groups))
