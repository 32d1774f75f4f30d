"""What the pictures of the edge cases really are: by Pillow, by the bytes, and by what the response tells of them."""

from __future__ import annotations

import json
import struct
import zlib
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import pybase64
import pytest
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from pytest_imgresponse.api.sse import event
from pytest_imgresponse.edge_cases import EDGE_CASES
from pytest_imgresponse.edge_cases.mutators import swap_pictures
from pytest_imgresponse.edge_cases.predicates import sized_picture
from pytest_imgresponse.http import HTTPResponse
from pytest_imgresponse.images import OutputFormat, jpeg_builder, png_builder, webp_builder
from pytest_imgresponse.images.make import make_picture

SIZE = (64, 48)
SVG = "{http://www.w3.org/2000/svg}"


def encoded(data: bytes) -> str:
    return pybase64.b64encode(data).decode()


def answer(*pictures: bytes, **told: Any) -> HTTPResponse:
    """A 200 answer with these pictures, of which it tells what is given."""
    body = {"created": 1_790_000_000, "data": [{"b64_json": encoded(each)} for each in pictures], **told}
    return HTTPResponse(200, {"content-type": "application/json"}, json.dumps(body).encode())


def plain(size: tuple[int, int] = SIZE, file_format: OutputFormat = "png", n: int = 1) -> HTTPResponse:
    told = {"background": "opaque", "output_format": file_format, "size": f"{size[0]}x{size[1]}"}
    return answer(*(make_picture(file_format, *size, seed=seed) for seed in range(n)), **told)


def pictures_of(response: HTTPResponse) -> list[bytes]:
    return [pybase64.b64decode(each["b64_json"], validate=True) for each in response.json()["data"]]


def mutated(name: str, size: tuple[int, int] = SIZE) -> bytes:
    """The picture that a case puts in the place of a plain one."""
    return pictures_of(EDGE_CASES[name](plain(size)))[0]


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


# --- what Pillow says

OPENED = {
    "png_16_bit": ("PNG", "RGB"),
    "png_16_bit_gray": ("PNG", "I;16"),
    "png_gray": ("PNG", "L"),
    "png_1_bit": ("PNG", "1"),
    "png_gray_alpha": ("PNG", "LA"),
    "png_palette": ("PNG", "P"),
    "png_palette_trns": ("PNG", "P"),
    "png_colour_key": ("PNG", "RGB"),
    "png_adam7": ("PNG", "RGB"),
    "png_adam7_1_bit": ("PNG", "1"),
    "png_split_idat": ("PNG", "RGB"),
    "png_iccp": ("PNG", "RGB"),
    "png_exif": ("PNG", "RGB"),
    "png_text": ("PNG", "RGB"),
    "png_private_chunk": ("PNG", "RGB"),
    "c2pa_cabx": ("PNG", "RGB"),
    "png_apng": ("PNG", "RGB"),
    "png_trailing_bytes": ("PNG", "RGB"),
    "png_bad_idat_crc": ("PNG", "RGB"),
    "png_no_iend": ("PNG", "RGB"),
    "png_no_adler": ("PNG", "RGB"),
    "png_more_data": ("PNG", "RGB"),
    "png_no_plte": ("PNG", "P"),
    "png_index_out_of_range": ("PNG", "P"),
    "png_unknown_critical_chunk": ("PNG", "RGB"),
    "png_bad_compression": ("PNG", "RGB"),
    "jpeg_progressive": ("JPEG", "RGB"),
    "jpeg_gray": ("JPEG", "L"),
    "jpeg_cmyk": ("JPEG", "CMYK"),
    "jpeg_exif_orientation": ("JPEG", "RGB"),
    "jpeg_icc": ("JPEG", "RGB"),
    "jpeg_app11_c2pa": ("JPEG", "RGB"),
    "jpeg_fill_bytes": ("JPEG", "RGB"),
    "jpeg_restart_markers": ("JPEG", "RGB"),
    "jpeg_multi_picture": ("MPO", "RGB"),
    "jpeg_arithmetic": ("JPEG", "RGB"),
    "jpeg_trailing_bytes": ("JPEG", "RGB"),
    "jpeg_scan_damage": ("JPEG", "RGB"),
    "webp_lossy": ("WEBP", "RGB"),
    "webp_lossless": ("WEBP", "RGB"),
    "webp_alpha": ("WEBP", "RGBA"),
    "webp_animated": ("WEBP", "RGB"),
    "webp_exif_orientation": ("WEBP", "RGB"),
    "webp_trailing_bytes": ("WEBP", "RGB"),
    "gif_animated": ("GIF", "P"),
    "gif_17_frames": ("GIF", "P"),
    "gif_still": ("GIF", "P"),
    "gif_no_trailer": ("GIF", "P"),
    "bmp_instead": ("BMP", "1"),
    "tiff_instead": ("TIFF", "1"),
    "format_mismatch_bytes": ("JPEG", "RGB"),
    "transparent_but_opaque": ("PNG", "RGB"),
    "transparent_but_alpha_full": ("PNG", "RGBA"),
    "opaque_but_transparent": ("PNG", "RGBA"),
}
OTHER_SIZE = {
    "picture_of_three_megabytes",
    "size_mismatch_pixels",
    "sizes_differ_within_response",
    "picture_transposed",
    "one_pixel",
}
LEGAL_AND_REFUSED_BY_PILLOW = {
    "png_ztxt_over_1_mib": "MAX_TEXT_CHUNK",
    "jpeg_12_bit": "cannot identify",
    "bomb_180_megapixels": "180633600 pixels",
    "bomb_webp_of_32_bytes": "268435456 pixels",
    "bomb_gif_screen": "4294836225 pixels",
}
LOADED_ALL_THE_SAME = {"png_short_data"}
"""Invalid, and Pillow 13 does not say so."""


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (17, 5), SIZE], ids=str)
@pytest.mark.parametrize("name", OPENED)
def test_pillow_opens_it_as_what_it_is_in_the_size_that_was_there(name: str, size: tuple[int, int]) -> None:
    image = opened(mutated(name, size))
    assert (image.format, image.mode, image.size) == (*OPENED[name], size)


