"""The level `image`: the bytes of a picture, and what the response says of it."""

from __future__ import annotations

from pytest_imgresponse.checks.finding import Finding
from pytest_imgresponse.checks.values import SIZE
from pytest_imgresponse.families import OUTPUT_FORMATS
from pytest_imgresponse.images.judge import Judgement


def image_findings(
    judgement: Judgement,
    path: str,
    *,
    output_format: str | None = None,
    size: str | None = None,
    background: str | None = None,
) -> list[Finding]:
    """What is odd or wrong with a picture that was judged; `path` is where it was.

    `output_format`, `size` and `background` are what the response declares; what is None, or no value that
    tells something of the picture (`auto`), is not compared.
    """
    findings = [Finding("image", path, remark.verdict, remark.message) for remark in judgement.remarks]
    if any(finding.verdict == "invalid" for finding in findings):
        return findings
    departures = (_format(judgement, output_format), _size(judgement, size), _background(judgement, background))
    return findings + [Finding("image", path, "unusual", message) for message in departures if message]


def _format(judgement: Judgement, declared: str | None) -> str | None:
    if judgement.file_format in (None, declared) or declared not in OUTPUT_FORMATS:
        return None
    return f"the picture is {judgement.file_format}; output_format says {declared}"


def _size(judgement: Judgement, declared: str | None) -> str | None:
    if judgement.size is None or declared is None or not SIZE.fullmatch(declared):
        return None
    actual = f"{judgement.size[0]}x{judgement.size[1]}"
    return f"the picture has {actual} pixels; size says {declared}" if actual != declared else None


def _background(judgement: Judgement, declared: str | None) -> str | None:
    match declared, judgement.opaque:
        case "transparent", True:
            return "every pixel of the picture is opaque; background says transparent"
        case "opaque", False:
            return "the picture has pixels that are not opaque; background says opaque"
    return None
