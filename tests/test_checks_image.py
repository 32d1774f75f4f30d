"""The level `image` of the judge: the picture, and what the response declares of it."""

from __future__ import annotations

import json
import random
import struct

import pybase64
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from pytest_imgresponse.checks import VERDICTS, Finding, pictures
from pytest_imgresponse.images import OUTPUT_FORMATS
from pytest_imgresponse.images.judge import judged
from pytest_imgresponse.images.make import make_picture, saved
from tests.real import all_recorded


def image_findings(data, path, **declared):
    return pictures.image_findings(judged(data), path, **declared)


PATH = "$.data[0].b64_json"


def unusual(message: str) -> Finding:
    return Finding("image", PATH, "unusual", message)


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize(
    "size", [(1, 1), (3, 2), (5, 4), (17, 300), (256, 256), (1254, 1254), (1024, 1536), (1536, 1024)]
)
@pytest.mark.parametrize("file_format", OUTPUT_FORMATS)
def test_a_made_picture_is_what_is_declared(file_format, size, transparent):
    data = make_picture(file_format, *size, transparent=transparent)
    background = "transparent" if transparent and file_format != "jpeg" else "opaque"
    declared = {"output_format": file_format, "size": f"{size[0]}x{size[1]}", "background": background}
    assert image_findings(data, PATH, **declared) == []
    assert image_findings(data, PATH) == []


@given(st.sampled_from(OUTPUT_FORMATS), st.integers(1, 70), st.integers(1, 70), st.integers(0, 30))
def test_an_opaque_picture_of_any_size_is_what_is_declared(file_format, width, height, seed):
    data = make_picture(file_format, width, height, seed=seed)
    declared = {"output_format": file_format, "size": f"{width}x{height}", "background": "opaque"}
    assert image_findings(data, PATH, **declared) == []


@pytest.mark.parametrize("file_format", OUTPUT_FORMATS)
@pytest.mark.parametrize("declared", OUTPUT_FORMATS)
def test_another_format_than_declared_is_unusual(file_format, declared):
    expected = [unusual(f"the picture is {file_format}; output_format says {declared}")]
    found = image_findings(make_picture(file_format, 9, 9), PATH, output_format=declared)
    assert found == ([] if file_format == declared else expected)


@pytest.mark.parametrize("file_format", OUTPUT_FORMATS)
def test_other_pixels_than_declared_are_unusual(file_format):
    data = make_picture(file_format, 20, 10)
    assert image_findings(data, PATH, size="10x20") == [unusual("the picture has 20x10 pixels; size says 10x20")]


@pytest.mark.parametrize(
    ("file_format", "transparent", "background", "message"),
    [
        ("png", False, "transparent", "every pixel of the picture is opaque; background says transparent"),
        ("jpeg", False, "transparent", "every pixel of the picture is opaque; background says transparent"),
        ("gif", False, "transparent", "every pixel of the picture is opaque; background says transparent"),
        ("png", True, "opaque", "the picture has pixels that are not opaque; background says opaque"),
        ("webp", True, "opaque", "the picture has pixels that are not opaque; background says opaque"),
    ],
)
def test_another_background_than_declared_is_unusual(file_format, transparent, background, message):
    data = make_picture(file_format, 20, 10, transparent=transparent)
    assert image_findings(data, PATH, background=background) == [unusual(message)]


def test_an_alpha_channel_of_opaque_pixels_is_opaque():
    data = saved(Image.new("RGBA", (8, 8), (1, 2, 3, 255)), "png")
    assert image_findings(data, PATH, background="opaque") == []
    assert len(image_findings(data, PATH, background="transparent")) == 1


def test_what_tells_nothing_of_the_picture_is_not_compared():
    data = make_picture("png", 20, 10)
    for declared in ("auto", "", "large", "20 x 10", "PNG"):
        assert image_findings(data, PATH, output_format=declared, size=declared, background=declared) == []


def test_what_cannot_be_known_is_not_compared():
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
    assert image_findings(svg, PATH, output_format="svg", size="20x10", background="transparent") == []


def test_each_departure_is_a_finding_of_its_own():
    found = image_findings(
        make_picture("png", 20, 10), PATH, output_format="webp", size="1024x1024", background="transparent"
    )
    assert [finding.message for finding in found] == [
        "the picture is png; output_format says webp",
        "the picture has 20x10 pixels; size says 1024x1024",
        "every pixel of the picture is opaque; background says transparent",
    ]


def test_of_what_is_invalid_nothing_more_is_said():
    half = make_picture("jpeg", 64, 64)[:700]
    found = image_findings(half, PATH, output_format="png", size="1x1", background="transparent")
    message = "JPEG breaks off within its pixels: 700 bytes, and no end (EOI)"
    assert found == [Finding("image", PATH, "invalid", message)]