@pytest.mark.parametrize(("name", "message"), LEGAL_AND_REFUSED_BY_PILLOW.items(), ids=LEGAL_AND_REFUSED_BY_PILLOW)
def test_pillow_refuses_what_is_legal(name: str, message: str) -> None:
    assert EDGE_CASES[name].verdict == "unusual"
    with pytest.raises((OSError, ValueError, Image.DecompressionBombError), match=message):
        opened(mutated(name))


REFUSED = [
    case.name
    for case in EDGE_CASES.values()
    if case.level == "image" and case.verdict == "invalid" and case.name not in LOADED_ALL_THE_SAME
]


@pytest.mark.parametrize("size", [(17, 5), SIZE], ids=str)
@pytest.mark.parametrize("name", [*REFUSED, "png_bad_adler"])
def test_pillow_refuses_what_is_invalid(name: str, size: tuple[int, int]) -> None:
    with pytest.raises((OSError, SyntaxError, Image.DecompressionBombError)):
        opened(mutated(name, size))


def test_a_picture_can_be_as_heavy_as_real_ones_are() -> None:
    data = mutated("picture_of_three_megabytes")
    assert opened(data).size == (1024, 1024)
    assert 3_000_000 < len(data) < 3_300_000


def test_every_case_of_this_level_is_looked_at_here() -> None:
    two_pictures = {"pictures_identical"}
    svgs = {name for name, case in EDGE_CASES.items() if case.level == "image" and name.startswith("svg_")}
    seen = {*OPENED, *OTHER_SIZE, *LEGAL_AND_REFUSED_BY_PILLOW, *LOADED_ALL_THE_SAME, *REFUSED, "png_bad_adler"}
    assert seen | two_pictures | svgs == {name for name, case in EDGE_CASES.items() if case.level == "image"}


@pytest.mark.parametrize(
    "name",
    [name for name, case in EDGE_CASES.items() if case.level == "image" and name != "picture_of_three_megabytes"],
)
def test_the_file_of_a_true_size_is_small(name: str) -> None:
    response = plain((256, 192), n=2)
    assert all(len(each) < 40_000 for each in pictures_of(EDGE_CASES[name](response)))


# --- PNG


