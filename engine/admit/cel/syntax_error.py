"""What cel-go, or ANTLR in it, says of a text that is no expression."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from admit.errors import Issue
from admit.source import Source, Span

if TYPE_CHECKING:
    from lark.exceptions import UnexpectedInput, UnexpectedToken

    from admit.cel.grammar import Token

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
    "NUM_FLOAT": "NUM_FLOAT",
    "NUM_INT": "NUM_INT",
    "NUM_UINT": "NUM_UINT",
    "STRING": "STRING",
    "BYTES": "BYTES",
    "IDENTIFIER": "IDENTIFIER",
    "ESC_IDENTIFIER": "ESC_IDENTIFIER",
}
"""How ANTLR names what it expects, in its order."""

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


def syntax_error(
    error: UnexpectedInput, source: Source, tokens: Sequence[Token], rest: Iterator[Token]
) -> tuple[Issue, bool]:
    """The issue, and whether the text goes on without what is at its place.

    `tokens` are those up to and with the unexpected one, `rest` those after it.
    """
    from lark.exceptions import UnexpectedCharacters, UnexpectedToken

    if not isinstance(error, UnexpectedToken):  # no token begins here
        start = error.pos_in_stream or 0
        broken = _BROKEN.match(source.text, start)
        text = broken[0] if broken else ""
        place = source.span(start, start + len(text))
        return Issue(f"Syntax error: token recognition error at: '{text}'", place), True
    if error.token.type == "$END":
        place = source.span(len(source.text), len(source.text))
    else:
        place = source.span(error.token.start_pos, error.token.end_pos)
        tokens = tokens[:-1]
    try:
        message = _message(error, place, tokens[-1] if tokens else None, rest)
    except UnexpectedCharacters as broken:  # no token begins behind the unexpected one
        return syntax_error(broken, source, tokens, rest)
    return Issue(f"Syntax error: {message}", place), message.startswith("extraneous")


def _message(error: UnexpectedToken, place: Span, previous: Token | None, rest: Iterator[Token]) -> str:
    parser: Any = error.interactive_parser
    kind = error.token.type
    accepted: set[str] = parser.accepts()
    before = previous.type if previous is not None else ""
    text = "<EOF>" if kind == "$END" else place.text
    if previous is not None and (before == "DOT" or (before == "MINUS" and "NOT" not in accepted)):
        if before == "DOT" and kind in ("TRUE", "FALSE", "NULL") and previous.end_pos == place.start:
            return f"mismatched input '{text}' expecting IDENTIFIER"
        return f"no viable alternative at input '{place.source.text[previous.start_pos : place.end]}'"
    expected = _expected(accepted, before)
    names = [name for terminal, name in _NAMES.items() if terminal in expected]
    shown = names[0] if len(names) == 1 else f"{{{', '.join(names)}}}"
    if kind != "$END" and _next(rest) in expected:
        return f"extraneous input '{text}' expecting {shown}"
    if len(names) == 1 and kind in _accepted_after(parser, *expected):
        return f"missing {shown} at '{text}'"
    return f"mismatched input '{text}' expecting {shown}"


def _expected(accepted: set[str], previous: str) -> set[str]:
    """What ANTLR names of the terminals that may stand here."""
    if "IDENTIFIER" not in accepted:  # an operand ended
        closing = accepted & _CLOSING
        return closing - {"COMMA"} if "RPAREN" in closing else closing
    if previous == "COMMA" and (closing := accepted & {"RBRACKET", "RBRACE"}):
        return closing
    if "STRING" in accepted:  # an operand may begin
        return accepted | {"NOT", "MINUS"}
    return accepted


def _next(rest: Iterator[Token]) -> str:
    """The type of the next token. Raises UnexpectedCharacters where none begins."""
    token = next(rest, None)
    return "$END" if token is None else token.type


def _accepted_after(parser: Any, terminal: str) -> set[str]:
    """What may follow the terminal, if it stood before the unexpected token."""
    from lark import Token

    if terminal == "$END":
        return set()
    trial = parser.copy(deepcopy_values=False)
    trial.parser_state.parse_conf = copy(trial.parser_state.parse_conf)
    trial.parser_state.parse_conf.callbacks = {}  # no node is to be made of it
    trial.feed_token(Token(terminal, ""))
    accepted: set[str] = trial.accepts()
    return accepted
