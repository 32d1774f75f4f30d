"""A full load by Pillow, from which nothing escapes: no exception, no warning."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

from pytest_imgresponse.images import PIXEL_LIMIT

_LOCK = threading.Lock()


class Pixels(NamedTuple):
    """What is to know of pixels after they were decoded.

    `opaque`: every pixel of every frame is; None where it cannot be told. `highest`: the highest index of a
    palette that the first frame uses. `refusal`: why Pillow did not decode them, in a few words; `bomb` where
    that was the user's own `Image.MAX_IMAGE_PIXELS`.
    """

    opaque: bool | None = None
    highest: int | None = None
    refusal: str = ""
    bomb: bool = False


@contextmanager
def quiet() -> Iterator[None]:
    """No warning gets out. Taken by one thread at a time, since the filters of warnings belong to the process."""
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def decoded(content: bytes, file_format: str, frames: int) -> Pixels:
    """The first frames, decoded one after the other. The caller has judged their size in pixels."""
    with quiet():
        try:
            return _decoded(content, file_format, frames)
        except Image.DecompressionBombError as error:
            return Pixels(refusal=str(error), bomb=True)
        except UnidentifiedImageError:
            return Pixels(refusal="Pillow makes nothing of its header")  # its message holds an address in memory
        except Exception as error:  # noqa: BLE001 - on hostile bytes Pillow raises whatever happens to it
            return Pixels(refusal=f"Pillow says {str(error) or type(error).__name__!r}")


def _decoded(content: bytes, file_format: str, frames: int) -> Pixels:
    opaque, highest = True, None
    with Image.open(BytesIO(content), formats=[file_format]) as image:
        for frame in range(frames):
            image.seek(frame)
            # A file can be made so that Pillow finds frames in it where no other reader does.
            if image.width * image.height > PIXEL_LIMIT:
                raise ValueError(f"{image.width}x{image.height} pixels in frame {frame}")
            image.load()
            if frame == 0 and image.mode == "P":
                highest = image.getextrema()[1]
            opaque = opaque and _is_opaque(image)
    return Pixels(opaque, highest)  # type: ignore[arg-type] # of one band it is a number


def _is_opaque(image: Image.Image) -> bool:
    if not image.has_transparency_data:
        return True
    alpha = image if "A" in image.getbands() else image.convert("RGBA")
    return alpha.getchannel("A").getextrema()[0] == 255
