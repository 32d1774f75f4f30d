"""The level `base64`: alphabet, padding, prefix; decoded strictly, and leniently where that fails."""

from __future__ import annotations

from collections.abc import Iterator

import pybase64

from pytest_imgresponse.base64_text import Reading, read, strictly
from pytest_imgresponse.checks.finding import Finding, Verdict
from pytest_imgresponse.checks.wording import shown

_Remark = tuple[Verdict, str]


def decoded(text: str, path: str) -> tuple[list[Finding], bytes | None]:
    """The bytes of a payload and what is odd about it; None where there is no decoding it (RFC 4648)."""
    data, letters, remarks = strictly(text), text, list[_Remark]()
    if data is None:
        reading = read(text)
        data, letters = reading.data, reading.letters + "=" * reading.needed
        remarks = [*_oddities(text, reading)]
        if data is None:
            remarks.append(("invalid", _fault(text, reading)))
    if data == b"":
        remarks.append(("invalid", "the payload is empty; expected a picture in base64"))
    elif data and (odd := len(data) % 3) and pybase64.b64encode(data[-odd:]).decode() != letters[-4:]:
        told = f"the last letters {letters[-4:]} hold bits that belong to no byte (RFC 4648, section 3.5)"
        remarks.append(("tolerated", told))
    return [Finding("base64", path, verdict, message) for verdict, message in remarks], data or None


def _oddities(text: str, reading: Reading) -> Iterator[_Remark]:
    """What has to be undone to read it."""
    if reading.no_prefix:
        return
    if reading.prefix:
        yield "unusual", f"the payload starts with {shown(reading.prefix)}, as data URLs do"
    if reading.white:
        left = len(reading.letters) + reading.padding
        yield "unusual", f"white space in the payload; {left} letters are left without it"
    if reading.url_safe:
        both = ", and that of plain base64 beside it" if reading.mixed else ""
        verdict: Verdict = "tolerated" if reading.mixed else "unusual"
        yield verdict, f"the url-safe alphabet is used (RFC 4648, section 5){both}"
    if reading.data is not None and reading.padding != reading.needed:
        told = f"padding characters at the end: {reading.padding}; expected {reading.needed} (RFC 4648, section 3.2)"
        yield "unusual" if reading.padding < reading.needed else "tolerated", told


def _fault(text: str, reading: Reading) -> str:
    """Why there is no reading it."""
    if reading.no_prefix:
        return f"the payload starts with {shown(text)}; expected the base64 alone"
    if reading.foreign:
        at = text.index(reading.foreign[0], text.index(",") + 1 if reading.prefix else 0)
        return f"no base64: {shown(reading.foreign)} at character {at}"
    return f"no base64: {len(reading.letters)} letters, a number that no bytes give; it may be cut off"
