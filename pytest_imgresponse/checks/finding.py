"""What the judge says: findings, their levels and verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

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
