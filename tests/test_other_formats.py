"""AVIF, TIFF, JPEG 2000, ICO and BMP: found, kept beside the cassette, opened, judged, and never beyond the limit."""

from __future__ import annotations

import base64
import json
import random
import struct
import zlib
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from PIL import Image, features

from pytest_imgresponse import HTTPResponse, ImagesResponse, check, replay
from pytest_imgresponse.cassette.payloads import Body
from pytest_imgresponse.errors import ResponseError
from pytest_imgresponse.images import KINDS, OUTPUT_FORMATS, PIXEL_LIMIT_WORDS, SUFFIXES, judge, open_image, suffix_of
from pytest_imgresponse.images.judge import judged
from pytest_imgresponse.images.make import make_picture, saved

NOISE = Image.frombytes("RGB", (24, 20), random.Random(3).randbytes(1440))
PAGES = {"save_all": True, "append_images": [NOISE.rotate(90)]}
FILES = {
    "avif": saved(NOISE, "avif"),
    "avif of two pictures": saved(NOISE, "avif", **PAGES),
    "tiff": saved(NOISE, "tiff"),
    "tiff, deflated": saved(NOISE, "tiff", compression="tiff_adobe_deflate"),
    "tiff of two pictures": saved(NOISE, "tiff", **PAGES),
    "tiff, large": saved(NOISE, "tiff", big_tiff=True),
    "jpeg2000": saved(NOISE, "jpeg2000"),
    "jpeg2000, a codestream": saved(NOISE, "jpeg2000", no_jp2=True),
    "ico": saved(NOISE, "ico", sizes=[(16, 16), (24, 20)]),
    "ico of a bmp": saved(NOISE, "ico", sizes=[(24, 20)], bitmap_format="bmp"),
    "bmp": saved(NOISE, "bmp"),
    "bmp with a palette": saved(NOISE.convert("P"), "bmp"),
}
SUFFIX = {"avif": ".avif", "tiff": ".tiff", "jpeg2000": ".jp2", "ico": ".ico", "bmp": ".bmp"}
PAYLOADS = {name: base64.b64encode(data).decode() for name, data in FILES.items()}


def invalid(data: bytes) -> bool:
    return any(remark.verdict == "invalid" for remark in judged(data).remarks)


def answer(payload: str, **fields: object) -> HTTPResponse:
    body = json.dumps({"created": 1, "data": [{"b64_json": payload}], **fields}).encode()
    return HTTPResponse(200, {"content-type": "application/json"}, body)


def test_there_is_one_table():
    assert (*KINDS, ".bin") == SUFFIXES
    assert {kind.name for kind in KINDS.values()} == {*OUTPUT_FORMATS, *SUFFIX}
    for name in OUTPUT_FORMATS:
        assert KINDS[suffix_of(make_picture(name, 8, 8)) or ""].name == name


@pytest.mark.parametrize("name", FILES)
def test_it_is_known_by_its_first_bytes_and_opened(name):
    file_format, data = name.split()[0].rstrip(","), FILES[name]
    assert suffix_of(data) == SUFFIX[file_format]
    assert open_image(data).size == (24, 20)
    (image,) = ImagesResponse.from_json(answer(PAYLOADS[name]).body).data
    assert image.format == file_format
    assert image.open().size == (24, 20)


@pytest.mark.parametrize("name", FILES)
def test_it_is_judged_with_its_pixels(name):
    found = check(answer(PAYLOADS[name], size="24x20", output_format="png"))
    file_format = name.split()[0].rstrip(",")
    said = f"the picture is in the format {file_format.upper()}: expected PNG, JPEG, WebP, GIF or SVG"
    assert [(f.level, f.verdict, f.message) for f in found] == [
        ("image", "tolerated", said),
        ("image", "unusual", f"the picture is {file_format}; output_format says png"),
    ]


