"""Bodies as text with references: what is found, what stays, and that nothing is lost."""

from __future__ import annotations

import base64
import json
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pytest_imgresponse.cassette.interaction import BOUNDARY, Request
from pytest_imgresponse.cassette.payloads import MARK, Body, File
from pytest_imgresponse.http import HTTPRequest, Part, boundary_of, join_multipart, split_multipart
from pytest_imgresponse.images import suffix_of
from pytest_imgresponse.images.make import make_picture


def picture(format: str) -> bytes:
    if format == "SVG":
        return b'<?xml version="1.0"?>\n<!-- a - b -- c -->\n<svg xmlns="http://www.w3.org/2000/svg"></svg>'
    buffer = BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, format)
    return buffer.getvalue()


FORMATS = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "GIF": ".gif", "SVG": ".svg"}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(("format", "suffix"), FORMATS.items())
@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
@pytest.mark.parametrize(
    "shape",
    [
        '{{"created": 1, "data": [{{"b64_json": "{}"}}]}}',
        '{{"output":[{{"type":"image_generation_call","result":"{}"}}]}}',
        '{{"candidates":[{{"content":{{"parts":[{{"inlineData":{{"data":"{}"}}}}]}}}}]}}',
        '{{"choices":[{{"message":{{"images":[{{"image_url":{{"url":"{}"}}}}]}}}}]}}',
        'event: image_generation.completed\ndata: {{"type":"image_generation.completed","b64_json":"{}"}}\n\n',
    ],
    ids=["images", "responses", "gemini", "openrouter", "stream"],
)
def test_a_payload_is_found_by_what_it_is(shape, prefix, format, suffix):
    data = picture(format)
    content = shape.format(prefix + b64(data)).encode()
    body = Body.of(content)
    assert [(file.suffix, file.read()) for file in body.files.values()] == [(suffix, data)]
    assert prefix + MARK in body.text
    assert b64(data)[:40] not in body.text
    assert body.content() == content


@pytest.mark.parametrize(("letter", "escape"), [("/", "\\/"), ("+", "\\u002B")], ids=["PHP", ".NET"])
def test_an_escaped_payload_comes_back_as_it_was(letter, escape):
    data = picture("PNG") + b"\xff\xff\xff\xfb\xef\xbe" * 9
    content = f'{{"b64_json": "data:image/png;base64,{b64(data).replace(letter, escape)}", "a": "\\/"}}'.encode()
    assert escape.encode() in content
    body = Body.of(content)
    assert [file.read() for file in body.files.values()] == [data]
    assert body.content() == content
    assert Body.stored(body.renamed(lambda file: "a.png"), lambda name, sha: body.files[sha]).content() == content


def test_a_payload_that_is_escaped_here_and_there_stays():
    content = f'{{"b64_json": "{b64(picture("PNG") + b"~~~~???" * 9).replace("/", chr(92) + "/", 1)}"}}'.encode()
    assert content.count(b"/") > 1
    assert Body.of(content).files == {}
    assert Body.of(content).content() == content


@pytest.mark.parametrize("format", FORMATS)
def test_a_body_that_is_a_picture_is_a_file(format):
    body = Body.of(picture(format))
    assert body.is_one_file
    assert body.content() == picture(format)


def test_a_body_that_is_no_text_and_no_picture_is_a_file():
    body = Body.of(b"\xff\x00\xfe")
    assert [file.suffix for file in body.files.values()] == [".bin"]
    assert body.content() == b"\xff\x00\xfe"


@pytest.mark.parametrize(
    "payload",
    [
        b64(picture("PNG") + b"a").rstrip("="),
        b64(picture("PNG"))[:-4] + "\\n" + b64(picture("PNG"))[-4:],
        base64.urlsafe_b64encode(b"\x89PNG\r\n\x1a\n" + b"\xff\xfe" * 20).decode(),
        "iVBORw0KGgoAAAANSUhEUgAAAAh" + "B=======",
        b64(b"\x89PNG\r\n\x1a\n" + b"a" * 27)[:-2] + "F=",
        b64(b"no picture at all, however long it is"),
        b64(b"<html>" * 10),
        b64(b"GIF89a"),
        "/9j/path/to/some/file/that/is/long/enough",
        "ÿ" * 40,
    ],
)
def test_what_is_no_canonical_base64_of_a_picture_stays(payload):
    content = json.dumps({"b64_json": "x"}).replace('"x"', f'"{payload}"').encode()
    body = Body.of(content)
    assert body.files == {}
    assert body.content() == content


