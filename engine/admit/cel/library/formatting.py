"""`string.format`: as Kubernetes has it, which is cel-go's first formatter, in American English; and as the
specification has it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from admit.cel.ast import Expr, ListExpr, MapExpr
from admit.cel.library import overload
from admit.cel.regex import encoded
from admit.cel.types import Kind, Type
from admit.cel.values import Duration, Map, Timestamp, Uint, Value, bounded, display, format_double, type_of
from admit.errors import EvaluationError, UsageError


@overload(
    "string.format(list(dyn)) -> string",
    "'%s has %d'.format(['pod', 2]) == 'pod has 2'",
    "'%.2f'.format([1234.5]) == '1,234.50'",
    "'%x %X %o %b %%'.format([255, 'a', 8, true]) == 'ff 61 10 1 %'",
    "'%s'.format([{'b': [1.5], 'a': null}]) == '{\"a\":null, \"b\":[1.500000]}'",
    "'%e'.format([1052.5]) == '1.052500×10⁰³'",
    id="string_format",
    library="strings_before_4",
    since=33,
    fails={
        "'%o'.format([dyn('a')])": "error during formatting: octal clause can only be used on integers, "
        "was given string",
        "'%s %s'.format(['a'] + [])": "index 1 out of range",
    },
)
@bounded
def format_string(text: str, args: Sequence[Value]) -> str:
    """The text with each clause (%s %d %f %e %b %o %x %X) replaced by what the list has for it, in order."""
    return _expanded(text, len(args), lambda clause, precision, at: _formatted(clause, precision, args[at]))


@overload(
    "string.format(list(dyn)) -> string",
    "'%e'.format([1052.5]) == '1.052500\\u202f×\\u202f10⁰³'",
    id="string_format",
    library="strings_before_4",
    since=29,
    until=33,
)
@bounded
def format_with_spaces(text: str, args: Sequence[Value]) -> str:
    """The text with each clause replaced as later versions do it, but for narrow spaces in what %e gives."""
    return _expanded(text, len(args), lambda clause, precision, at: _formatted(clause, precision, args[at], "\u202f"))


@overload(
    "string.format(list(dyn)) -> string",
    "'%s has %d'.format(['pod', 2.5]) == 'pod has 2.5'",
    "'%.2f %e'.format([1234.5, 1]) == '1234.50 1.000000e+00'",
    "'%s'.format([{'b': [1.5], 'a': null}]) == '{a: null, b: [1.5]}'",
    id="string_format",
    since=None,
    fails={
        "'%o'.format([dyn('a')])": "error during formatting: octal clause can only be used on ints and uints, "
        "was given string",
    },
)
@bounded
def format_plainly(text: str, args: Sequence[Value]) -> str:
    """The text with each clause (%s %d %f %e %b %o %x %X) replaced by what the list has for it, in order."""
    return _expanded(text, len(args), lambda clause, precision, at: _plainly(clause, precision, args[at]), most=_MOST)


AMERICAN = "en_US"
"""The locale of every API server."""
_MARKS = {
    "comma": str.maketrans({",": ".", ".": ","}),
    "dot": str.maketrans({",": ".", ".": ",", "×": "·"}),
    "space": str.maketrans({",": "\xa0", ".": ","}),
    "apostrophe": str.maketrans({",": "’", "×": "·"}),
}
"""What takes the place of American marks in what %f and %e give."""
_LOCALES = {
    **dict.fromkeys(("da_DK", "es_ES", "id_ID", "it_IT", "nl_NL", "pt_BR", "ro_RO", "tr_TR", "vi_VN"), "comma"),
    **dict.fromkeys(("de_AT", "de_DE"), "dot"),
    **dict.fromkeys(("bg_BG", "cs_CZ", "fr_CA", "fr_CH", "fr_FR", "hu_HU", "pl_PL", "pt_PT"), "space"),
    "de_CH": "apostrophe",
}
FORMATS = ("string_format", *(f"string_format_{marks}" for marks in _MARKS))
"""The ids of all overloads of `format`: the first, and those of other locales, which no checker finds by itself."""


def localised(locale: str) -> str:
    """The id of the overload of `format` that writes numbers as there. Raises UsageError."""
    if locale == AMERICAN:
        return FORMATS[0]
    if locale not in _LOCALES:
        raise UsageError(f"unknown locale {locale!r}: expected {AMERICAN}, {', '.join(sorted(_LOCALES))}")
    return f"{FORMATS[0]}_{_LOCALES[locale]}"


def _formatter(table: Mapping[int, str], space: str) -> Callable[[str, Sequence[Value]], str]:
    def localised_format(text: str, args: Sequence[Value]) -> str:
        def formatted(clause: str, precision: int, at: int) -> str:
            made = _formatted(clause, precision, args[at], space)
            return made.translate(table) if clause in "fe" else made

        return _expanded(text, len(args), formatted)

    return bounded(localised_format)


for _id, _table in zip(FORMATS[1:], _MARKS.values(), strict=True):
    for _space, _since, _until in (("", 33, None), ("\u202f", 29, 33)):
        overload(
            "string.format(list(dyn)) -> string",
            id=_id,
            library="strings_before_4",
            since=_since,
            until=_until,
            declared=False,
        )(_formatter(_table, _space))


def check_format(text: str, args: Sequence[Expr], plain: bool) -> None:
    """Tries a format on checked expressions; `plain`: as the specification has it.

    Raises EvaluationError, with the span of an expression that is of the wrong type.
    """
    wanted, accepted = (_WANTED_PLAINLY, _ACCEPTED_PLAINLY) if plain else (_WANTED, _ACCEPTED)
    used = set()

    def tried(clause: str, _: int, at: int) -> str:
        used.add(at)
        wrong = _unfit(args[at], accepted[clause], deep=clause == "s")
        if wrong is not None:
            failure = _failure(f"{wanted[clause]}, was given {_type(wrong).name}")
            failure.span = wrong.span
            raise failure
        return ""

    _expanded(text, len(args), tried, static=True, most=_MOST if plain else None)
    if len(args) > len(used):
        counts = f"(expected {len(used)}, got {len(args)})"
        raise EvaluationError(f"too many arguments supplied to string.format {counts}")


def _unfit(node: Expr, accepted: frozenset[str], deep: bool) -> Expr | None:
    """The expression whose type a clause does not take; of a list or map literal it may be one within."""
    pending = [node]
    while pending:
        each = pending.pop()
        if _type(each).name not in accepted and _type(each).kind is not Kind.DYN:
            return each
        match each:
            case ListExpr(items=items) if deep:
                pending.extend(reversed(items))
            case MapExpr(entries=entries) if deep:
                pending.extend(part for entry in reversed(entries) for part in (entry.value, entry.key))
    return None


def _type(node: Expr) -> Type:
    assert node.type is not None
    return node.type.params[0] if node.type.kind is Kind.WRAPPER else node.type


_MOST = 100


def _expanded(
    text: str, count: int, formatted: Callable[[str, int, int], str], static: bool = False, most: int | None = None
) -> str:
    """The text with what is made of each clause, its precision (`most` at most) and its number."""
    parts: list[str] = []
    used = end = 0
    while (start := text.find("%", end)) >= 0:
        parts.append(text[end:start])
        if text.startswith("%", start + 1):
            parts.append("%")
            end = start + 2
            continue
        ended = start + 1 == len(text)
        if used >= count and not (static and ended):
            raise EvaluationError(f"index {used} out of range")
        if ended:
            raise EvaluationError("unexpected end of string")
        precision, clause, end = _clause(text, start + 1, most)
        parts.append(formatted(clause, precision, used))
        used += 1
    return "".join((*parts, text[end:]))


def _clause(text: str, start: int, most: int | None) -> tuple[int, str, int]:
    """The precision (6 if none is given), the letter, and where the clause ends."""
    problem = "could not parse formatting clause"
    precision, at = 6, start
    if text[start] == ".":
        digits = re.compile("[0-9]*").match(text, start + 1)
        assert digits is not None
        at = digits.end()
        if at == len(text):
            raise EvaluationError(
                f"{problem}: error while parsing precision: could not find end of precision specifier"
            )
        precision = int(digits[0][-19:] or -1)
        if precision < 0 or len(digits[0].lstrip("0")) > 19 or precision >= 2**63:
            reason = "value out of range" if digits[0] else "invalid syntax"
            where = "error while parsing precision: error while converting precision to integer"
            raise EvaluationError(f'{problem}: {where}: strconv.Atoi: parsing "{digits[0]}": {reason}')
        if most is not None and precision > most:
            where = f"error while parsing precision: precision {precision} exceeds maximum allowed precision {most}"
            raise EvaluationError(f"{problem}: {where}")
    if text[at] not in "sdfebxXo":
        letter = chr(encoded(text[at])[0])  # cel-go goes by bytes
        raise EvaluationError(f'{problem}: unrecognized formatting clause "{letter}"')
    return precision, text[at], at + 1


def _formatted(clause: str, precision: int, value: Value, space: str = "") -> str:
    integer = type(value) is int or type(value) is Uint
    match clause:
        case "s":
            return _string(value)
        case "d" if integer:
            return str(int(value))
        case "b" if integer or type(value) is bool:
            return f"{value:b}"
        case "o" if integer:
            return f"{value:o}"
        case "x" | "X" if integer:
            return f"{int(value):{clause}}"
        case "x" | "X" if type(value) in (str, bytes):
            digits = (value.encode() if type(value) is str else value).hex()
            return digits.upper() if clause == "X" else digits
        case "f" | "e" if type(value) is float or value in ("NaN", "Infinity", "-Infinity"):
            if precision // 10 > 1_000_000:
                return "%!(NOVERB)"
            number = float(value)
            return _fixed(number, precision) if clause == "f" else _scientific(number, space).rjust(precision & 0xFFFF)
    raise _failure(f"{_WANTED[clause]}, was given {type_of(value)}")


_WANTED = {
    "d": "decimal clause can only be used on integers",
    "f": "fixed-point clause can only be used on doubles",
    "e": "scientific clause can only be used on doubles",
    "b": "only integers and bools can be formatted as binary",
    "o": "octal clause can only be used on integers",
    **dict.fromkeys("xX", "only integers, byte buffers, and strings can be formatted as hex"),
    "s": "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations,"
    " and timestamps",
}


_INTEGERS = frozenset(("int", "uint"))
_SHOWN = _INTEGERS | {
    *("list", "map", "double", "bool", "string", "bytes", "type", "null_type"),
    *("google.protobuf.Timestamp", "google.protobuf.Duration"),
}
_ACCEPTED = {
    **dict.fromkeys("do", _INTEGERS),
    **dict.fromkeys("fe", frozenset(("double", "string"))),
    "b": _INTEGERS | {"bool"},
    **dict.fromkeys("xX", _INTEGERS | {"string", "bytes"}),
    "s": _SHOWN,
}
_WANTED_PLAINLY = {
    "d": "decimal clause can only be used on ints, uints, and doubles",
    "f": "fixed-point clause can only be used on ints, uints, and doubles",
    "e": "scientific clause can only be used on ints, uints, and doubles",
    "b": "only ints, uints, and bools can be formatted as binary",
    "o": "octal clause can only be used on ints and uints",
    **dict.fromkeys("xX", "only ints, uints, bytes, and strings can be formatted as hex"),
    "s": _WANTED["s"],
}
_ACCEPTED_PLAINLY = {**_ACCEPTED, **dict.fromkeys("dfe", _INTEGERS | {"double"})}


def _failure(message: str) -> EvaluationError:
    return EvaluationError(f"error during formatting: {message}")


def _fixed(number: float, precision: int) -> str:
    """At least as many digits as the precision says in its low 8 bits, at most as in its low 16, if that is not below
    zero: so they are kept in Go.
    """
    if special := _special(number):
        return special
    least, most = precision & 0xFF, precision & 0xFFFF
    if precision <= 0xFF:
        return f"{number or 0.0:,.{precision}f}"
    text = f"{number or 0.0:,.{most}f}" if most < 0x8000 else f"{Decimal(repr(number or 0.0)):,f}"
    whole, _, digits = text.partition(".")
    digits = digits.rstrip("0").ljust(least, "0")
    return f"{whole}.{digits}" if digits else whole


def _scientific(number: float, space: str) -> str:
    """`1.052033×10⁰³`; a precision is cel-go's width."""
    mantissa, _, exponent = f"{number or 0.0:.6e}".partition("e")
    return _special(number) or f"{mantissa}{space}×{space}10{exponent.lstrip('+').translate(_SUPERSCRIPTS)}"