@pytest.mark.parametrize("name", FILES)
def test_it_is_invalid_wherever_it_is_cut(name):
    data = FILES[name]
    ends = range(0, len(data) - 4, max(1, len(data) // 40))  # behind the last picture of a TIFF 4 bytes say nothing
    assert [end for end in ends if not invalid(data[:end])] == []
    for end in (len(data) - 5, len(data) // 2, 30):
        with pytest.raises(ResponseError):
            open_image(data[:end])


@pytest.mark.parametrize("name", FILES)
def test_whatever_is_changed_in_it_no_other_error_comes_out(name):
    chance = random.Random(name)
    for _ in range(25):
        data = bytearray(FILES[name])
        for _ in range(chance.choice((1, 4))):
            at = chance.randrange(chance.choice((64, len(data))))
            data[at : at + chance.randrange(2)] = chance.randbytes(1)
        judged(bytes(data))
        with suppress(ResponseError):
            open_image(bytes(data))


def test_it_is_recorded_beside_the_cassette_and_replayed(api, tmp_path):
    url = f"{api.url}/images/generations"
    order = {"model": "dall-e-2", "prompt": "a red fox", "size": "256x256"}
    names = ["avif", "tiff", "jpeg2000", "ico", "bmp"]
    for name in names:
        api.answer(answer(PAYLOADS[name]))
        api.answer(HTTPResponse(200, {"content-type": KINDS[SUFFIX[name]].media_types[0]}, FILES[name]))

    def ask() -> list[bytes]:
        key = {"authorization": "Bearer sk-live-0123456789"}
        return [httpx.post(url, json=order, headers=key).content for _ in range(2 * len(names))]

    with replay(tmp_path / "fox", record="once"):
        said = ask()
    assert said[1::2] == [FILES[name] for name in names]
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.suffix not in (".yaml", "")}
    assert kept == {f"fox-{n}{SUFFIX[name]}": FILES[name] for n, name in enumerate(names, 1)}
    assert "*.avif binary\n" in (tmp_path / ".gitattributes").read_text()
    with replay(tmp_path / "fox") as cassette:
        assert ask() == said
    assert [image.size for image in cassette.images] == [(24, 20)] * 10


@pytest.mark.parametrize(
    "data",
    [
        b"BM" + b"x" * 60,
        b"\0\0\1\0" + b"\1" * 60,
        b"\0\0\1\0" + bytes(60),
        b"\0\0\0\x1cftypmif1\0\0\0\0mif1heic" + bytes(30),
        b"\0\0\0\x1cftypisom" + bytes(30),
        struct.pack("<20f", *(n / 7 for n in range(20))),
    ],
)
def test_what_only_begins_like_one_stays_where_it_is(data):
    assert suffix_of(data) is None
    assert Body.of(answer(base64.b64encode(data).decode()).body).files == {}


def test_an_avif_whose_first_brand_is_another():
    data = FILES["avif"].replace(b"ftypavif\0\0\0\0avifmif1miaf", b"ftypmif1\0\0\0\0mif1miafavif")
    assert suffix_of(data) == ".avif"
    assert open_image(data).size == (24, 20)


def claims(name: str, width: int, height: int) -> bytes:
    """The file, with another size where its format has it."""
    data = FILES[name]
    if name != "tiff":
        form = "<ii" if name == "bmp" else ">II"
        data = data.replace(struct.pack(form, 24, 20), struct.pack(form, width, height))
    if name == "tiff":
        data = data.replace(
            struct.pack("<I4sI", 24, b"\x01\x01\x04\0", 1), struct.pack("<I4sI", width, b"\x01\x01\x04\0", 1)
        )
        data = data.replace(struct.pack("<HHII", 257, 4, 1, 20), struct.pack("<HHII", 257, 4, 1, height))
    return data


@pytest.mark.parametrize("name", ["avif", "tiff", "jpeg2000", "bmp"])
def test_a_file_that_claims_more_than_the_limit_is_not_decoded(name):
    data = claims(name, 9000, 9000)
    assert data != FILES[name]
    (remark,) = judged(data).remarks
    assert remark.verdict == "unusual"
    assert f"has 9000x9000 pixels, {PIXEL_LIMIT_WORDS}" in remark.message
    with pytest.raises(ResponseError, match="9000x9000 pixels is over the limit of 34000000"):
        open_image(data)


def test_a_tile_of_a_tiff_may_not_be_larger_than_any_picture():
    """A tile is decoded as a whole: here 1.6 GB for ten times ten pixels."""
    pixels = zlib.compress(bytes(1000))
    tags = {256: 10, 257: 10, 258: 8, 259: 8, 262: 1, 277: 1, 322: 40000, 323: 40000, 324: 134, 325: len(pixels)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    data = b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4) + pixels
    (remark,) = judged(data).remarks
    assert f"TIFF has 40000x40000 pixels, {PIXEL_LIMIT_WORDS}" in remark.message
    with pytest.raises(ResponseError, match="40000x40000 pixels is over the limit"):
        open_image(data)


def test_the_list_of_an_ico_may_not_hide_what_is_within():
    """Its list can say no more than 256, and Pillow decodes what is there."""
    rows = zlib.compress(bytes(9000 * 1126), 9)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 9000, 9000, 1, 0, 0, 0, 0))
    png = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    data = b"\0\0\1\0\1\0" + struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(png), 22) + png
    assert suffix_of(data) == ".ico"
    (remark,) = judged(data).remarks
    assert f"ICO has 9000x9000 pixels, {PIXEL_LIMIT_WORDS}" in remark.message
    with pytest.raises(ResponseError, match="9000x9000 pixels is over the limit"):
        open_image(data)