def header_of(png: bytes) -> tuple[int, ...]:
    """Width, height, depth, colour type, compression, filter and interlace method."""
    return struct.unpack(">IIBBBBB", png[16:29])


@pytest.mark.parametrize(
    ("name", "depth", "colour"),
    [
        ("png_16_bit", 16, 2),
        ("png_16_bit_gray", 16, 0),
        ("png_gray", 8, 0),
        ("png_1_bit", 1, 0),
        ("png_gray_alpha", 8, 4),
        ("png_palette", 8, 3),
        ("png_palette_trns", 8, 3),
        ("png_colour_key", 8, 2),
        ("bomb_180_megapixels", 1, 0),
    ],
)
def test_depth_and_colour_type(name: str, depth: int, colour: int) -> None:
    assert header_of(mutated(name))[2:4] == (depth, colour)


@pytest.mark.parametrize("size", [(1, 1), (3, 1), (5, 9), (17, 8), SIZE], ids=str)
@pytest.mark.parametrize(("name", "twin"), [("png_adam7", "c2pa_cabx"), ("png_adam7_1_bit", "png_1_bit")])
def test_an_interlaced_picture_shows_the_same_pixels(name: str, twin: str, size: tuple[int, int]) -> None:
    assert header_of(mutated(name, size))[6] == 1
    assert header_of(mutated(twin, size))[6] == 0
    assert opened(mutated(name, size)).tobytes() == opened(mutated(twin, size)).tobytes()


def test_16_bits_of_gray_are_clipped_by_a_plain_conversion() -> None:
    image = opened(mutated("png_16_bit_gray"))
    assert image.getextrema() == (15420, 51401)
    assert image.convert("L").getextrema() == (255, 255)


@pytest.mark.parametrize(
    ("name", "alpha"),
    [
        ("png_gray_alpha", (0, 128)),
        ("png_palette_trns", (0, 128)),
        ("png_colour_key", (0, 255)),
        ("webp_alpha", (0, 128)),
        ("opaque_but_transparent", (0, 255)),
        ("transparent_but_alpha_full", (255, 255)),
        ("transparent_but_opaque", (255, 255)),
    ],
)
def test_how_much_light_the_pixels_let_through(name: str, alpha: tuple[int, int]) -> None:
    assert opened(mutated(name)).convert("RGBA").getchannel("A").getextrema() == alpha


@pytest.mark.parametrize("name", ["png_gray_alpha", "png_palette_trns", "png_colour_key", "webp_alpha"])
def test_one_pixel_too_is_not_opaque_where_transparency_is_the_point(name: str) -> None:
    assert opened(mutated(name, (1, 1))).convert("RGBA").getchannel("A").getextrema()[0] < 255


def chunks(name: str) -> list[bytes]:
    return [kind for kind, _ in png_builder.split(mutated(name))]


def test_pixels_over_several_chunks_are_the_same_pixels() -> None:
    parts = [data for kind, data in png_builder.split(mutated("png_split_idat")) if kind == b"IDAT"]
    assert [len(part) for part in parts[:3]] == [2, 0, 3]
    assert opened(mutated("png_split_idat")).tobytes() == opened(mutated("c2pa_cabx")).tobytes()


@pytest.mark.parametrize("name", ["png_iccp", "jpeg_icc"])
def test_the_profile_swaps_red_and_green(name: str) -> None:
    profile = ImageCms.ImageCmsProfile(BytesIO(opened(mutated(name)).info["icc_profile"]))
    assert ImageCms.getProfileDescription(profile).strip() == "swapped"
    red = Image.new("RGB", (1, 1), (255, 0, 0))
    shown = ImageCms.profileToProfile(red, profile, ImageCms.createProfile("sRGB"))
    assert shown is not None
    assert shown.getpixel((0, 0)) == (0, 255, 0)


@pytest.mark.parametrize("name", ["png_exif", "jpeg_exif_orientation", "webp_exif_orientation"])
def test_a_turned_picture_is_shown_with_sides_swapped(name: str) -> None:
    image = opened(mutated(name))
    assert image.size == SIZE
    assert ImageOps.exif_transpose(image).size == SIZE[::-1]


