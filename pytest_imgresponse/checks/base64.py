"""The level `base64`: alphabet, padding, prefix; decoded strictly, and leniently where that fails."""

from __future__ import annotations

import re
from collections.abc import Callable

import pybase64

from pytest_imgresponse.checks.finding import Finding, Verdict
from pytest_imgresponse.checks.wording import shown

_WHITE = str.maketrans("", "", " \t\r\n")
_URL_SAFE = str.maketrans("-_", "+/")
_FOREIGN = re.compile(r"[^A-Za-z0-9+/]")
_LONGEST_PREFIX = 200


def decoded(text: str, path: str) -> tuple[list[Finding], bytes | None]:
    """The bytes of a payload and what is odd about it; None where there is no decoding it (RFC 4648)."""
    findings: list[Finding] = []

    def find(verdict: Verdict, message: str) -> None:
        findings.append(Finding("base64", path, verdict, message))

    try:
        data = pybase64.b64decode(text, validate=True)
    except ValueError:
        text = _plain(text, find)
        if any(finding.verdict == "invalid" for finding in findings):
            return findings, None
        data = pybase64.b64decode(text, validate=True)
    if not data:
        find("invalid", "the payload is empty; expected a picture in base64")
        return findings, None
    if (odd := len(data) % 3) and pybase64.b64encode(data[-odd:]).decode() != text[-4:]:
        find("tolerated", f"the last letters {text[-4:]} hold bits that belong to no byte (RFC 4648, section 3.5)")
    return findings, data


def _plain(text: str, find: Callable[[Verdict, str], None]) -> str:
    """The payload as it should have been written; what it finds says what was done to it."""
    text = _without_prefix(text, find)
    letters = text.translate(_WHITE)
    if len(letters) < len(text):
        find("unusual", f"white space in the payload; {len(letters)} letters are left without it")
    if "-" in letters or "_" in letters:
        mixed = "+" in letters or "/" in letters
        both = ", and that of plain base64 beside it" if mixed else ""
        find("tolerated" if mixed else "unusual", f"the url-safe alphabet is used (RFC 4648, section 5){both}")
        letters = letters.translate(_URL_SAFE)
    padded, letters = letters, letters.rstrip("=")
    if foreign := _FOREIGN.search(letters):
        there = shown(letters[foreign.start() : foreign.start() + 20])
        find("invalid", f"no base64: {there} at character {foreign.start()}")
        return ""
    if len(letters) % 4 == 1:
        find("invalid", f"no base64: {len(letters)} letters, a number that no bytes give; it may be cut off")
        return ""
    needed, there_are = -len(letters) % 4, len(padded) - len(letters)
    if there_are != needed:
        told = f"padding characters at the end: {there_are}; expected {needed} (RFC 4648, section 3.2)"
        find("unusual" if there_are < needed else "tolerated", told)
    return letters + "=" * needed


def _without_prefix(text: str, find: Callable[[Verdict, str], None]) -> str:
    """Without what a data URL has before its payload (RFC 2397)."""
    if text[:5].lower() != "data:":
        return text
    prefix, comma, rest = text[:_LONGEST_PREFIX].partition(",")
    if not comma or rest[:5].lower() == "data:":
        find("invalid", f"the payload starts with {shown(text)}; expected the base64 alone")
        return ""
    find("unusual", f"the payload starts with {shown(prefix + comma)}, as data URLs do")
    return text[len(prefix) + 1 :]
