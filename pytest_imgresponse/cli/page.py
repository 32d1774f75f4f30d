"""The report of a contract as a page: one file, for a browser without a network."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pybase64

from pytest_imgresponse._terminal import escaped
from pytest_imgresponse.checks import LEVELS, VERDICTS
from pytest_imgresponse.cli.templates import file_text, rendered
from pytest_imgresponse.contract import Report
from pytest_imgresponse.contract.report import Row, shortened
from pytest_imgresponse.contract.trial import Trial
from pytest_imgresponse.edge_cases.predicates import content_of
from pytest_imgresponse.errors import ResponseError
from pytest_imgresponse.images import open_image, suffix_of
from pytest_imgresponse.images.make import saved
from pytest_imgresponse.models import Image

_SIDE = 240
"""Pixels of the longer side of a picture on the page."""
_MOST_PICTURES = 4
"""Of one answer, on the page."""
_DUMPED = 96
"""Bytes that a dump shows."""
_WRITTEN = 2000
"""Bytes of an SVG that are shown, as text."""
_NO_LEVEL = "none"
"""The level of an answer in which nothing was found."""
_THREADS = re.compile(r"([\w.-]+/[\w.-]+)#(\d+)")


def page_of(report: Report) -> str:
    """The page. Nothing on it runs but its own script, and nothing is fetched: its content comes from strangers."""
    style, script = file_text("page.css"), file_text("page.js")
    ways = report.way_of
    page = rendered(
        "page.html.jinja",
        report=report,
        headline=report.headline.removeprefix(report.parser).strip(),
        cards=[_card(row, ways[row.cause]) for row in report.rows],
        number_of_ways=len(ways),
        verdicts=_counted([row.trial.verdict for row in report.rows], VERDICTS),
        levels=_counted([row.trial.level or _NO_LEVEL for row in report.rows], (_NO_LEVEL, *LEVELS)),
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )
    return escaped(page)


def _counted(names: Sequence[str], order: Sequence[str]) -> dict[str, int]:
    counts = Counter(names)
    return {name: counts[name] for name in order if name in counts}


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _card(row: Row, way: int) -> dict[str, Any]:
    trial = row.trial
    return {
        "way": way,
        "name": trial.name,
        "verdict": trial.verdict,
        "level": trial.level or _NO_LEVEL,
        "happened": row.happened,
        "reason": trial.reason.split("`"),  # what stands between two of them is code
        "seen": _linked(trial.seen),
        "pictures": _pictures(trial),
        "answer": shortened(trial.response),
        "headers": trial.response.headers,
        "reproduce": row.reproduce,
        "milliseconds": round(row.outcome.seconds * 1000, 1),
    }


def _linked(seen: str) -> list[tuple[str, str | None]]:
    """The citation in pieces, each with the address of the thread that it names."""
    pieces: list[tuple[str, str | None]] = []
    end = 0
    for found in _THREADS.finditer(seen):
        pieces += [(seen[end : found.start()], None), (found[0], f"https://github.com/{found[1]}/issues/{found[2]}")]
        end = found.end()
    return [piece for piece in [*pieces, (seen[end:], None)] if piece[0]]


def _pictures(trial: Trial) -> list[dict[str, str]]:
    """Each picture that can be shown, drawn anew; of each that cannot, and of a body without, the bytes."""
    body, payloads = trial.response.body, content_of(trial.response).payloads()
    if trial.served:
        return [_picture(data) for data in list(trial.served.values())[-_MOST_PICTURES:]]
    if not payloads:
        return [{"dump": _dump(body), "caption": f"the body, {len(body)} bytes"}]
    # Of a stream the last ones are whole.
    return [_payload(text) for text in payloads[-_MOST_PICTURES:]]


def _payload(text: str) -> dict[str, str]:
    try:
        return _picture(Image(b64_json=text).image_bytes(lenient=True))
    except ResponseError as error:
        return {"dump": _dump(text.encode("utf-8", "surrogatepass")), "caption": str(error)}


def _picture(data: bytes) -> dict[str, str]:
    if suffix_of(data) == ".svg":
        # As text: a browser would let it do what an SVG can.
        return {"text": data[:_WRITTEN].decode("utf-8", "replace"), "caption": f"SVG, {len(data)} bytes"}
    try:
        picture = open_image(data)
    except ResponseError as error:
        return {"dump": _dump(data), "caption": str(error)}
    caption = f"{picture.format}, {picture.width}x{picture.height} pixels, {picture.mode}, {len(data)} bytes"
    small = picture.convert("RGBA")
    small.thumbnail((_SIDE, _SIDE))
    small.info.clear()  # a colour profile can be as large as it likes
    return {"url": f"data:image/png;base64,{pybase64.b64encode(saved(small, 'png')).decode()}", "caption": caption}


def _dump(data: bytes) -> str:
    """The first bytes in hexadecimal and as text, eight a line."""
    lines = []
    for start in range(0, min(len(data), _DUMPED), 8):
        part = data[start : start + 8]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{start:04x}  {part.hex(' '):<23}  {text}")
    return "\n".join([*lines, "…"] if len(data) > _DUMPED else lines) or "(empty)"
