"""Judging an SVG by a safe XML parse: nothing is expanded, fetched or kept."""

from __future__ import annotations

import re
from collections import Counter
from xml.parsers import expat

from pytest_imgresponse.images.raster import Broken, Remark, Verdict, quiet

_NAMESPACE = "http://www.w3.org/2000/svg"
_LENGTH_LIMIT = 4 * 1024**2
"""Bytes that are parsed."""
_DEPTH = 256
"""Nested elements that every renderer copes with: librsvg and libxml2 give up between 256 and 1000."""
_PIXELS = re.compile(r"\s*(\d{1,9})(?:\.0{1,9})?(?:px)?\s*", re.ASCII)


class NoSVG(Exception):  # noqa: N818 - becomes a remark, and is never seen outside
    """The text is no SVG at all; the message says what it is instead."""


class SVG:
    """An SVG, parsed. `size` is in pixels, where it is given in whole ones.

    Raises `NoSVG` for what has no `svg` root, and `Broken` for an SVG that is invalid.
    """

    def __init__(self, data: bytes) -> None:
        self.size: tuple[int, int] | None = None
        self.remarks: list[Remark] = []
        self._found: Counter[str] = Counter()
        self._depth = self._deepest = 0
        self._root = ""
        self._parse(data)
        if len(data) > _LENGTH_LIMIT:
            self._say(f"SVG has {len(data)} bytes: parsed are the first {_LENGTH_LIMIT}")
        if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:4]:
            self._say("SVG is encoded in UTF-16: UTF-8 is what is read everywhere")
        if self._deepest > _DEPTH:
            self._say(f"SVG nests {self._deepest} elements: over {_DEPTH} renderers give up")
        for what, count in sorted(self._found.items()):
            self._say(f"SVG holds {what}: {count}")

    def _say(self, message: str, verdict: Verdict = "unusual") -> None:
        self.remarks.append(Remark(verdict, message))

    def _parse(self, data: bytes) -> None:
        # Without namespaces: expat would write a long one anew at each element.
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        try:
            with quiet():  # a codec that the document names may warn
                parser.Parse(data[:_LENGTH_LIMIT], len(data) <= _LENGTH_LIMIT)
        except (expat.ExpatError, ValueError, LookupError) as error:
            if not self._root:
                raise NoSVG(f"markup that is not well-formed ({error})") from error
            raise Broken(f"SVG is not well-formed: {error}") from error
        if not self._root:
            raise NoSVG(f"markup without an element in its first {_LENGTH_LIMIT} bytes")

    def _doctype(self, name: str, system: str | None, public: str | None, has_internal_subset: bool) -> None:
        if has_internal_subset:
            raise Broken(f"SVG declares a DTD of its own (<!DOCTYPE {name[:20]} […]>), which a safe parser refuses")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._root:
            self._judge_root(name, attributes)
        self._depth += 1
        self._deepest = max(self._deepest, self._depth)
        local = name.rpartition(":")[2]
        if local == "script" or any(key.startswith("on") for key in attributes):
            self._found["scripts"] += 1
        if local == "foreignObject":
            self._found["foreignObject, which is no SVG"] += 1
        target = (attributes.get("href") or attributes.get("xlink:href") or "#").lstrip()
        if local != "a" and not target.startswith(("#", "data:")):
            self._found["references to other files"] += 1

    def _end(self, name: str) -> None:
        self._depth -= 1

    def _judge_root(self, name: str, attributes: dict[str, str]) -> None:
        self._root = name
        prefix, _, local = name.rpartition(":")
        if local != "svg":
            raise NoSVG("HTML" if local.lower() == "html" else f"XML with the root {local[:40]!r}")
        namespace = attributes.get(f"xmlns:{prefix}" if prefix else "xmlns")
        if namespace is None:
            self._say(f"SVG has no namespace: expected xmlns={_NAMESPACE!r} at its root", "tolerated")
        elif namespace != _NAMESPACE:
            raise Broken(f"SVG has the namespace {namespace[:80]!r}: expected {_NAMESPACE!r}")
        self.size = _size_of(attributes)


def _size_of(attributes: dict[str, str]) -> tuple[int, int] | None:
    sides = [attributes.get("width"), attributes.get("height")]
    if sides == [None, None]:
        box = attributes.get("viewBox", "").replace(",", " ").split(maxsplit=4)
        sides = [*box[2:]] if len(box) == 4 else sides
    width, height = (_PIXELS.fullmatch(side or "") for side in sides)
    return (int(width[1]), int(height[1])) if width and height else None
