"""Cases at the level `image`: WebPs (RFC 9649), then GIFs (GIF89a): right ones, rare ones and damaged ones."""

from __future__ import annotations

import struct
from functools import lru_cache

from PIL import Image, ImageDraw

from pytest_imgresponse.edge_cases.mutators import redraw_pictures
from pytest_imgresponse.edge_cases.predicates import sized_picture, sized_picture_in_json
from pytest_imgresponse.edge_cases.table import edge_case
from pytest_imgresponse.http import HTTPResponse
from pytest_imgresponse.images import webp_builder
from pytest_imgresponse.images.make import saved
from pytest_imgresponse.images.png_builder import GROUND, INK, TURNED

_WEBP_PIXELS = 20
"""Where the pixels begin: after the RIFF header and that of their chunk (RFC 9649, section 2.5)."""
_GIF_FRAME = b",\0\0\0\0"
"""How a frame begins that stands in the corner (GIF89a, section 20)."""


@lru_cache(maxsize=128)
def _webp(width: int, height: int, mode: str = "RGB", **options: object) -> bytes:
    # In RGBA the ground is clear, and the rectangle lets half of the light through.
    ground, ink = ((*GROUND, 0), (*INK, 128)) if mode == "RGBA" else (GROUND, INK)
    picture = Image.new(mode, (width, height), ground)
    _mark(picture, ink)
    return saved(picture, "webp", **{"lossless": True, "quality": 0, "method": 0, **options})


