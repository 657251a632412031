"""What commands read: files and standard input, and the documents in them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import orjson

from admit.admission import Request, read
from admit.errors import RequestError, UsageError
from admit.rules.yaml import load


def content_of(file: Path | str) -> bytes:
    """What is in a file; `-` is standard input. Raises UsageError."""
    try:
        with click.open_file(file, "rb") as stream:
            content: bytes = stream.read()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None
    return content


def values_of(text: bytes, file: str) -> list[Any]:
    """The documents of a manifest; JSON is read as JSON, which has escapes that YAML has not. Raises RuleSetError."""
    if text.lstrip().startswith(b"{"):
        with suppress(orjson.JSONDecodeError):
            return [orjson.loads(text)]
    return load(text, file)


def json_in(file: str) -> Any:
    """Raises RequestError, UsageError."""
    content = content_of(file)
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"not JSON: {error}" if content.strip() else "expected JSON, got nothing") from None


def request_in(file: str) -> Request:
    """The request of a review, or one alone. As for kwctl, a review may be of any version. Raises RequestError,
    UsageError."""
    value = json_in(file)
    match value:
        case {"kind": "AdmissionReview", "request": dict(request)}:
            return read(request)
        case _:
            return read(value)
