"""Reading a payload: plain base64 (RFC 4648, section 4), and what servers are known to send in its place.

`strictly` reads the plain one alone. `read` undoes all else that can be undone, and says what that was: of it `check`
makes findings, and `image_bytes(lenient=True)` takes the bytes.
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
    """A payload as it should have been written, and how it was written.

    `characters` are the payload in the standard alphabet, without padding. `prefix` is what a data URL has before it,
    and `bad_prefix` says that there is one which does not end, does not say base64, or stands before another.
    `white_space`: there was some. `url_safe`: there were `-` or `_`; `mixed`: beside them `+` or `/`. `padding` is the
    number of `=` at the end.
    """

    characters: str
    prefix: str
    bad_prefix: bool
    white_space: bool
    url_safe: bool
    mixed: bool
    padding: int

    @property
    def needed(self) -> int:
        """The padding characters that RFC 4648, section 3.2, asks for."""
        return -len(self.characters) % 4

    @property
    def foreign(self) -> str:
        """What stands where the first character is that is no base64, shortened; empty where all are."""
        found = _FOREIGN.search(self.characters)
        return "" if found is None else self.characters[found.start() : found.start() + _SHOWN]

    @property
    def data(self) -> bytes | None:
        """The bytes, which may be empty; None where the payload cannot be read."""
        return None if self.bad_prefix else strictly(self.characters + "=" * self.needed)


def strictly(text: str) -> bytes | None:
    """The bytes of plain base64: the standard alphabet, padded, and nothing else. None for any other text."""
    try:
        return pybase64.b64decode(text, validate=True)
    except ValueError:
        return None


def read(text: str) -> Reading:
    """How a payload is written, with its data-URL prefix (RFC 2397) and white space taken off."""
    dense = text.translate(_WHITE)
    characters, prefix, bad_prefix = dense, "", False
    if dense[:5].lower() == "data:":
        head, comma, _ = dense[:_LONGEST_PREFIX].partition(",")
        prefix = head + comma
        characters = dense[len(prefix) :]
        bad_prefix = prefix[-8:].lower() != ";base64," or characters[:5].lower() == "data:"
    url_safe = "-" in characters or "_" in characters
    mixed = url_safe and ("+" in characters or "/" in characters)
    bare = characters.rstrip("=")
    return Reading(
        characters=bare.translate(_URL_SAFE) if url_safe else bare,
        prefix=prefix,
        bad_prefix=bad_prefix,
        white_space=len(dense) < len(text),
        url_safe=url_safe,
        mixed=mixed,
        padding=len(characters) - len(bare),
    )