def test_the_text_is_there() -> None:
    text = opened(mutated("png_text")).text
    assert text == {"parameters": "un renard roux, signé", "prompt": "赤い狐 🦊"}
    assert (text["prompt"].lang, text["parameters"].encode("latin-1")[-1]) == ("ja", 0xE9)


def test_text_over_pillows_limit_opens_when_the_limit_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PngImagePlugin, "MAX_TEXT_CHUNK", 2**22)
    assert len(opened(mutated("png_ztxt_over_1_mib")).text["Comment"]) == 2**21


def test_chunks_that_are_added() -> None:
    assert chunks("c2pa_cabx") == [b"IHDR", b"caBX", b"IDAT", b"IEND"]
    assert chunks("png_private_chunk") == [b"IHDR", b"foXx", b"IDAT", b"IEND"]
    assert chunks("png_unknown_critical_chunk") == [b"IHDR", b"FOXX", b"IDAT", b"IEND"]
    assert chunks("png_apng") == [b"IHDR", b"acTL", b"fcTL", b"IDAT", b"fcTL", b"fdAT", b"IEND"]


def test_the_manifest_store_is_one_box_with_its_description_in_it() -> None:
    store = dict(png_builder.split(mutated("c2pa_cabx")))[b"caBX"]
    assert store in mutated("jpeg_app11_c2pa")
    assert (int.from_bytes(store[:4]), store[4:8]) == (len(store), b"jumb")
    assert (int.from_bytes(store[8:12]), store[12:16]) == (len(store) - 8, b"jumd")
    assert store.endswith(b"\x03c2pa\0")


def test_chunks_that_are_missing() -> None:
    assert chunks("png_no_ihdr") == [b"IDAT", b"IEND"]
    assert chunks("png_no_idat") == chunks("bomb_header_only") == [b"IHDR", b"IEND"]
    assert chunks("png_no_iend") == [b"IHDR", b"IDAT"]
    assert chunks("png_no_plte") == [b"IHDR", b"IDAT", b"IEND"]


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("png_zero_width", 0, 0),
        ("png_zero_height", 1, 0),
        ("png_bad_depth", 2, 3),
        ("png_bad_colour_type", 3, 1),
        ("png_bad_compression", 4, 1),
        ("png_bad_interlace", 6, 2),
    ],
)
def test_one_field_of_the_header_is_wrong_under_a_right_crc(name: str, place: int, value: int) -> None:
    png = mutated(name)
    fields = [*SIZE, 8, 2, 0, 0, 0]
    fields[place] = value
    assert header_of(png) == tuple(fields)
    assert zlib.crc32(png[12:29]) == int.from_bytes(png[29:33])


def wrong_checksums(png: bytes) -> list[bytes]:
    """The chunks whose CRC is wrong."""
    at, wrong = 8, []
    while at < len(png):
        end = at + 8 + int.from_bytes(png[at : at + 4])
        if zlib.crc32(png[at + 4 : end]) != int.from_bytes(png[end : end + 4]):
            wrong.append(png[at + 4 : at + 8])
        at = end + 4
    return wrong


@pytest.mark.parametrize(
    ("name", "wrong"), [("png_bad_ihdr_crc", [b"IHDR"]), ("png_bad_idat_crc", [b"IDAT"]), ("png_bad_adler", [])]
)
def test_which_crc_is_wrong(name: str, wrong: list[bytes]) -> None:
    assert wrong_checksums(mutated(name)) == wrong


def inflated(name: str, size: tuple[int, int] = SIZE) -> bytes:
    return zlib.decompress(dict(png_builder.split(mutated(name, size)))[b"IDAT"])


LINE = 1 + 3 * SIZE[0]


def test_the_pixels_are_too_few_too_many_or_of_no_filter() -> None:
    assert len(inflated("png_short_data")) == LINE * SIZE[1] // 2
    assert len(inflated("png_more_data")) == LINE * SIZE[1] * 2
    assert inflated("png_bad_filter")[::LINE] == b"\x05" + bytes(SIZE[1] - 1)
    with pytest.raises(zlib.error, match="incorrect data check"):
        inflated("png_bad_adler")
    with pytest.raises(zlib.error, match="incomplete"):
        inflated("png_no_adler")
    with pytest.raises(zlib.error, match="incorrect header check"):
        inflated("png_no_zlib")