_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _special(number: float) -> str:
    if math.isfinite(number):
        return ""
    return "NaN" if number != number else "∞" if number > 0 else "-∞"


def _string(value: Value) -> str:
    match value:
        case list() | dict() | Map():
            return _literal(value)
        case None:
            return "null"
        case bytes():
            return _text(value)
        case bool() | int() | float() | str():
            return display(value)
        case Timestamp() | Duration() | Type():
            return str(value)
    raise _failure(f"{_WANTED['s']}, was given {type_of(value)}")


def _literal(value: Value) -> str:
    """The value as it is within a list or map: nearly a literal of CEL."""
    match value:
        case list():
            return f"[{', '.join(map(_literal, value))}]"
        case dict() | Map():
            entries = sorted(
                ((_literal(key), _literal(item)) for key, item in value.items()), key=lambda entry: entry[0]
            )
            return f"{{{', '.join(f'{key}:{item}' for key, item in entries)}}}"
        case str():
            return quoted(value)
        case bytes():
            return f"b{quoted(_text(value))}"
        case float():
            return f"{value:.6f}" if math.isfinite(value) else f'"{format_double(value)}"'
        case Timestamp():
            return f'timestamp("{value}")'
        case Duration():
            return f'duration("{value}")'
        case None | bool() | int() | Type():
            return _string(value)
    raise _failure(f"no formatting function for {type_of(value)}")


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        invalid = "invalid UTF-8 in bytes, cannot convert to string"
        raise _failure(f'could not convert argument "{invalid}" to string') from None