def test_the_characters_of_a_reference_in_an_honest_body_are_no_reference():
    content = f'{{"prompt": "{MARK}fox-1.png#{"0" * 64}", "note": "{MARK}#"}}'.encode()
    body = Body.of(content)
    assert MARK + "#" in body.text
    assert Body.stored(body.text, lambda name, sha: pytest.fail("resolved")).content() == content


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f'"{MARK}fox.png"', "is malformed"),
        (f'"{MARK}fox.png#12"', "is malformed"),
        (f'"{MARK}fox.png#{"0" * 64}#{"0" * 64}"', "of a kind that this version does not know"),
    ],
)
def test_a_reference_that_is_not_right_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        Body.stored(text, lambda name, sha: File(sha, ".png", bytes))


def test_a_body_that_is_base64_and_nothing_else_stays():
    content = b64(picture("PNG")).encode()
    assert Body.of(content).content() == content
    content = b"data:image/png;base64," + content
    assert len(Body.of(content).files) == 1
    assert Body.of(content).content() == content


class TestMultipart:
    def test_a_field_that_is_base64_and_nothing_else_stays(self):
        content = self.content((b"image", b64(picture("PNG")).encode()))
        assert Body.of(content, self.TYPE).content(self.TYPE) == content

    def test_the_characters_of_a_reference_in_a_head(self):
        content = self.content((MARK.encode() + b"a", picture("PNG")))
        body = Body.of(content, self.TYPE)
        assert body.content(self.TYPE) == content
        written = Body.stored(body.renamed(lambda file: "a.png"), lambda name, sha: body.files[sha], self.TYPE)
        assert written.content(self.TYPE) == content

    TYPE = "multipart/form-data; boundary=abc"

    def content(self, *parts: tuple[bytes, bytes]) -> bytes:
        heads = [b'--abc\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % part for part in parts]
        return b"".join(heads) + b"--abc--\r\n"

    def test_a_picture_in_a_part_is_a_file(self):
        content = self.content((b"image", picture("PNG")), (b"prompt", "ein Füchslein".encode()))
        body = Body.of(content, self.TYPE)
        assert [file.read() for file in body.files.values()] == [picture("PNG")]
        assert "ein Füchslein" in body.text
        assert body.content(self.TYPE) == content

    def test_a_part_that_is_no_text_is_a_file(self):
        content = self.content((b"mask", b"\xff\xfe\xfd"))
        body = Body.of(content, self.TYPE)
        assert [file.suffix for file in body.files.values()] == [".bin"]
        assert body.content(self.TYPE) == content

    def test_a_payload_in_a_part_of_json(self):
        content = self.content((b"request", f'{{"image": "{b64(picture("PNG"))}"}}'.encode()))
        body = Body.of(content, self.TYPE)
        assert len(body.files) == 1
        assert body.content(self.TYPE) == content

    @pytest.mark.parametrize(
        "content",
        [b"--abc\r\nno end", b"--abc\r\nno blank line\r\n--abc--\r\n", b"preamble\r\n--abc--", b"no boundary"],
    )
    def test_a_body_that_is_not_what_its_header_says(self, content):
        assert Body.of(content, self.TYPE).content(self.TYPE) == content

    def test_heads_that_are_no_text(self):
        content = self.content((b"\xff", picture("PNG")))
        body = Body.of(content, self.TYPE)
        assert [file.suffix for file in body.files.values()] == [".bin"]
        assert body.content(self.TYPE) == content

    def test_the_boundary_is_normalised(self):
        content = self.content((b"image", picture("PNG")), (b"prompt", b"--ab --abcd is text"))
        request = Request.of(HTTPRequest("post", "http://a/", {"Content-Type": self.TYPE}, content))
        assert request.content_type == f"multipart/form-data; boundary={BOUNDARY}"
        assert request.http().body == content.replace(b"--abc\r", f"--{BOUNDARY}\r".encode()).replace(
            b"--abc--", f"--{BOUNDARY}--".encode()
        )

    def test_a_body_without_parts_keeps_its_boundary(self):
        request = Request.of(HTTPRequest("POST", "http://a/", {"Content-Type": self.TYPE}, b"no parts"))
        assert request.content_type == self.TYPE
        assert request.http().body == b"no parts"

    @given(st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=20)), max_size=4))
    def test_any_body_comes_back(self, parts):
        content = self.content(*parts)
        assert Body.of(content, self.TYPE).content(self.TYPE) == content


