"""What is done to the text of a random expression, so that not only what the function table has occurs: literals in
every spelling and beyond every bound, calls that there are not, odd formats, white space, syntax that is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import TypeAlias

from admit.cel.library import _known

Tokens: TypeAlias = list[str]
Twist: TypeAlias = Callable[[Tokens, Random], None]

_TOKEN = re.compile(r"""\s+|[rb]*'(?:\\.|[^'\\])*'|[rb]*"(?:\\.|[^"\\])*"|\d+\.\d+(?:e[-+]?\d+)?|\w+|.""", re.DOTALL)


def twisted(text: str, random: Random) -> str:
    if tokens := tokens_of(text):
        random.choice(TWISTS)(tokens, random)
    return "".join(tokens)


def tokens_of(text: str) -> Tokens:
    """The tokens, white space included, whether or not they are CEL's."""
    return _TOKEN.findall(text)


def scrambled(tokens: Tokens, random: Random) -> None:
    """A token lost, doubled, moved, or another in its place."""
    at = random.randrange(len(tokens))
    other = random.choice((*"()[]{}.,:?!-+*&|=<>@'\"\\`", "&&", "||", "in", "true", "for", "é", "1.", ".5", "0x", "//"))
    tokens[at : at + 1] = random.choice(([], tokens[at : at + 1] * 2, [random.choice(tokens)], [other], [other]))


def respelled(tokens: Tokens, random: Random) -> None:
    """Literals, each written in another way."""
    for at, token in enumerate(tokens):
        if token[0] in "'\"" and len(token) > 1:
            tokens[at] = _other_string(token, random)
        elif token.isdecimal() and len(token) < 20:
            tokens[at] = random.choice((f"{int(token):#x}", f"0x{int(token):X}", f"00{token}", token))
        elif re.fullmatch(r"\d+u", token):
            tokens[at] = random.choice((f"{int(token[:-1]):#x}u", token.upper()))
        elif re.fullmatch(r"\d+\.\d+", token):
            tokens[at] = random.choice((f"{float(token):e}", f"{float(token):E}", token + "0", token.removeprefix("0")))


def _other_string(token: str, random: Random) -> str:
    body = token[1:-1]
    if "\\" in body or "'" in body or '"' in body:
        return token
    octal = "".join(f"\\{ord(c):03o}" if ord(c) < 256 else c for c in body)
    wide = "".join(f"\\U{ord(c):08x}" if random.random() < 0.5 else c for c in body)
    short = "".join(f"\\u{ord(c):04X}" if ord(c) < 0x10000 else c for c in body)
    raw = (f'"{body}"', f"'''{body}'''", f'"""{body}"""', f"r'{body}'", f'R"{body}"')
    return random.choice((*raw, f"'{octal}'", f"'{wide}'", f'"{short}"'))


@cache
def _extremes() -> list[str]:
    lines = Path(__file__).with_name("extremes.txt").read_text(encoding="utf-8").splitlines()
    return [*lines[1:], "1" * 60, "'\ud800'", "'\n'", "'''a\nb'''", '"""a\r\nb"""']


def extreme(tokens: Tokens, random: Random) -> None:
    """An operand of extremes.txt in the place of another."""
    places = [at for at, token in enumerate(tokens) if re.match(r"""['"\w]""", token)]
    if places:
        tokens[random.choice(places)] = random.choice(_extremes())


def spaced(tokens: Tokens, random: Random) -> None:
    """White space and comments, by which errors are elsewhere."""
    for _ in range(random.randrange(1, 4)):
        tokens.insert(random.randrange(len(tokens)), random.choice((" ", "\n", "\t", "\r\n", "// é\n", "\f", "\n\n ")))


def called(tokens: Tokens, random: Random) -> None:
    """A call of another function, or with an argument more or less, or another receiver."""
    names = [at for at, token in enumerate(tokens[:-1]) if re.match("[a-zA-Z]", token) and tokens[at + 1] == "("]
    if not names:
        return
    at = random.choice(names)
    match random.randrange(5):
        case 0:
            tokens[at] = random.choice(
                [*_known(None), *_known(random.choice((28, 36, 37))), "f", "unknown", "all", "map"]
            )
        case 1:
            tokens.insert(at + 2, random.choice(("1, ", "'a', ", "l, ", "i")))
        case 2:
            tokens[at + 2 : at + 3] = []
        case 3:
            tokens[at] = random.choice((f"object.{tokens[at]}", f"l.{tokens[at]}", f"s.{tokens[at]}", f".{tokens[at]}"))
        case _:
            if at and tokens[at - 1] == ".":
                tokens[at - 1] = ", "


def nested(tokens: Tokens, random: Random) -> None:
    """The whole, deep in something; now and then deeper than there may be."""
    depth = random.choice((2, 2, 3, 3, 5, 5, 10, 10, 20, 60, 250))
    before, after = random.choice(NESTS).split("|")
    tokens[:0] = [before] * depth
    tokens += [after] * depth


NESTS = (
    *("(|)", "[|]", "{'a': |}", "[|][0]", "!|", "-|", "-(|)", "!(|)", "dyn(|)", "size(|)", "[optional.of(|)]"),
    *("|.a", "|.?a", "|[0]", "|.size()", "| == 1", "1 + |", "b && |", "b ? 1 : |", "(b ? | : 1)"),
    *("[i].map(x, |)", "[i].exists(x, |)"),
)


def formatted(tokens: Tokens, random: Random) -> None:
    """A format, fitting or not, of what is there."""
    pieces = (
        "%s",
        "%d",
        "%f",
        "%.2f",
        "%.300f",
        "%e",
        "%.3e",
        "%b",
        "%o",
        "%x",
        "%X",
        "%%",
        "a",
        "é",
        "%",
        "%y",
        "%.s",
        "%.99d",
    )
    text = "".join(random.choice(pieces) for _ in range(random.randrange(1, 4)))
    others = (
        "i",
        "u",
        "d",
        "s",
        "b",
        "l",
        "m",
        "object",
        "b'ab'",
        "null",
        "int",
        "duration('1h')",
        "timestamp(0)",
        "dyn(1)",
    )
    items = ["".join(tokens), *(random.choice(others) for _ in range(random.randrange(3)))]
    random.shuffle(items)
    tokens[:] = [f"'{text}'.format([{', '.join(items)}])"]


TWISTS: tuple[Twist, ...] = (
    scrambled,
    scrambled,
    respelled,
    extreme,
    extreme,
    spaced,
    called,
    called,
    nested,
    formatted,
)