@overload(
    "strings.goQuote(string) -> string",
    r"""strings.goQuote('a\u007f\u00a0é"') == '"a\\x7f\\u00a0é\\""'""",
    id="strings_go_quote",
    library="messages",
)
def quoted(text: str) -> str:
    """The text as Go's %q has it; `strings.quote`, which every API server has, escapes less."""
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8, read with "surrogateescape"
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_ESCAPES = {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"}
_ESCAPES |= {"\\": r"\\", '"': r"\""}


# The specification's


def _plainly(clause: str, precision: int, value: Value) -> str:
    match clause:
        case "s":
            return _plain(value)
        case "d" if type(value) is float:
            return _plain(value)
        case "f" | "e" if type(value) in (int, Uint, float):
            number = float(value)
            return f"{number:.{precision}{clause}}" if math.isfinite(number) else _plain(number)
        case "b" | "o" | "d" | "x" | "X" if type(value).__name__ in ("int", "Uint", "bool", "str", "bytes"):
            if _ACCEPTED[clause] & {type_of(value).name}:
                return _formatted(clause, precision, value)
    raise _failure(f"{_WANTED_PLAINLY[clause]}, was given {type_of(value).name}")


def _plain(value: Value) -> str:
    match value:
        case None:
            return "null"
        case bool() | int() | str():
            return display(value)
        case float():
            if not math.isfinite(value):
                return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
            return f"{Decimal(repr(value)).normalize():f}"
        case bytes():
            return _text(value)
        case list():
            return f"[{', '.join(map(_plain, value))}]"
        case dict() | Map():
            entries = sorted(((_plain(key), _plain(item)) for key, item in value.items()), key=lambda entry: entry[0])
            return f"{{{', '.join(f'{key}: {item}' for key, item in entries)}}}"
        case Timestamp(nanoseconds=nanoseconds):
            return str(Timestamp(nanoseconds))
        case Duration() | Type():
            return str(value)
    raise _failure(f"{_WANTED['s']}, was given {type_of(value).name}")