@given(st.binary())
def test_any_bytes_come_back(content):
    assert Body.of(content).content() == content


@given(st.text().map(lambda t: t.replace("x", MARK)), st.booleans())
def test_any_text_comes_back_through_the_disk_form(text, quoted):
    content = (json.dumps({"a": text, "b": b64(picture("PNG"))}) if quoted else text).encode("utf-8", "replace")
    body = Body.of(content)
    written = body.renamed(lambda file: "fox-1.png")
    assert Body.stored(written, lambda name, sha: body.files[sha]).content() == content


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('Multipart/Form-Data; charset=utf-8; BOUNDARY="a b"', b"a b"),
        ("multipart/form-data", None),
        ("application/json", None),
        (None, None),
    ],
)
def test_boundaries(content_type, boundary):
    assert boundary_of(content_type) == boundary


def test_parts_know_their_names():
    body = b'--b\r\ncontent-disposition: form-data; name="image"; filename="a \\"b\\".png"\r\n\r\nx\r\n--b--'
    (part,) = split_multipart(body, b"b") or []
    assert (part.parameter("name"), part.parameter("filename"), part.parameter("size")) == (
        "image",
        'a \\"b\\".png',
        None,
    )
    assert join_multipart([part], b"b", b"--") == body


@pytest.mark.parametrize(
    ("data", "suffix"),
    [
        (b"\xef\xbb\xbf  <svg>", ".svg"),
        (b"<!DOCTYPE svg PUBLIC 'x'><svg/>", ".svg"),
        (b"<!DOCTYPE svg [<!ENTITY a 'b'>]><svg/>", None),
        (b"<svgx>", None),
        (b"RIFF1234WAVE", None),
        (b"", None),
    ],
)
def test_suffixes(data, suffix):
    assert suffix_of(data) == suffix


OTHER_MARKS = ["imgresponse:v2:", "imgrespons:v1:", "imgresponse:v1", "IMGRESPONSE:V1:", ""]


