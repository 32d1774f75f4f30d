"""The pictures of LocalEndpoint: deterministic, told apart at a glance, and safe to make from any input."""

import io
import random
import struct
import warnings
import zlib

import pytest
from PIL import Image, ImageChops, ImageColor, ImageStat

from pytest_imgresponse.endpoint.drawing import (
    SHAPES,
    Sketch,
    animate,
    bounce,
    coarse,
    draw,
    edit,
    encode,
    fade,
    scene,
    vary,
    vector,
)
from pytest_imgresponse.images import PIXEL_LIMIT, UnreadableUploadError, open_upload


def distance(one, other):
    """The mean difference of two pictures, from 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).mean) / 3


def saved(image, file_format, **options):
    out = io.BytesIO()
    image.save(out, file_format, **options)
    return out.getvalue()


def shapes_of(prompt):
    return scene(Sketch(prompt, 64, 64))[0]


def backdrop_of(prompt):
    return scene(Sketch(prompt, 64, 64))[1]


class TestScene:
    @pytest.mark.parametrize(
        ("prompt", "shapes", "backdrop"),
        [
            ("A red fox", [("fox", "red")], None),
            ("a fox in navy", [("fox", "navy")], None),
            ("A green circle on a blue background", [("circle", "green")], "blue"),
            ("a blue background and a star", [("star", None)], "blue"),
            ("blue background with a white star", [("star", "white")], "blue"),
            ("a red circle on yellow", [("circle", "red")], "yellow"),
            (
                "red foxes and a tree near a house",
                [("fox", "red"), ("tree", "forestgreen"), ("house", "firebrick")],
                None,
            ),
            ("sun tree heart fox", [("sun", "gold"), ("tree", "forestgreen"), ("heart", "crimson")], None),
            ("background of stars and a purple heart", [("star", None), ("heart", "purple")], None),
        ],
    )
    def test_the_prompt_s_words_are_honoured(self, prompt, shapes, backdrop):
        found = shapes_of(prompt)
        assert [shape for shape, _ in found] == [shape for shape, _ in shapes]
        for (_, colour), (_, wanted) in zip(found, shapes, strict=True):
            assert wanted is None or colour == wanted
        assert backdrop is None or backdrop_of(prompt) == backdrop

    def test_what_is_left_open_comes_from_the_hash(self):
        found = {(*shapes_of(prompt), backdrop_of(prompt)) for prompt in map("prompt {}".format, range(40))}
        assert len(found) == 40
        assert {shape for (shape, _), _ in found} == {"circle", "square", "triangle", "star"}

    @pytest.mark.parametrize("colour", sorted(ImageColor.colormap))
    def test_a_shape_stands_out_from_its_backdrop(self, colour):
        for name in ("circle", "heart"):
            backdrop = ImageColor.getrgb(backdrop_of(f"a {colour} {name}"))
            assert max(abs(a - b) for a, b in zip(ImageColor.getrgb(colour), backdrop, strict=True)) > 60


class TestDraw:
    @pytest.mark.parametrize("size", [(256, 256), (1536, 864), (480, 1440), (1440, 480), (64, 64), (17, 5)])
    def test_the_size_is_the_true_size(self, size):
        assert draw(Sketch("A red fox and a cat", *size, "#2", "note")).size == size

    def test_two_prompts_are_told_apart(self):
        pictures = [draw(Sketch(text, 256, 256)) for text in ("A red fox", "A blue cat", "Zeppelin", "Opera")]
        for place, one in enumerate(pictures):
            assert all(distance(one, other) > 12 for other in pictures[:place])

    def test_the_named_colour_is_there(self):
        image = draw(Sketch("A magenta square", 512, 512))
        assert image.getpixel((256, 300)) == (255, 0, 255)

    def test_the_same_sketch_gives_the_same_bytes(self):
        first, second = (encode(draw(Sketch("A red fox", 512, 512, "#1")), "png") for _ in range(2))
        assert first == second

    def test_each_mark_gives_another_picture(self):
        pictures = [draw(Sketch("A red fox", 256, 256, mark)) for mark in ("", "#1", "#2", "#3", "#4")]
        assert len({encode(picture, "png") for picture in pictures}) == 5

    @pytest.mark.parametrize("name", SHAPES)
    def test_every_shape_can_be_drawn(self, name):
        image = draw(Sketch(f"a blue {name}", 256, 256, transparent=True))
        assert (0, 0, 255) in {pixel[:3] for _, pixel in image.getcolors(70000) if pixel[3] == 255}
        assert image.getpixel((0, 0))[3] == 0
        assert vector(Sketch(f"a blue {name}", 256, 256, transparent=True)).count(b"<g ") == 1

    @pytest.mark.parametrize(
        "prompt",
        ["", " ", "x" * 32000, "word " * 4000, "\ud800", "\x00\n\t", "café 狐 🦊", "\u202e\u200b", "a\u0301" * 500],
    )
    def test_any_prompt_can_be_drawn(self, prompt):
        for size in ((256, 256), (64, 48)):
            assert encode(draw(Sketch(prompt, *size, note="n")), "png").startswith(b"\x89PNG")
        assert vector(Sketch(prompt, 256, 256)).endswith(b"</svg>\n")


class TestEncode:
    @pytest.mark.parametrize("compression", [0, 1, 50, 100])
    @pytest.mark.parametrize("file_format", ["png", "webp", "jpeg"])
    def test_it_decodes(self, file_format, compression):
        image = draw(Sketch("A red fox", 256, 256))
        back = Image.open(io.BytesIO(encode(image, file_format, compression)))
        assert back.format == file_format.upper()
        assert distance(back, image) < 20

    def test_a_gif_moves(self):
        for frames in (
            bounce(Sketch("A sun", 128, 128), 4),
            fade(draw(Sketch("x", 9, 9)), draw(Sketch("y", 64, 64)), 4),
        ):
            gif = Image.open(io.BytesIO(animate(frames, 50)))
            assert (gif.n_frames, gif.info["duration"], gif.info["loop"]) == (4, 50, 0)

    def test_a_coarse_picture_is_like_it(self):
        image = draw(Sketch("A red fox", 512, 320))
        far, nearer, near = (distance(coarse(image, step), image) for step in range(3))
        assert 0 < near < nearer < far < 40
        assert coarse(Image.new("RGB", (9, 9), "red"), 2).getpixel((4, 4)) == (255, 0, 0)


class TestEdits:
    def test_a_mask_that_clears_nothing_redraws_everything(self):
        upload = Image.new("RGB", (64, 64), "red")
        whole = edit(Sketch("A sun", 64, 64), [upload], Image.new("RGBA", (64, 64), "black"))
        assert distance(whole, upload) == 0

    def test_a_mask_clear_in_one_spot(self):
        mask = Image.new("RGBA", (64, 64), "black")
        mask.putpixel((9, 9), (0, 0, 0, 0))
        upload = Image.new("RGB", (64, 64), "red")
        assert 0 < distance(edit(Sketch("A sun", 64, 64), [upload], mask), upload) < 1

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
    def test_uploads_of_every_mode(self, mode):
        upload = Image.new(mode, (32, 32))
        assert edit(Sketch("x", 64, 64), [upload, upload, upload], None).mode == "RGB"
        assert vary(upload, 48, 32, 1).size == (48, 32)

    def test_sixteen_uploads(self):
        upload = Image.new("RGB", (8, 8), "red")
        assert edit(Sketch("x", 256, 256), [upload] * 16, None).size == (256, 256)


def _claim(width, height):
    """A PNG of a few bytes that claims a size."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


