"""The level `json`: UTF-8, one document, and what RFC 8259 forbids or leaves open."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

from pytest_imgresponse.checks.finding import Finding, Verdict, key_path, shortened, shown

UNREADABLE: Final = object()
"""Stands for the value of a text that is no JSON."""

_MOST_DIGITS = 600
"""Python can be told to refuse integers of more than 640 digits (sys.int_info.str_digits_check_threshold)."""

_MOST_FINDINGS = 100
"""Findings about one document at the most: a hostile one may repeat every key."""

_BOUNDLESS = "NaN, Infinity or a number beyond all bounds: decoders disagree (RFC 8259, section 6)"
_REPEATED = "is repeated: decoders take the last, the first or none"
_HALF_PAIR = "holds a lone surrogate, which has no UTF-8: decoders disagree (RFC 8259, section 8.2)"
_HALF = re.compile("[\ud800-\udfff]")
_WHITE = re.compile(r"[ \t\r\n]+")

_Step = str | int | None  # a key, an index, or None for the document itself


def loaded(text: bytes | str, path: str) -> tuple[list[Finding], Any]:
    """What is unusual or wrong with a JSON document, and its value: `UNREADABLE` where it cannot be read."""
    findings: list[Finding] = []

    def find(verdict: Verdict, message: str) -> None:
        findings.append(Finding("json", path, verdict, message))

    decoded = _decoded(text, find) if isinstance(text, bytes) else text
    if decoded is None:
        return findings, UNREADABLE
    if blank := _blank(decoded):
        find("unusual", f"white space before the JSON, up to character {blank}")
    hooks = _Hooks()
    try:
        value = json.loads(
            decoded,
            object_pairs_hook=hooks.object,
            parse_int=hooks.integer,
            parse_float=hooks.number,
            parse_constant=hooks.number,
        )
    except json.JSONDecodeError as error:
        there = shown(error.doc[error.pos : error.pos + 20]) if error.pos < len(error.doc) else "the end"
        find("invalid", f"no JSON: {error.msg} at character {error.pos}, where {there} is")
        return findings, UNREADABLE
    except RecursionError:
        find("tolerated", "nested too deeply to be read; a decoder may refuse it")
        return findings, UNREADABLE
    return [*findings, *islice(hooks.findings(value, path), _MOST_FINDINGS)], value


def _blank(text: str) -> int:
    found = _WHITE.match(text)
    return len(found[0]) if found else 0


def _decoded(body: bytes, find: Callable[[Verdict, str], None]) -> str | None:
    encoding = json.detect_encoding(body)
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        try:
            text = body.decode(encoding, "surrogatepass")
        except UnicodeDecodeError:
            find("invalid", f"no UTF-8: {error.reason} (byte {error.start})")
            return None
        find("tolerated", f"surrogates in {encoding.upper()} (byte {error.start}); Python's decoder takes them")
        return text
    if encoding == "utf-8-sig":
        find("tolerated", "a byte order mark comes before the JSON (RFC 8259, section 8.1)")
    elif encoding != "utf-8":
        find("tolerated", f"the JSON is in {encoding.upper()}; RFC 8259, section 8.1, wants UTF-8")
    return text


class _Hooks:
    """Hooks for `json.loads`, which record what it accepts and other decoders may not.

    That is a repeated key, half a surrogate pair in a key, NaN, Infinity, and a number beyond all bounds. A hook is not
    told where in the document it is, so `findings` walks through the value afterwards to find the paths.
    """

    def __init__(self) -> None:
        self.remarks_on_keys: dict[int, tuple[dict[str, Any], list[tuple[str, str]]]] = {}
        self.boundless = False

    def object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(self.remarks_on_keys) < _MOST_FINDINGS:
            remarks = [(name, _HALF_PAIR) for name in islice(value, _MOST_FINDINGS) if _HALF.search(name)]
            if len(value) != len(pairs):
                counted = Counter(name for name, _ in pairs)
                remarks += [(name, _REPEATED) for name, times in counted.most_common(_MOST_FINDINGS) if times > 1]
            if remarks:
                # The object is kept with its id: of one that was freed, the next object might get the same id.
                self.remarks_on_keys[id(value)] = value, remarks
        return value

    def integer(self, text: str) -> float:
        if len(text) <= _MOST_DIGITS:
            return int(text)
        self.boundless = True
        return -math.inf if text.startswith("-") else math.inf

    def number(self, text: str) -> float:
        value = float(text)
        self.boundless |= not math.isfinite(value)
        return value

    def findings(self, value: Any, path: str) -> Iterator[Finding]:
        """A finding for each thing recorded, with its path; but none within a value that a repeated key replaced."""
        if not self.remarks_on_keys and not self.boundless:
            return  # nearly always: large answers need no walk
        # Iterators in place of recursion, since a document may be nested deeper than Python's stack.
        trail: list[tuple[_Step, Iterator[tuple[_Step, Any]]]] = [(None, iter([(None, value)]))]
        while trail:
            for step, item in trail[-1][1]:
                if isinstance(item, float):
                    if not math.isfinite(item):
                        yield Finding("json", _path(path, trail, step), "tolerated", _BOUNDLESS)
                elif isinstance(item, (dict, list)):
                    for name, what in self.remarks_on_keys.get(id(item), (item, []))[1]:
                        there = key_path(_path(path, trail, step), name)
                        yield Finding("json", there, "tolerated", f"the key {shortened(name)} {what}")
                    trail.append((step, iter(item.items() if isinstance(item, dict) else enumerate(item))))
                    break
            else:
                trail.pop()


def _path(path: str, trail: list[tuple[_Step, Any]], last: _Step) -> str:
    for step in (*(step for step, _ in trail), last):
        if isinstance(step, str):
            path = key_path(path, step)
        elif step is not None:
            path += f"[{step}]"
    return path