def _mark(picture: Image.Image, ink: int | tuple[int, ...]) -> None:
    width, height = picture.size
    box = (width // 4, height // 4, width - width // 4 - 1, height - height // 4 - 1)
    ImageDraw.Draw(picture).rectangle(box, ink)


@edge_case(
    "valid", "image", seen="images reference: `output_format` webp; run: Pillow 13.0.0 loads it", applies=sized_picture
)
def webp_lossy(response: HTTPResponse) -> HTTPResponse:
    """The picture is a lossy WebP."""
    return redraw_pictures(response, lambda width, height: _webp(width, height, lossless=False, quality=60))


@edge_case(
    "valid", "image", seen="images reference: `output_format` webp; run: Pillow 13.0.0 loads it", applies=sized_picture
)
def webp_lossless(response: HTTPResponse) -> HTTPResponse:
    """The picture is a lossless WebP."""
    return redraw_pictures(response, _webp)


@edge_case(
    "valid",
    "image",
    seen="images reference: `background` transparent; run: Pillow 13.0.0 loads it",
    applies=sized_picture,
)
def webp_alpha(response: HTTPResponse) -> HTTPResponse:
    """The picture is a lossy WebP with an alpha channel."""
    return redraw_pictures(
        response, lambda width, height: _webp(width, height, "RGBA", lossless=False, quality=60), clear=True
    )


@edge_case(
    "unusual",
    "image",
    seen="RFC 9649, section 2.7.1.1; run: Pillow 13.0.0 shows the first frame",
    applies=sized_picture,
)
def webp_animated(response: HTTPResponse) -> HTTPResponse:
    """The picture is an animated WebP of three frames."""
    return redraw_pictures(
        response,
        lambda width, height: webp_builder.animated(width, height, INK, GROUND, (255, 255, 255)),
    )


@edge_case("unusual", "image", seen="Pillow 13 Tests/images/hopper_orientation_6.webp", applies=sized_picture)
def webp_exif_orientation(response: HTTPResponse) -> HTTPResponse:
    """The WebP has EXIF that says it is to be shown turned by 90 degrees, which swaps width and height."""
    return redraw_pictures(response, lambda width, height: _webp(width, height, exif=TURNED))


@edge_case("unusual", "image", seen="RFC 9649, section 2.4; run: Pillow 13.0.0 passes over them", applies=sized_picture)
def webp_trailing_bytes(response: HTTPResponse) -> HTTPResponse:
    """After the end, by the size in the header of the WebP, there are more bytes: a text."""
    return redraw_pictures(response, lambda width, height: _webp(width, height) + b"\nmade by a fox\n")


@edge_case("invalid", "image", seen="run: Pillow 13.0.0 and OpenCV 5 refuse it", applies=sized_picture)
def half_webp(response: HTTPResponse) -> HTTPResponse:
    """The WebP ends in the middle of its pixels, as a download that broke off leaves it."""
    return redraw_pictures(response, _half_webp)


def _half_webp(width: int, height: int) -> bytes:
    whole = _webp(width, height, lossless=False, quality=60)
    return whole[: _WEBP_PIXELS + (len(whole) - _WEBP_PIXELS) // 2]


@edge_case("invalid", "image", seen="RFC 9649, section 2.4; run: Pillow 13.0.0 refuses it", applies=sized_picture)
def webp_riff_size_wrong(response: HTTPResponse) -> HTTPResponse:
    """The header of the WebP says that the file has twice its bytes."""
    return redraw_pictures(response, lambda width, height: _riff_size(_webp(width, height), 2))


@edge_case("invalid", "image", seen="RFC 9649, section 2.4; run: Pillow 13.0.0 refuses it", applies=sized_picture)
def webp_riff_size_short(response: HTTPResponse) -> HTTPResponse:
    """The header of the WebP says that the file has half its bytes."""
    return redraw_pictures(response, lambda width, height: _riff_size(_webp(width, height), 0.5))


def _riff_size(webp: bytes, times: float) -> bytes:
    size = int((len(webp) - 8) * times)
    return webp[:4] + struct.pack("<I", size & ~1) + webp[8:]


@edge_case("invalid", "image", seen="run: Pillow 13.0.0 and OpenCV 5 refuse it", applies=sized_picture)
def webp_twelve_bytes(response: HTTPResponse) -> HTTPResponse:
    """Of the WebP there are the twelve bytes of its header alone, which is all that sniffers look at."""
    return redraw_pictures(response, lambda width, height: b"RIFF\x04\0\0\0WEBP")


@edge_case(
    "valid", "image", seen="openai 3.54.0, `images_response.py`: `output_format` gif", applies=sized_picture_in_json
)
def gif_animated(response: HTTPResponse) -> HTTPResponse:
    """The picture is an animated GIF of three frames."""
    return redraw_pictures(response, _gif)


def _gif(width: int, height: int, frames: int = 3) -> bytes:
    """A still picture, and further frames of one pixel whose colours alternate."""
    first = b"GIF89a" + _gif_still(width, height)[6:-1]
    return first + b"".join(_pixel_frame(number % 2) for number in range(1, frames)) + b";"


def _pixel_frame(colour: int) -> bytes:
    # GIF89a, sections 23, 20 and 22: shown for 200 ms, in the corner; its codes of 3 bits: clear, the colour, end.
    codes = 4 | colour << 3 | 5 << 6
    control = b"!\xf9\x04" + struct.pack("<BHB", 0, 20, 0) + b"\0"
    return control + b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02" + struct.pack("<H", codes) + b"\0"


@edge_case(
    "unusual", "image", seen="openai 3.54.0, `image_generate_params.py`: 2 to 16 frames", applies=sized_picture_in_json
)
def gif_17_frames(response: HTTPResponse) -> HTTPResponse:
    """The picture is a GIF of 17 frames, one more than the API makes."""
    return redraw_pictures(response, lambda width, height: _gif(width, height, 17))


@edge_case(
    "unusual", "image", seen="openai 3.54.0, `image_generate_params.py`: 2 to 16 frames", applies=sized_picture_in_json
)
def gif_still(response: HTTPResponse) -> HTTPResponse:
    """The picture is a GIF of one frame, which the API does not make."""
    return redraw_pictures(response, _gif_still)


@lru_cache(maxsize=128)
def _gif_still(width: int, height: int) -> bytes:
    picture = Image.new("P", (width, height))
    picture.putpalette(GROUND + INK)
    _mark(picture, 1)
    return saved(picture, "gif")


@edge_case(
    "tolerated",
    "image",
    seen="GIF89a, section 27; run: Pillow 13.0.0 loads it, OpenCV 5 refuses it",
    applies=sized_picture_in_json,
)
def gif_no_trailer(response: HTTPResponse) -> HTTPResponse:
    """The GIF ends after its frames, without the byte that says so."""
    return redraw_pictures(response, lambda width, height: _gif(width, height).removesuffix(b";"))


@edge_case("invalid", "image", seen="run: Pillow 13.0.0 refuses it", applies=sized_picture_in_json)
def half_gif(response: HTTPResponse) -> HTTPResponse:
    """The GIF ends in the middle of the pixels of its only frame, as a download that broke off leaves it."""
    return redraw_pictures(response, _half_gif)


def _half_gif(width: int, height: int) -> bytes:
    whole = _gif_still(width, height)
    start = whole.index(_GIF_FRAME) + 12  # its descriptor, the size of its codes and of its first block
    return whole[: start + (len(whole) - 2 - start) // 3]


@edge_case("invalid", "image", seen="run: Pillow 13.0.0 refuses it", applies=sized_picture_in_json)
def gif_no_frames(response: HTTPResponse) -> HTTPResponse:
    """The GIF has a header, colours and an end, and no frame between them."""
    return redraw_pictures(response, lambda width, height: _gif_still(width, height).partition(_GIF_FRAME)[0] + b";")


@edge_case("invalid", "image", seen="run: Pillow 13.0.0 and OpenCV 5 refuse it", applies=sized_picture_in_json)
def gif_six_bytes(response: HTTPResponse) -> HTTPResponse:
    """Of the GIF there are the six bytes of its signature alone, which is all that sniffers look at."""
    return redraw_pictures(response, lambda width, height: b"GIF89a")