class TestOtherMarks:
    """A reference of a later version, or a damaged one, is no payload to hand to a client."""

    @pytest.mark.parametrize("mark", OTHER_MARKS)
    @pytest.mark.parametrize("text", ['{"data": [{"b64_json": "%s"}]}', "%s", "a %s b"])
    def test_it_is_refused_when_it_is_loaded(self, mark, text):
        reference = f"{mark}fox-1.png#{'a' * 64}"
        with pytest.raises(ValueError, match="is no reference of this version: its mark is another, or damaged"):
            Body.stored(text % reference, lambda name, digest: pytest.fail("no file"))

    @pytest.mark.parametrize("mark", [*OTHER_MARKS, "imgresponse:v1:", "imgresponse:v1:#"])
    @pytest.mark.parametrize("text", ['{"data": [{"b64_json": "%s"}]}', "%s", "a %s b"])
    def test_a_body_in_which_a_server_says_one_comes_back_byte_for_byte(self, mark, text):
        content = (text % f"{mark}fox-1.png#{'a' * 64}").encode()
        body = Body.of(content)
        files = dict(body.files)
        stored = body.renamed(lambda file: f"fox-1{file.suffix}")
        assert Body.stored(stored, lambda name, digest: files[digest]).content() == content

    @pytest.mark.parametrize(
        "text", [f"4.png#{'a' * 64}", f"{MARK}a-1.png#{'a' * 64} and b.svg#{'b' * 64}", f"{MARK}# x-1.png#{'a' * 64}"]
    )
    def test_what_is_left_of_one_is_refused(self, text):
        with pytest.raises(ValueError, match="is no reference of this version"):
            Body.stored(text, lambda name, digest: File(digest, ".png", bytes))
        assert Body.of(text.encode()).content() == text.encode()

    MULTIPART = "multipart/mixed; boundary=b"

    @pytest.mark.parametrize(
        "damaged", ["%s ", "%s\n", " %s", "\t%s\n", "x%s", "%s0", "%s%s", "%s, %s", "'%s'", "base64, %s"]
    )
    @pytest.mark.parametrize(
        ("text", "content_type"),
        [
            ("%s", "image/png"),
            ('{"b64_json": "%s"}', "application/json"),
            ('{"url": "data:image/png;base64,%s"}', "application/json"),
            ("--b\r\na: b\r\n\r\n%s\r\n--b--\r\n", MULTIPART),
            ('--b\r\na: b\r\n\r\n{"b64_json": "%s"}\r\n--b--\r\n', MULTIPART),
        ],
    )
    def test_nothing_stands_beside_one(self, text, content_type, damaged):
        reference = f"imgresponse:v1:fox-1.png#{'a' * 64}"
        assert self.loaded(text % reference, content_type).files
        with pytest.raises(
            ValueError, match="imgresponse:v1:fox-1.png#aaa.* is a damaged reference: a reference is all"
        ):
            self.loaded(text % damaged.replace("%s", reference), content_type)

    @pytest.mark.parametrize(
        "text",
        [
            "--b\r\na: %s\r\n\r\nx\r\n--b--\r\n",
            "--b\r\na: b\r\n\r\nx\r\n--b--\r\n%s",
            "--b\r\na: b\r\n\r\n%s\r\n",
            "%s\r\n--b\r\na: b\r\n\r\nx\r\n--b--\r\n",
        ],
        ids=["in a head", "behind the parts", "cut", "before the parts"],
    )
    def test_in_a_form_it_is_the_content_of_a_part(self, text):
        with pytest.raises(ValueError, match="is a damaged reference"):
            self.loaded(text % f"imgresponse:v1:fox-1.png#{'a' * 64}", self.MULTIPART)

    def test_letters_in_upper_case_are_no_disguise(self):
        reference = f"imgresponse:v1:fox-1.png#{'a' * 64}".upper()
        with pytest.raises(ValueError, match="its mark is another, or damaged"):
            self.loaded(reference, None)
        assert Body.of(reference.encode()).content() == reference.encode()

    def loaded(self, text, content_type):
        return Body.stored(text, lambda name, digest: File(digest, ".png", bytes), content_type)

    def test_beside_a_picture_in_a_form_it_stays_a_part_of_its_own(self):
        picture = make_picture("png", 64, 64)
        said = f"imgresponse:v2:fox-1.png#{'a' * 64}".encode()
        parts = [
            Part(b'Content-Disposition: form-data; name="image"', picture),
            Part(b'Content-Disposition: form-data; name="a"', said),
        ]
        body = Body.of(join_multipart(parts, b"b"), "multipart/form-data; boundary=b")
        assert sorted(file.suffix for file in body.files.values()) == [".bin", ".png"]
        assert body.content("multipart/form-data; boundary=b") == join_multipart(parts, b"b")


PNG, GIF, SVG = picture("PNG"), picture("GIF"), picture("SVG")
OF_ALL_FORMATS = json.dumps({"a": b64(PNG), "b": [MARK, b64(SVG), "data:image/gif;base64," + b64(GIF)], "c": b64(PNG)})
FORM = join_multipart([Part(b"A: b", PNG), Part(b"A: c", b64(GIF).encode()), Part(b"A: d", SVG)], b"x")
MANY = make_picture("png", 99, 99)  # long enough for each letter of base64


@pytest.mark.parametrize(
    ("content", "content_type", "pictures"),
    [
        (OF_ALL_FORMATS.encode(), None, [PNG, GIF, PNG]),
        (OF_ALL_FORMATS.replace("/", r"\/").encode(), None, [PNG, GIF, PNG]),
        (json.dumps([b64(MANY)]).replace("+", r"\u002B").encode(), None, [MANY]),
        (b"data:image/png;base64," + b64(PNG).encode(), None, [PNG]),
        (PNG, "image/png", [PNG]),
        (SVG, "image/svg+xml", []),
        (b"\xff\xfe", None, []),
        (FORM, 'multipart/mixed; boundary="x"', [PNG]),
        (b"{}", None, []),
    ],
)
def test_pictures_are_read_from_a_file_or_from_the_content(content, content_type, pictures):
    body = Body.of(content, content_type)
    assert body.content(content_type) == content
    assert list(body.pictures()) == list(body.pictures_within(content, content_type)) == pictures