def test_pillow_shows_half_the_lines_and_black() -> None:
    image = opened(mutated("png_short_data"))
    assert image.getpixel((0, 0)) == png_builder.GROUND
    assert image.crop((0, SIZE[1] // 2, *SIZE)).getextrema() == ((0, 0),) * 3


def test_indices_are_beyond_the_palette() -> None:
    assert len(dict(png_builder.split(mutated("png_index_out_of_range")))[b"PLTE"]) == 2 * 3
    assert opened(mutated("png_index_out_of_range")).getextrema() == (0, 255)


def test_a_png_sent_as_text_has_lost_its_carriage_return() -> None:
    assert mutated("png_as_text").startswith(b"\x89PNG\n\x1a\n")


def test_a_bomb_is_small_and_a_header_alone_has_no_pixels() -> None:
    assert header_of(mutated("bomb_180_megapixels"))[:2] == (13_440, 13_440)
    assert header_of(mutated("bomb_header_only"))[:2] == (30_000, 30_000)
    assert len(mutated("bomb_header_only")) == 45
    assert len(mutated("bomb_webp_of_32_bytes")) == 32


def test_the_bomb_has_all_its_lines() -> None:
    lines = zlib.decompressobj()
    data = dict(png_builder.split(mutated("bomb_180_megapixels")))[b"IDAT"]
    total = 0
    while data:
        total += len(lines.decompress(data, 2**20))
        data = lines.unconsumed_tail
    assert (total, lines.eof) == (13_440 * (1 + 13_440 // 8), True)


# --- files that end too early


@pytest.mark.parametrize("size", [(1, 1), SIZE, (300, 200)], ids=str)
@pytest.mark.parametrize(
    ("name", "whole"),
    [("half_png", "c2pa_cabx"), ("half_jpeg", "jpeg_no_eoi"), ("half_webp", "webp_lossy"), ("half_gif", "gif_still")],
)
def test_half_a_file_has_a_header_and_lacks_pixels(name: str, whole: str, size: tuple[int, int]) -> None:
    assert len(mutated(name, size)) < len(mutated(whole, size)) - (1 if size == (1, 1) else 10)
    if name != "half_png":  # the other one has a chunk before its pixels
        assert mutated(whole, size).startswith(mutated(name, size))


def test_half_a_jpeg_passes_verify() -> None:
    Image.open(BytesIO(mutated("half_jpeg"))).verify()


def test_what_is_missing_at_the_end() -> None:
    assert mutated("gif_no_trailer") + b";" == mutated("gif_animated")
    assert opened(mutated("jpeg_no_eoi") + jpeg_builder.EOI).size == SIZE


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("png_eight_bytes", b"\x89PNG\r\n\x1a\n"),
        ("jpeg_three_bytes", b"\xff\xd8\xff"),
        ("webp_twelve_bytes", b"RIFF\x04\0\0\0WEBP"),
        ("gif_six_bytes", b"GIF89a"),
    ],
)
def test_a_signature_alone(name: str, content: bytes) -> None:
    assert mutated(name) == content


@pytest.mark.parametrize("name", ["png_trailing_bytes", "jpeg_trailing_bytes", "webp_trailing_bytes"])
def test_bytes_after_the_end(name: str) -> None:
    assert mutated(name).endswith(b"\nmade by a fox\n")


# --- JPEG


def markers(jpeg: bytes) -> list[int]:
    """The markers up to the first scan; fill bytes before them do not count."""
    found, at = [], 2
    while not found or found[-1] != 0xDA:
        while jpeg[at + 1] == 0xFF:
            at += 1
        found.append(jpeg[at + 1])
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4])
    return found


@pytest.mark.parametrize(
    ("name", "marker"),
    [
        ("jpeg_progressive", 0xC2),
        ("jpeg_arithmetic", 0xC9),
        ("jpeg_12_bit", 0xC1),
        ("jpeg_restart_markers", 0xDD),
        ("jpeg_icc", 0xE2),
        ("jpeg_app11_c2pa", 0xEB),
        ("jpeg_fill_bytes", 0xC0),
    ],
)
def test_the_segment_that_makes_it_unusual(name: str, marker: int) -> None:
    assert marker in markers(mutated(name))