class TestUploads:
    @pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
    def test_the_three_formats(self, file_format):
        assert open_upload(saved(Image.new("RGB", (9, 7)), file_format)).size == (9, 7)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"no picture",
            b"GIF89a" + b"\0" * 40,
            b"\x89PNG\r\n\x1a\n",
            b"\x89PNG" + b"x" * 40,
            b"\xff\xd8\xff" + b"x" * 40,
            b"RIFF\0\0\0\0WEBP" + b"x" * 40,
            saved(Image.new("RGB", (99, 99)), "PNG")[:60],
            saved(Image.effect_noise((99, 99), 50), "JPEG")[:500],
        ],
    )
    def test_what_is_none(self, content):
        with pytest.raises(UnreadableUploadError):
            open_upload(content)

    @pytest.mark.parametrize("size", [(50_000, 50_000), (2**31 - 1, 2**31 - 1), (20_000, 5_000)])
    def test_a_claim_of_many_pixels_is_not_decoded_and_not_warned_of(self, size):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            with pytest.raises(UnreadableUploadError, match="is more than 34000000 pixels"):
                open_upload(_claim(*size))
        assert seen == []

    @pytest.mark.parametrize(
        "chunk",
        [
            b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + b"\xfe\x3f\0" * 2,
            b"VP8L" + struct.pack("<IB", 5, 0x2F) + struct.pack("<I", 16382 | 16382 << 14),
            b"VP8 " + struct.pack("<I", 10) + b"\x10\0\0\x9d\x01\x2a" + struct.pack("<HH", 16383, 16383),
        ],
    )
    def test_a_webp_that_claims_many_pixels(self, chunk):
        content = b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk
        with pytest.raises(UnreadableUploadError, match="16383x16383 is more than 34000000 pixels"):
            open_upload(content + bytes(100))

    @pytest.mark.parametrize("options", [{}, {"lossless": True}, {"save_all": True}])
    def test_each_kind_of_webp(self, options):
        image = Image.effect_noise((37, 19), 50).convert("RGBA")
        assert open_upload(saved(image, "WEBP", **options)).size == (37, 19)
        assert open_upload(saved(image.convert("RGB"), "WEBP", **options)).size == (37, 19)

    @pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
    def test_damage_is_never_another_error(self, file_format):
        whole = saved(draw(Sketch("A fox", 64, 64)), file_format)
        dice = random.Random(1)
        for _ in range(150):
            content = bytearray(whole)
            for _ in range(dice.randint(1, 6)):
                content[dice.randrange(len(content))] = dice.randrange(256)
            try:
                opened = open_upload(bytes(content[: dice.randint(1, len(content))]))
            except UnreadableUploadError:
                continue
            assert opened.width * opened.height <= PIXEL_LIMIT
