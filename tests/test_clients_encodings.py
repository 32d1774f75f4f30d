"""Content-encodings are removed from answers; what cannot be decoded stays as it was sent."""

import gzip
import json
import random
import sys
import types
import zlib

import brotli
import pytest
import zstandard

from pytest_imgresponse import HTTPResponse, encodings
from pytest_imgresponse.encodings import remove_encoding

CLEAR = json.dumps({"created": 1_700_000_000, "data": [{"b64_json": "iVBORw0KGgo" * 400}]}, indent=2).encode()


def raw_deflate(body):
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()


ENCODED = {
    "gzip": gzip.compress(CLEAR),
    "x-gzip": gzip.compress(CLEAR),
    "deflate": zlib.compress(CLEAR),
    "br": brotli.compress(CLEAR),
    "zstd": zstandard.compress(CLEAR),
}
every_coding = pytest.mark.parametrize("coding", ENCODED)


def removed(body, coding, *more):
    return remove_encoding(HTTPResponse(200, [("Content-Encoding", coding), *more], body))


def kept_as_sent(body, coding):
    answer = removed(body, coding)
    return answer.body == body and answer.header("content-encoding") == coding


@every_coding
def test_a_coding_is_removed_with_its_header(coding):
    answer = removed(ENCODED[coding], coding, ("Content-Length", str(len(ENCODED[coding]))))
    assert answer.body == CLEAR
    assert answer.headers == (("Content-Length", str(len(CLEAR))),)


def test_the_headers_of_the_transfer_go_and_others_stay():
    sent = [("Transfer-Encoding", "chunked"), ("Connection", "close"), ("Keep-Alive", "timeout=5"), ("Date", "now")]
    assert remove_encoding(HTTPResponse(200, sent, CLEAR)) == HTTPResponse(200, [("Date", "now")], CLEAR)


@pytest.mark.parametrize("name", ["GZIP", " gzip ", "identity, gzip", "gzip, identity"])
def test_names_of_codings_are_read_as_the_standard_says(name):
    assert removed(ENCODED["gzip"], name) == HTTPResponse(200, [], CLEAR)


def test_several_codings_are_removed_from_the_last_to_the_first():
    assert removed(brotli.compress(gzip.compress(CLEAR)), "gzip, br") == HTTPResponse(200, [], CLEAR)


def test_codings_may_stand_in_several_headers():
    both = removed(brotli.compress(gzip.compress(CLEAR)), "gzip", ("content-encoding", "br"))
    assert both == HTTPResponse(200, [], CLEAR)


def test_a_coding_that_nobody_knows_stays():
    assert kept_as_sent(b"\x00\xff", "rot13")


def test_deflate_without_a_zlib_header_is_removed():
    assert removed(raw_deflate(CLEAR), "deflate") == HTTPResponse(200, [], CLEAR)


def test_a_gzip_of_many_members_is_one_content():
    members = b"".join(gzip.compress(CLEAR[start : start + 3]) for start in range(0, len(CLEAR), 3))
    assert removed(members, "gzip").body == CLEAR


def test_a_zstd_of_several_frames_is_one_content():
    frames = zstandard.compress(CLEAR[:1000]) + zstandard.compress(CLEAR[1000:])
    assert removed(frames, "zstd").body == CLEAR


def test_a_zstd_larger_than_a_piece_is_read_to_its_end():
    content = random.Random(0).randbytes(50_000)
    assert removed(zstandard.compress(content) * 2, "zstd").body == content * 2


@every_coding
@pytest.mark.parametrize(
    "clear",
    [
        CLEAR,
        b"event: image_generation.completed\ndata: {}\n\n",
        b"\x89PNG\r\n\x1a\n\xff\xfe\x00",
        b'{\n  "created": 1790000000,\n  "data": [\n    {\n',
    ],
)
def test_a_body_that_a_client_hands_over_in_the_clear_is_left_as_it_is(clear, coding):
    assert removed(clear, coding) == HTTPResponse(200, [], clear)


@every_coding
def test_an_empty_body_stays_empty_and_the_length_of_a_head_stays_too(coding):
    answer = removed(b"", coding, ("content-length", "1234"))
    assert answer == HTTPResponse(200, [("content-length", "1234")], b"")


@every_coding
@pytest.mark.parametrize("left", [0.3, 0.9])
def test_a_body_that_was_cut_is_kept_with_its_header(coding, left):
    body = ENCODED[coding]
    assert kept_as_sent(body[: int(len(body) * left)], coding)


def test_a_raw_deflate_that_was_cut_is_kept_with_its_header():
    assert kept_as_sent(raw_deflate(CLEAR)[:-5], "deflate")


@every_coding
def test_a_body_that_was_damaged_is_kept_with_its_header(coding):
    body = bytearray(ENCODED[coding])
    body[len(body) // 2 :] = b"\xff" * (len(body) - len(body) // 2)
    assert kept_as_sent(bytes(body), coding)


@pytest.mark.parametrize("coding", [*ENCODED, "raw deflate"])
def test_a_bomb_is_kept_packed(monkeypatch, coding):
    monkeypatch.setattr(encodings, "LIMIT", len(CLEAR) - 1)
    body = raw_deflate(CLEAR) if coding == "raw deflate" else ENCODED[coding]
    assert kept_as_sent(body, coding.removeprefix("raw "))


def test_a_bomb_of_many_members_is_kept_packed(monkeypatch):
    monkeypatch.setattr(encodings, "LIMIT", 10_000)
    assert kept_as_sent(gzip.compress(b"\0" * 3_000) * 4, "gzip")


@every_coding
def test_a_body_as_large_as_the_limit_is_decoded(monkeypatch, coding):
    monkeypatch.setattr(encodings, "LIMIT", len(CLEAR))
    assert removed(ENCODED[coding], coding).body == CLEAR


@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_without_the_library_a_body_is_kept_with_its_header(monkeypatch, coding):
    for name in ("brotli", "brotlicffi", "zstandard", "compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    assert kept_as_sent(ENCODED[coding], coding)
    assert removed(CLEAR, coding) == HTTPResponse(200, [], CLEAR), "a client that decodes needs no library of ours"


class LikeTheStandardLibrary:
    """The decompressor of Python 3.14's `compression.zstd`, by its documentation."""

    def __init__(self):
        self._real = zstandard.ZstdDecompressor().decompressobj()

    def decompress(self, data, max_length=-1):
        return self._real.decompress(data)

    eof = property(lambda self: self._real.eof)
    unused_data = property(lambda self: self._real.unused_data)


def test_zstd_is_removed_by_the_standard_library_where_it_can(monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    stdlib = types.SimpleNamespace(ZstdDecompressor=LikeTheStandardLibrary)
    monkeypatch.setitem(sys.modules, "compression.zstd", stdlib)
    monkeypatch.setitem(sys.modules, "compression", types.ModuleType("compression"))
    assert removed(ENCODED["zstd"] * 2, "zstd").body == CLEAR * 2


def test_memory_that_is_not_there_leaves_the_body_packed(monkeypatch):
    class Full:
        def process(self, data):
            raise MemoryError

    monkeypatch.setitem(sys.modules, "brotli", types.SimpleNamespace(Decompressor=Full))
    assert kept_as_sent(ENCODED["br"], "br")