def test_fill_bytes_stand_before_a_marker() -> None:
    assert b"\xff" * 8 in mutated("jpeg_fill_bytes")


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 33), (200, 150)], ids=str)
def test_arithmetic_coding_decodes_to_an_even_gray_to_the_last_pixel(size: tuple[int, int]) -> None:
    assert opened(mutated("jpeg_arithmetic", size)).getextrema() == ((128, 128),) * 3


@pytest.mark.parametrize(("size", "units"), [((1, 1), 1), ((16, 16), 1), ((17, 33), 6), ((64, 48), 12)], ids=str)
def test_12_bits_a_sample_and_12_bits_of_codes_a_unit(size: tuple[int, int], units: int) -> None:
    jpeg = mutated("jpeg_12_bit", size)
    assert b"\xff\xc1\x00\x11\x0c" + struct.pack(">HH", *size[::-1]) in jpeg  # SOF1, 17 bytes, 12 bits, the size
    start, end = jpeg_builder.scan_of(jpeg)
    assert end - start == -(-12 * units // 8)
    assert jpeg[start:end].rstrip(b"\x0f").strip(b"\0") == b""


def test_damage_within_the_pixels_changes_what_is_shown() -> None:
    whole, damaged = opened(mutated("jpeg_restart_markers")), opened(mutated("jpeg_scan_damage"))
    assert whole.tobytes() != damaged.tobytes()
    assert len(mutated("jpeg_scan_damage")) == len(mutated("jpeg_no_eoi")) + 2


def test_no_scan_between_header_and_end() -> None:
    jpeg = mutated("jpeg_no_scan")
    assert jpeg.endswith(b"\xff\xd9")
    assert b"\xff\xda" not in jpeg
    assert b"\xff\xc0" in jpeg


# --- WebP and GIF


@pytest.mark.parametrize(
    ("name", "frames"),
    [
        ("png_apng", 2),
        ("jpeg_multi_picture", 2),
        ("webp_animated", 3),
        ("gif_animated", 3),
        ("gif_17_frames", 17),
        ("gif_still", 1),
    ],
)
@pytest.mark.parametrize("size", [(1, 1), SIZE], ids=str)
def test_how_many_frames_there_are(name: str, frames: int, size: tuple[int, int]) -> None:
    image = Image.open(BytesIO(mutated(name, size)))
    assert image.n_frames == frames
    shown = set()
    for number in range(frames):
        image.seek(number)
        shown.add(image.convert("RGB").tobytes())
    assert len(shown) > 1 or frames == 1


@pytest.mark.parametrize(
    ("name", "kind"),
    [("webp_lossy", b"VP8 "), ("webp_lossless", b"VP8L"), ("webp_alpha", b"VP8X"), ("half_webp", b"VP8 ")],
)
def test_the_first_chunk_of_a_webp(name: str, kind: bytes) -> None:
    assert mutated(name)[12:16] == kind


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (40, 30)], ids=str)
def test_a_flat_webp_is_of_its_colour_and_32_bytes(size: tuple[int, int]) -> None:
    webp = webp_builder.riff(webp_builder.flat(*size, png_builder.INK))
    assert (len(webp), opened(webp).size) == (32, size)
    assert opened(webp).getcolors() == [(size[0] * size[1], png_builder.INK)]


def test_the_size_that_the_riff_header_tells() -> None:
    for name, times in (("webp_riff_size_wrong", 2), ("webp_riff_size_short", 0.5)):
        webp = mutated(name)
        assert int.from_bytes(webp[4:8], "little") == int((len(webp) - 8) * times) & ~1
        assert webp[8:] == mutated("webp_lossless")[8:]


def test_a_screen_beyond_its_frames() -> None:
    gif = mutated("bomb_gif_screen")
    assert struct.unpack("<HH", gif[6:10]) == (65_535, 65_535)
    assert opened(gif[:6] + struct.pack("<HH", *SIZE) + gif[10:]).n_frames == 2


# --- SVG


def svg(name: str) -> ElementTree.Element:
    return ElementTree.fromstring(mutated(name))


def test_an_svg_tells_its_size_and_draws() -> None:
    for name in ("svg_script", "svg_event_handler", "svg_external_image", "svg_foreign_object", "svg_doctype"):
        root = svg(name)
        assert (root.tag, root.get("width"), root.get("height")) == (f"{SVG}svg", "64", "48")
        assert len(root.findall(f"{SVG}rect")) == 2


