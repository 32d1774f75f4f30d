"""Cases at the level `image` that any format can have: other pixels than the answer declares, and no picture at all."""

from __future__ import annotations

import struct
from functools import lru_cache
from random import Random

import pybase64
from PIL import Image

from pytest_imgresponse.api.answers import pretty
from pytest_imgresponse.edge_cases.mutators import draw_instead, redraw_pictures, redrawn, swap_pictures, tell
from pytest_imgresponse.edge_cases.predicates import (
    content_of,
    declares_background,
    declares_format,
    declares_size,
    oblong_picture,
    size_of,
    sized_picture,
    sized_picture_in_json,
    two_pictures,
)
from pytest_imgresponse.edge_cases.table import edge_case
from pytest_imgresponse.http import HTTPResponse
from pytest_imgresponse.images import suffix_of, webp_builder
from pytest_imgresponse.images.make import make_picture, saved
from pytest_imgresponse.images.png_builder import GROUND, INK, Form, png


@lru_cache(maxsize=1)
def _noise() -> bytes:
    return saved(Image.frombytes("RGB", (1024, 1024), Random(0).randbytes(3 * 1024**2)), "png", compress_level=1)  # noqa: S311


@edge_case("valid", "image", seen="recording: dd-trace-py, image_create_edit_b64_json", applies=sized_picture)
def picture_of_three_megabytes(response: HTTPResponse) -> HTTPResponse:
    """The picture is a PNG of 1024x1024 pixels that weighs 3 MB, as real ones do: 4 million characters of base64."""
    return tell(redraw_pictures(response, lambda width, height: _noise()), "size", "1024x1024")