@pytest.mark.parametrize("name", ["avif", "jpeg2000"])
def test_a_pillow_without_the_codec_is_named(name, monkeypatch):
    """As it was built for some platforms: `features` is how Pillow says so."""
    monkeypatch.setattr(features, "check", lambda feature: False)
    file = FILES[name] + (b"" if name == "jpeg2000" else bytes(3))
    monkeypatch.setattr(judge, "_judged", OrderedDict())
    with pytest.raises(ResponseError, match=f"of {name.upper()}: the Pillow that is installed was built without it"):
        open_image(file)
    said = [remark.message for remark in judged(file).remarks]
    assert f"{name.upper()} is not decoded: the Pillow that is installed was built without it" in said
    assert not invalid(file)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (FILES["avif"][:40], "AVIF breaks off in its box 'meta': it has 40 of "),
        (FILES["avif"][:32] + struct.pack(">I4s", 0, b"free"), "AVIF holds no pixels: it has no box 'mdat'"),
        (FILES["avif"][:32] + struct.pack(">I4sQ", 1, b"free", 99), "breaks off in its box 'free'"),
        (FILES["jpeg2000"][:-2] + b"\0\0", "JPEG2000 breaks off within its pixels: they have no end (EOC)"),
        (FILES["tiff"][:4] + b"\xff\xff\xff\xff", "TIFF breaks off in its header, after 8 bytes"),
        (b"II+\0\x08\0\0\0" + b"\xff" * 8, "TIFF breaks off in its header, after 16 bytes"),
        (b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 256, 7, 1, 1), "has the type 7, and 1 values"),
        (b"II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 256, 4, 1, 8, 0), "TIFF has 8x0 pixels"),
    ],
)
def test_what_is_damaged_is_said(data, message):
    (remark,) = judged(data).remarks
    assert remark.verdict == "invalid"
    assert message in remark.message


def test_what_comes_behind_the_last_box_is_said():
    said = [remark.message for remark in judged(FILES["avif"] + b"\0\0\0\5\n").remarks]
    assert f"AVIF ends at byte {len(FILES['avif'])}, and 5 bytes come after it" in said
    said = [remark.message for remark in judged(FILES["avif"] + b"\0\0\0\5\n and more").remarks]
    assert f"AVIF ends at byte {len(FILES['avif'])}, and 14 bytes come after it" in said


def test_a_tiff_whose_directories_never_end_is_judged_by_its_first():
    size = struct.pack("<HHHIIHHII", 2, 256, 4, 1, 8, 257, 4, 1, 9) + struct.pack("<I", 8)
    assert "TIFF cannot be decoded" in judged(b"II*\0\x08\0\0\0" + size).remarks[-1].message


def test_a_content_type_is_compared(tmp_path: Path):
    response = HTTPResponse(200, {"content-type": "image/png"}, FILES["avif"])
    assert "content-type is image/png, and the body is image/avif" in [found.message for found in check(response)]
