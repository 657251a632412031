"""What cel-go, or ANTLR in it, says of a text that is no expression."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import copy
from typing import TYPE_CHECKING

from admit.errors import Issue
from admit.source import Source

if TYPE_CHECKING:
    from lark import Token
    from lark.exceptions import UnexpectedInput, UnexpectedToken

_NAMES = {
    "$END": "<EOF>",
    "LBRACKET": "'['",
    "RBRACKET": "']'",
    "LBRACE": "'{'",
    "RBRACE": "'}'",
    "LPAREN": "'('",
    "RPAREN": "')'",
    "DOT": "'.'",
    "COMMA": "','",
    "MINUS": "'-'",
    "NOT": "'!'",
    "QUESTION": "'?'",
    "COLON": "':'",
    "TRUE": "'true'",
    "FALSE": "'false'",
    "NULL": "'null'",
} | {name: name for name in "NUM_FLOAT NUM_INT NUM_UINT STRING BYTES IDENTIFIER ESC_IDENTIFIER".split()}

_CLOSING = frozenset({"$END", "RBRACKET", "RBRACE", "RPAREN", "COMMA", "COLON"})

# The longest beginning of a token, and the character that breaks it.
_BROKEN = re.compile(
    r"""(?:[&|=]
        | `[A-Za-z0-9_./\ -]*
        | (['"]) (?:\\(?:[abfnrtv"'\\?`]|[xX][0-9a-fA-F]{0,2}|u[0-9a-fA-F]{0,4}|U[0-9a-fA-F]{0,8}|[0-3][0-7]{0,2})
                   |(?!\1)[^\\\n\r])* \\?
        )?.?""",
    re.VERBOSE | re.DOTALL,
)


def syntax_error(error: UnexpectedInput, source: Source, tokens: Sequence[Token], rest: Iterator[Token]) -> Issue:
    """The issue; `tokens` are those up to the unexpected one, `rest` those after it."""
    from lark.exceptions import UnexpectedToken

    if not isinstance(error, UnexpectedToken):  # no token at all
        start = error.pos_in_stream or 0
        broken = _BROKEN.match(source.text, start)
        text = broken[0] if broken else ""
        span = source.span(start, start + len(text))
        return Issue(f"Syntax error: token recognition error at: '{text}'", span)
    at_end = error.token.type == "$END"
    start = len(source.text) if at_end else error.token.start_pos
    span = source.span(start, start if at_end else error.token.end_pos)
    previous = tokens[-1 if at_end else -2] if len(tokens) > (not at_end) else None
    message = _message(error, source, previous, rest)
    return Issue(f"Syntax error: {message}", span)


def _message(error: UnexpectedToken, source: Source, previous: Token | None, rest: Iterator[Token]) -> str:
    token = error.token
    accepted = error.interactive_parser.accepts()
    kind = previous.type if previous is not None else ""
    text = "<EOF>" if token.type == "$END" else source.text[token.start_pos : token.end_pos]
    if previous is not None and (kind == "DOT" or (kind == "MINUS" and "NOT" not in accepted)):
        if kind == "DOT" and token.type in ("TRUE", "FALSE", "NULL") and token.start_pos == previous.end_pos:
            return f"mismatched input '{text}' expecting IDENTIFIER"
        end = len(source.text) if token.type == "$END" else token.end_pos
        return f"no viable alternative at input '{source.text[previous.start_pos : end]}'"
    expected = _expected(accepted, kind)
    names = [name for terminal, name in _NAMES.items() if terminal in expected]
    shown = names[0] if len(names) == 1 else f"{{{', '.join(names)}}}"
    if token.type != "$END" and _next(rest) in expected:
        return f"extraneous input '{text}' expecting {shown}"
    if len(names) == 1 and token.type in _accepted_after(error, *expected):
        return f"missing {shown} at '{text}'"
    return f"mismatched input '{text}' expecting {shown}"


def _expected(accepted: set[str], previous: str) -> frozenset[str]:
    """What ANTLR names of the terminals that may stand here."""
    if "IDENTIFIER" not in accepted:  # an operand ended
        closing = _CLOSING & accepted
        return closing - {"COMMA"} if "RPAREN" in closing else closing
    if previous == "COMMA" and (closing := accepted & {"RBRACKET", "RBRACE"}):
        return frozenset(closing)
    if "STRING" in accepted:  # an operand may begin
        return frozenset({*accepted, "NOT", "MINUS"})
    return frozenset(accepted)


def _next(rest: Iterator[Token]) -> str:
    from lark.exceptions import UnexpectedCharacters

    try:
        token = next(rest, None)
    except UnexpectedCharacters:
        return ""
    return "$END" if token is None else token.type


def _accepted_after(error: UnexpectedToken, terminal: str) -> set[str]:
    """What may follow the terminal, if it stood before the unexpected token."""
    from lark import Token

    if terminal == "$END":
        return set()
    parser = error.interactive_parser.copy(deepcopy_values=False)
    parser.parser_state.parse_conf = copy(parser.parser_state.parse_conf)
    parser.parser_state.parse_conf.callbacks = {}  # no node is to be made of it
    parser.feed_token(Token(terminal, ""))
    return parser.accepts()
