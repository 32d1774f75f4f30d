"""What the judge says: findings, their levels and verdicts, and how a message shows a value of a response.

A response may hold anything, so whatever a message quotes of it is shortened, and escaped where it cannot be printed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

Level = Literal["http", "stream", "json", "schema", "base64", "image"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""From the outside in, as a parser meets them; `stream` is there for `text/event-stream` alone."""

Verdict = Literal["valid", "unusual", "tolerated", "invalid"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
"""`valid`: right by the documents. `unusual`: legal or widely sent, and rare; a robust parser accepts it.
`tolerated`: decoders disagree; a parser may accept or refuse. `invalid`: must be refused by name."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What `check` has to say about one place of a response.

    `path` is a JSON path (`$.data[0].b64_json`; in a stream `$.events[2].b64_json`, events counted from 0),
    or for the level `http` what it is about: `status`, `headers.content-type`, `body`.
    """

    level: Level
    path: str
    verdict: Verdict
    message: str


_LONGEST, _LONGEST_ESCAPED = 40, 100
"""Characters of a text that are shown, and of these with escapes: one character may need six."""
_KEYS = 5
"""Keys of an object that are shown."""
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")


def shown(value: Any) -> str:
    """A JSON value for a person: scalars as JSON writes them, shortened; of objects and arrays what they are."""
    if isinstance(value, dict):
        keys = ", ".join(map(shortened, list(value)[:_KEYS])) + (", …" if len(value) > _KEYS else "")
        return f"an object with the keys {keys}" if value else "an empty object"
    if isinstance(value, list):
        return f"an array of {len(value)}" if value else "an empty array"
    if isinstance(value, str):
        start = json.dumps(value[:_LONGEST])
        whole = len(value) <= _LONGEST and len(start) <= _LONGEST_ESCAPED
        return start if whole else f"{start[:_LONGEST_ESCAPED]}… ({len(value)} characters)"
    return shortened(json.dumps(value))


def shortened(text: str) -> str:
    """A text on one line, without its end where it is long; what cannot be printed is escaped."""
    start = text[:_LONGEST].encode("unicode_escape").decode() if not text[:_LONGEST].isprintable() else text[:_LONGEST]
    return start + ("…" if len(text) > _LONGEST else "")


def key_path(path: str, key: str) -> str:
    """The JSON path of a member of an object."""
    return f"{path}.{key}" if _PLAIN_KEY.fullmatch(key) else f"{path}[{json.dumps(shortened(key))}]"


def listed(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
