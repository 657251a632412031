"""The encoders extension of cel-go, which the specification's environment has and Kubernetes has not."""

from __future__ import annotations

import base64
import re

from admit.cel.library import overload
from admit.errors import EvaluationError


@overload(
    "base64.encode(bytes) -> string",
    "base64.encode(b'hello') == 'aGVsbG8='",
    id="base64_encode_bytes",
    library="encoders",
    since=None,
)
def encode(value: bytes) -> str:
    """The bytes in base64."""
    return base64.b64encode(value).decode()


@overload(
    "base64.decode(string) -> bytes",
    "base64.decode('aGVsbG8=') == b'hello'",
    "base64.decode('aGVsbG8') == b'hello'",
    id="base64_decode_string",
    library="encoders",
    since=None,
    fails={"base64.decode('a-b')": "illegal base64 data at input byte 1"},
)
def decode(text: str) -> bytes:
    """What is written in base64, padded or not; line ends in it do not matter."""
    digits = re.sub("[\r\n]", "", text)
    unpadded = re.sub("={0,2}\\Z", "", digits) if len(digits) % 4 == 0 else digits
    if (wrong := re.search("[^A-Za-z0-9+/]", unpadded)) or len(unpadded) % 4 == 1:
        at = len(text[: wrong.start()].encode()) if wrong else len(digits) - 1
        raise EvaluationError(f"illegal base64 data at input byte {at}")
    return base64.b64decode(unpadded + "=" * (-len(unpadded) % 4))