def test_a_picture_of_another_format_is_compared_with_what_the_answer_says():
    found = image_findings(saved(Image.new("RGB", (8, 8)), "bmp"), PATH, output_format="png", size="1x1")
    message = "the picture is in the format BMP: expected PNG, JPEG, WebP, GIF or SVG"
    assert found == [
        Finding("image", PATH, "tolerated", message),
        Finding("image", PATH, "unusual", "the picture is bmp; output_format says png"),
        Finding("image", PATH, "unusual", "the picture has 8x8 pixels; size says 1x1"),
    ]


# --- properties --------------------------------------------------------------------------------------------------

NOISE = Image.frombytes("RGB", (24, 20), random.Random(3).randbytes(1440))
MORE = [NOISE.rotate(90), NOISE.rotate(180)]
PICTURES = [
    *(make_picture(name, 24, 20, transparent=clear) for name in OUTPUT_FORMATS for clear in (False, True)),
    saved(NOISE, "png"),
    saved(NOISE.convert("P"), "png"),
    saved(NOISE, "png", save_all=True, append_images=MORE),
    saved(NOISE, "jpeg"),
    saved(NOISE, "jpeg", progressive=True),
    saved(NOISE.convert("CMYK"), "jpeg"),
    saved(NOISE, "webp"),
    saved(NOISE, "webp", lossless=True),
    saved(NOISE, "webp", save_all=True, append_images=MORE),
    saved(NOISE.convert("P"), "gif"),
]
STARTS = [
    b"",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"RIFF\x40\0\0\0WEBPVP8 ",
    b"GIF89a",
    b"<svg ",
    b"\xfe\xff\0<",
    b"BM",
]


def judge(data: bytes) -> list[Finding]:
    findings = image_findings(data, PATH, output_format="png", size="24x20", background="opaque")
    assert {finding.level for finding in findings} <= {"image"}
    assert {finding.path for finding in findings} <= {PATH}
    assert {finding.verdict for finding in findings} <= set(VERDICTS) - {"valid"}
    assert all(finding.message.isprintable() and len(finding.message) < 300 for finding in findings)
    if any(finding.verdict == "invalid" for finding in findings):
        assert len(findings) == 1
    return findings


@given(st.sampled_from(STARTS), st.binary(max_size=200))
@example(b"", b"")
def test_any_bytes_are_judged(start, rest):
    judge(start + rest)


CHANGES = st.tuples(st.sampled_from(["flip", "cut", "drop", "add"]), st.integers(0, 5000), st.integers(0, 255))


@given(st.sampled_from(PICTURES), st.lists(CHANGES, min_size=1, max_size=3))
def test_any_damage_is_judged(data, changes):
    for what, place, value in changes:
        at = place % (len(data) or 1)
        match what:
            case "flip":
                data = data[:at] + bytes([value]) + data[at + 1 :]
            case "cut":
                data = data[:at]
            case "drop":
                data = data[:at] + data[at + 1 + value % 9 :]
            case "add":
                data = data[:at] + bytes([value]) * (1 + value % 9) + data[at:]
    judge(data)


@pytest.mark.parametrize("size", [(4, 4), (24, 20)])
@pytest.mark.parametrize("file_format", ["png", "jpeg", "webp", "gif"])
def test_each_prefix_of_a_picture_that_ends_within_its_pixels_is_invalid(file_format, size):
    data = make_picture(file_format, *size, transparent=file_format != "jpeg")
    end = len(data)
    if file_format == "png":
        start = data.index(b"IDAT")
        end = start + 4 + struct.unpack_from(">I", data, start - 4)[0]
    elif file_format == "gif":
        end = data.index(b"!\xf9", data.index(b",\0\0\0\0"))  # what is before the second frame
    wrong = [cut for cut in range(end) if [finding.verdict for finding in judge(data[:cut])] != ["invalid"]]
    assert wrong == []
    assert [cut for cut in range(end, len(data)) if not judge(data[:cut])] == []


# --- recordings --------------------------------------------------------------------------------------------------


def test_what_apis_sent_is_what_they_declared(recordings):
    seen, odd = 0, {}
    for recorded in all_recorded():
        try:
            value = json.loads(recorded.as_content().body)
            images = value["data"]
        except (ValueError, KeyError, TypeError):
            continue
        declared = {name: value.get(name) for name in ("output_format", "size", "background")}
        for each in images if isinstance(images, list) else ():
            try:
                data = pybase64.b64decode(each["b64_json"], validate=True)
            except (ValueError, KeyError, TypeError):
                continue
            seen += 1
            if found := image_findings(data, PATH, **declared):
                odd[recorded.file.partition("/")[0]] = [finding.message for finding in found]
    assert seen >= 15
    # Its recorder has put another picture in the place of the one received.
    swapped = ["the picture is png; output_format says webp", "the picture has 1x1 pixels; size says 1024x1536"]
    assert odd == {"dotnet": swapped}