def _smaller(data: bytes) -> bytes:
    """Drawn at three quarters of its width and height; where that is no pixel, at two."""
    size = size_of(data)
    return data if size is None else redrawn(data, size=(size[0] * 3 // 4 or 2, size[1] * 3 // 4 or 2))


@edge_case(
    "unusual", "image", seen="aidevops#31096, CLIProxyAPI#4114; recording: genai, 1254x1254", applies=declares_size
)
def size_mismatch_pixels(response: HTTPResponse) -> HTTPResponse:
    """The picture is not of the pixel size that `size` says."""
    return swap_pictures(response, _smaller)


def two_different_pictures(response: HTTPResponse) -> bool:
    """A 200 answer with two raster pictures or more that differ."""
    return two_pictures(response) and len(set(content_of(response).pictures())) > 1


@edge_case("unusual", "image", seen="ComfyUI#14414", applies=two_different_pictures)
def sizes_differ_within_response(response: HTTPResponse) -> HTTPResponse:
    """The last picture is smaller than the others: they cannot be stacked."""
    last = content_of(response).pictures()[-1]
    return swap_pictures(response, lambda data: _smaller(data) if data == last else data)


@edge_case(
    "unusual", "image", seen="recording: openai-dotnet, GenerationWithOptionsWorks", applies=two_different_pictures
)
def pictures_identical(response: HTTPResponse) -> HTTPResponse:
    """All pictures are the same to the byte: what is named after its content is written over."""
    first = content_of(response).pictures()[0]
    return swap_pictures(response, lambda data: first)


@edge_case("unusual", "image", seen="run: Pillow 13.0.0 loads it", applies=oblong_picture)
def picture_transposed(response: HTTPResponse) -> HTTPResponse:
    """The picture is a portrait where `size` says landscape, or the other way round."""

    def transpose(data: bytes) -> bytes:
        size = size_of(data)
        return data if size is None else redrawn(data, size=size[::-1])

    return swap_pictures(response, transpose)


@edge_case("unusual", "image", seen="recording: openai-dotnet, GenerationWithOptionsWorks", applies=sized_picture)
def one_pixel(response: HTTPResponse) -> HTTPResponse:
    """The picture is one pixel, as a stand-in has it."""
    return redraw_pictures(response, lambda width, height: png(1, 1))


@edge_case(
    "unusual", "image", seen="openai-node#1850, neurolink#1679, open-webui/open-webui#29948", applies=declares_format
)
def format_mismatch_bytes(response: HTTPResponse) -> HTTPResponse:
    """The picture is a JPEG where `output_format` says otherwise, or a PNG where it says `jpeg`."""
    return swap_pictures(
        response, lambda data: redrawn(data, file_format="png" if suffix_of(data) == ".jpg" else "jpeg")
    )


@edge_case("unusual", "image", seen="openai/codex#45645", applies=declares_background)
def transparent_but_opaque(response: HTTPResponse) -> HTTPResponse:
    """The answer says that the background is transparent, and its PNG has no alpha channel."""
    return tell(redraw_pictures(response, png), "background", "transparent")


@edge_case("unusual", "image", seen="run: Pillow 13.0.0 opens it as RGBA", applies=declares_background)
def transparent_but_alpha_full(response: HTTPResponse) -> HTTPResponse:
    """The answer says that the background is transparent, and every pixel of its PNG, which has alpha, is opaque."""
    form = Form(8, 6, (*GROUND, 255), (*INK, 255))
    drawn = redraw_pictures(response, lambda width, height: png(width, height, form))
    return tell(drawn, "background", "transparent")


@edge_case("unusual", "image", seen="run: Pillow 13.0.0 opens it as RGBA", applies=declares_background)
def opaque_but_transparent(response: HTTPResponse) -> HTTPResponse:
    """The answer says that the background is opaque, and pixels of its PNG are clear: saved as JPEG they turn black."""
    form = Form(8, 6, (*GROUND, 255), (0, 0, 0, 0))
    return redraw_pictures(response, lambda width, height: png(width, height, form))


@edge_case("unusual", "image", seen="openai 3.54.0, `images_response.py`: svg is a format", applies=sized_picture)
def svg_instead(response: HTTPResponse) -> HTTPResponse:
    """The picture is an SVG where the answer says otherwise, and no raster decoder opens it."""
    return draw_instead(response, lambda width, height: make_picture("svg", width, height))


@edge_case("tolerated", "image", seen="run: Pillow 13.0.0 opens it", applies=sized_picture)
def bmp_instead(response: HTTPResponse) -> HTTPResponse:
    """The picture is a BMP, which no `output_format` names."""
    return draw_instead(response, _bmp)


@lru_cache(maxsize=32)
def _bmp(width: int, height: int) -> bytes:
    return saved(Image.new("1", (width, height)), "bmp")


@edge_case("tolerated", "image", seen="run: Pillow 13.0.0 opens it", applies=sized_picture)
def tiff_instead(response: HTTPResponse) -> HTTPResponse:
    """The picture is a TIFF, which no `output_format` names."""
    return draw_instead(response, _tiff)


@lru_cache(maxsize=32)
def _tiff(width: int, height: int) -> bytes:
    return saved(Image.new("1", (width, height)), "tiff", compression="packbits")


@edge_case("invalid", "image", seen="betalgo/openai#421 (such a page as a body)", applies=sized_picture)
def picture_is_html(response: HTTPResponse) -> HTTPResponse:
    """The payload is the page of a gateway, in base64, where a picture has to be."""
    page = b"<!DOCTYPE html>\n<html><head><title>504 Gateway Time-out</title></head><body>504</body></html>\n"
    return draw_instead(response, lambda width, height: page)


@edge_case("invalid", "image", seen="run: Pillow 13.0.0 refuses it", applies=sized_picture)
def picture_is_json(response: HTTPResponse) -> HTTPResponse:
    """The payload is an error in JSON, in base64, where a picture has to be."""
    error = pretty({"error": {"message": "The server had an error.", "type": "server_error", "param": None}})
    return draw_instead(response, lambda width, height: error)


@edge_case("invalid", "image", seen="run: Pillow 13.0.0 refuses it", applies=sized_picture)
def picture_encoded_twice(response: HTTPResponse) -> HTTPResponse:
    """The payload is base64 of base64: decoded once, it is no picture yet."""
    return swap_pictures(response, pybase64.b64encode)


@edge_case("invalid", "image", seen="run: Pillow 13.0.0 refuses it", applies=sized_picture)
def picture_is_zeros(response: HTTPResponse) -> HTTPResponse:
    """The payload is zeros where a picture has to be."""
    return draw_instead(response, lambda width, height: bytes(1024))


@edge_case(
    "unusual",
    "image",
    seen="Pillow 13 Image.py (decompression bombs); run: Pillow 13.0.0 refuses it",
    applies=sized_picture,
)
def bomb_180_megapixels(response: HTTPResponse) -> HTTPResponse:
    """The picture is a PNG in black and white of 13,440 x 13,440 pixels in 39 kB: it is legal, and 720 MB as RGBA."""
    form = Form(1, 0, (0,), (1,))
    return redraw_pictures(response, lambda width, height: png(13_440, 13_440, form, level=9))


@edge_case("unusual", "image", seen="RFC 9649, section 3.7.2.1.1; run: Pillow 13.0.0 refuses it", applies=sized_picture)
def bomb_webp_of_32_bytes(response: HTTPResponse) -> HTTPResponse:
    """The picture is a WebP of 16,384 x 16,384 pixels of one colour in 32 bytes: it is legal, and 1 GB as RGBA."""
    side = webp_builder.LONGEST
    return redraw_pictures(response, lambda width, height: webp_builder.riff(webp_builder.flat(side, side, INK)))


@edge_case("unusual", "image", seen="Pillow 13 Tests/images/decompression_bomb.gif", applies=sized_picture_in_json)
def bomb_gif_screen(response: HTTPResponse) -> HTTPResponse:
    """The picture is a GIF whose screen is 65,535 x 65,535 pixels, and whose frames are small."""
    return redraw_pictures(response, _wide_screen)


def _wide_screen(width: int, height: int) -> bytes:
    gif = make_picture("gif", min(width, 64), min(height, 64))
    return gif[:6] + struct.pack("<HH", 65_535, 65_535) + gif[10:]
