"""Reading a payload: the base64 that servers are known to send, beside that of RFC 4648, section 4.

The judge says what was odd about it, and `image_bytes(lenient=True)` takes it: both read by this one function.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import pybase64

_WHITE = str.maketrans("", "", " \t\r\n")
_URL_SAFE = str.maketrans("-_", "+/")
_FOREIGN = re.compile(r"[^A-Za-z0-9+/]")
_LONGEST_PREFIX = 200
_SHOWN = 20


class Reading(NamedTuple):
    """A payload as it should have been written, and what was done to it.

    `characters` are those of the standard alphabet, without padding; `prefix` is what a data URL has before them, and
    `no_prefix` says that there is one which does not end, does not say base64, or stands before another. `white`:
    white space was there; `url_safe`: characters of that alphabet were; `mixed`: those of the plain one beside them;
    `padding`: the padding characters at the end.
    """

    characters: str
    prefix: str
    no_prefix: bool
    white: bool
    url_safe: bool
    mixed: bool
    padding: int

    @property
    def needed(self) -> int:
        """The padding characters that RFC 4648, section 3.2, asks for."""
        return -len(self.characters) % 4

    @property
    def foreign(self) -> str:
        """The first characters from one on that is no base64; none where all are."""
        found = _FOREIGN.search(self.characters)
        return "" if found is None else self.characters[found.start() : found.start() + _SHOWN]

    @property
    def data(self) -> bytes | None:
        """The bytes, which may be none at all; None where there is no reading them."""
        return None if self.no_prefix else strictly(self.characters + "=" * self.needed)


def strictly(text: str) -> bytes | None:
    """The bytes of plain base64: the standard alphabet, padded, and nothing else. None for any other text."""
    try:
        return pybase64.b64decode(text, validate=True)
    except ValueError:
        return None


def read(text: str) -> Reading:
    """A payload without a data-URL prefix (RFC 2397) and white space, in the standard alphabet."""
    dense = text.translate(_WHITE)
    characters, prefix, no_prefix = dense, "", False
    if dense[:5].lower() == "data:":
        head, comma, _ = dense[:_LONGEST_PREFIX].partition(",")
        prefix = head + comma
        characters = dense[len(prefix) :]
        no_prefix = prefix[-8:].lower() != ";base64," or characters[:5].lower() == "data:"
    url_safe = "-" in characters or "_" in characters
    mixed = url_safe and ("+" in characters or "/" in characters)
    bare = characters.rstrip("=")
    return Reading(
        characters=bare.translate(_URL_SAFE) if url_safe else bare,
        prefix=prefix,
        no_prefix=no_prefix,
        white=len(dense) < len(text),
        url_safe=url_safe,
        mixed=mixed,
        padding=len(characters) - len(bare),
    )