def test_what_is_in_the_svg() -> None:
    assert svg("svg_script").findtext(f"{SVG}script") == "alert('fox')"
    assert [each.get("onclick") for each in svg("svg_event_handler").iter(f"{SVG}circle")] == ["alert('fox')"]
    assert [each.get("href") for each in svg("svg_external_image").iter(f"{SVG}image")] == [
        "http://images.example/fox.png"
    ]
    assert svg("svg_foreign_object").find(f"{SVG}foreignObject/{{http://www.w3.org/1999/xhtml}}p") is not None
    assert mutated("svg_doctype").startswith(
        b'<?xml version="1.0"?>\n<!-- a fox -->\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG'
    )
    assert (svg("svg_without_size").get("width"), svg("svg_without_size").get("viewBox")) == (None, "0 0 64 48")
    assert svg("svg_without_namespace").tag == "svg"
    assert svg("svg_without_namespace").get("width") == "64"


def test_an_svg_that_is_not_well_formed() -> None:
    for name, message in (("half_svg", "unclosed token"), ("svg_undeclared_entity", "undefined entity")):
        with pytest.raises(ElementTree.ParseError, match=message):
            svg(name)


def test_entities_of_a_billion_characters_and_of_a_file() -> None:
    laughs = mutated("svg_entities").decode()
    assert len(laughs) < 1024
    assert laughs.count("&a0;") == laughs.count("&a8;") == 10
    assert laughs.count("<!ENTITY") == 10
    assert b'SYSTEM "file:///etc/passwd"' in mutated("svg_external_entity")


# --- what the response tells of its pictures


def told(response: HTTPResponse) -> tuple[str, str, str]:
    value = response.json()
    return value["output_format"], value["background"], value["size"]


@pytest.mark.parametrize(
    ("name", "output_format", "background"),
    [
        ("png_palette_trns", "png", "transparent"),
        ("jpeg_gray", "jpeg", "opaque"),
        ("half_jpeg", "jpeg", "opaque"),
        ("webp_alpha", "webp", "transparent"),
        ("webp_lossless", "webp", "opaque"),
        ("gif_animated", "gif", "opaque"),
        ("svg_script", "svg", "opaque"),
        ("svg_entities", "svg", "opaque"),
        ("opaque_but_transparent", "png", "opaque"),
        ("transparent_but_opaque", "png", "transparent"),
        ("transparent_but_alpha_full", "png", "transparent"),
    ],
)
def test_format_and_background_are_told_after_the_new_picture(name: str, output_format: str, background: str) -> None:
    for file_format in ("png", "webp"):
        changed = EDGE_CASES[name](plain(file_format=file_format))
        assert told(changed) == (output_format, background, "64x48")


@pytest.mark.parametrize(
    "name", ["format_mismatch_bytes", "svg_instead", "bmp_instead", "picture_is_html", "size_mismatch_pixels"]
)
def test_what_is_told_stays_where_that_is_the_point(name: str) -> None:
    assert told(EDGE_CASES[name](plain(file_format="webp"))) == ("webp", "opaque", "64x48")


def test_a_jpeg_becomes_a_png_where_the_format_is_not_to_match() -> None:
    changed = EDGE_CASES["format_mismatch_bytes"](plain(file_format="jpeg"))
    assert opened(pictures_of(changed)[0]).format == "PNG"
    assert told(changed)[0] == "jpeg"


def test_what_is_not_told_is_not_told_afterwards() -> None:
    bare = answer(make_picture("png", *SIZE))
    for name in ("webp_lossy", "jpeg_cmyk", "svg_entities"):
        assert set(EDGE_CASES[name](bare).json()) == {"created", "data"}
    for name in ("size_mismatch_pixels", "format_mismatch_bytes", "transparent_but_opaque", "opaque_but_transparent"):
        assert not EDGE_CASES[name].applies(bare)


def test_sizes_that_are_not_those_told() -> None:
    def sizes(name: str, response: HTTPResponse) -> list[tuple[int, int]]:
        return [opened(each).size for each in pictures_of(EDGE_CASES[name](response))]

    assert sizes("size_mismatch_pixels", plain(n=2)) == [(48, 36), (48, 36)]
    assert sizes("size_mismatch_pixels", plain((1, 1))) == [(2, 2)]
    assert sizes("sizes_differ_within_response", plain(n=3)) == [SIZE, SIZE, (48, 36)]
    assert sizes("picture_transposed", plain(n=2)) == [(48, 64), (48, 64)]
    assert sizes("one_pixel", plain()) == [(1, 1)]
    assert not EDGE_CASES["picture_transposed"].applies(plain((32, 32)))


def test_pictures_that_are_the_same() -> None:
    changed = pictures_of(EDGE_CASES["pictures_identical"](plain(n=3)))
    assert changed == [make_picture("png", *SIZE)] * 3
    for name in ("pictures_identical", "sizes_differ_within_response"):
        assert not EDGE_CASES[name].applies(plain())
        assert not EDGE_CASES[name].applies(answer(*changed))


def test_a_payload_that_is_no_picture() -> None:
    assert mutated("picture_is_html").startswith(b"<!DOCTYPE html>")
    assert json.loads(mutated("picture_is_json"))["error"]["type"] == "server_error"
    assert pybase64.b64decode(mutated("picture_encoded_twice"), validate=True) == make_picture("png", *SIZE)
    assert set(mutated("picture_is_zeros")) == {0}


# --- streams, and what cannot be read


def stream() -> HTTPResponse:
    fields = {"background": "opaque", "output_format": "png", "size": "64x48"}
    pictures = [encoded(make_picture("png", *SIZE, seed=seed)) for seed in (1, 2)]
    partial = event("image_generation.partial_image", {"b64_json": pictures[0], **fields, "partial_image_index": 0})
    completed = event("image_generation.completed", {"b64_json": pictures[1], **fields})
    return HTTPResponse(200, {"content-type": "text/event-stream"}, partial + completed)


def events(response: HTTPResponse) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in response.body.splitlines() if line.startswith(b"data: ")]


def test_each_event_of_a_stream_gets_a_picture_and_tells_of_it() -> None:
    changed = events(EDGE_CASES["webp_alpha"](stream()))
    assert [opened(pybase64.b64decode(each["b64_json"])).size for each in changed] == [SIZE, SIZE]
    assert [(each["output_format"], each["background"]) for each in changed] == [("webp", "transparent")] * 2


def test_a_stream_has_no_gif_and_no_svg_and_no_answer_with_two_pictures() -> None:
    cases = [case for case in EDGE_CASES.values() if case.level == "image"]
    left_out = {case.name for case in cases if not case.applies(stream())}
    expected = {case.name for case in cases if case.name.startswith(("gif_", "svg_"))} - {"svg_instead"}
    assert left_out == expected | {
        "half_gif",
        "half_svg",
        "bomb_gif_screen",
        "pictures_identical",
        "sizes_differ_within_response",
    }


def test_a_picture_whose_size_cannot_be_read_or_drawn_stays() -> None:
    unreadable, wide = mutated("png_eight_bytes"), png_builder.png(16_384, 1, png_builder.Form(1, 0, (0,), (1,)))
    for left in (unreadable, wide, mutated("bomb_180_megapixels"), mutated("png_ztxt_over_1_mib")):
        assert not sized_picture(answer(left))
    both = EDGE_CASES["jpeg_gray"](answer(unreadable, make_picture("png", *SIZE)))
    assert pictures_of(both)[0] == unreadable
    assert opened(pictures_of(both)[1]).mode == "L"
    for name in ("size_mismatch_pixels", "picture_transposed", "bmp_instead"):
        pair = answer(unreadable, make_picture("png", *SIZE), size="64x48")
        assert pictures_of(EDGE_CASES[name](pair))[0] == unreadable


def test_a_payload_that_is_no_base64_stays() -> None:
    response = answer(make_picture("png", *SIZE))
    body = response.json()
    body["data"].append({"b64_json": "no base64!"})
    changed = swap_pictures(HTTPResponse(200, response.headers, json.dumps(body).encode()), lambda data: b"fox")
    assert [each["b64_json"] for each in changed.json()["data"]] == [encoded(b"fox"), "no base64!"]
