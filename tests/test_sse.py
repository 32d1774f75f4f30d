"""Server-sent events are read as the standard says, and as the official client reads them."""

from __future__ import annotations

import json
from itertools import takewhile

import httpx
import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_imgresponse.api.sse import ServerSentEvent, events_of


def told(body: bytes) -> list[tuple[str, str]]:
    return [(event.name, event.data) for event in events_of(body)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", []),
        (b"data: a\n\n", [("", "a")]),
        (b"event: x\ndata: a\n\n", [("x", "a")]),
        (b"data: a\n\ndata: b\n\n\n\n", [("", "a"), ("", "b")]),
        (b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", [("", "a"), ("", "b"), ("", "c")]),
        (b"data: a\r\ndata: b\r\r\n", [("", "a\nb")]),
        (b"\xef\xbb\xbfdata: a\n\n", [("", "a")]),
        (b"data:a\n\ndata:  a\n\n", [("", "a"), ("", " a")]),
        (b"data: a\ndata\ndata: b\n\n", [("", "a\n\nb")]),
        (b"data:\n\n", [("", "")]),
        (b": ping\n\nid: 1\nretry: 9\n\nunknown: x\n\n", []),
        (b": ping\ndata: a\n: ping\n\n", [("", "a")]),
        (b"event: x\n\ndata: a\n\n", [("", "a")]),
        (b"event: x\nevent: y\ndata: a\n\n", [("y", "a")]),
        (b" data: a\nData: b\n\n", []),
        (b"data: caf\xc3\xa9 \xf0\x9f\xa6\x8a\n\n", [("", "café \U0001f98a")]),
        (b"data: \xff\n\n", [("", "\ufffd")]),
        (b"data: a\x0bb\xe2\x80\xa8c\n\n", [("", "a\x0bb\u2028c")]),
        (b'data: {"a": 1}\n\ndata: [DONE]\n\n', [("", '{"a": 1}'), ("", "[DONE]")]),
    ],
)
def test_events_are_read_by_the_standard(body, expected):
    assert told(body) == expected
    assert all(event.ended for event in events_of(body))


@pytest.mark.parametrize("body", [b"event: x\ndata: a", b"event: x\ndata: a\n", b"data: a\nevent: x\n"])
def test_an_event_that_the_end_cut_off_is_told_so(body):
    """The standard drops it: no blank line has come."""
    whole = b"data: whole\n\n"
    assert list(events_of(whole + body)) == [ServerSentEvent("", "whole"), ServerSentEvent("x", "a", ended=False)]


@given(
    st.lists(
        st.sampled_from(
            [
                ['data: {"n": 1}'],
                ["event: x", 'data:{"n": 2}'],
                ['data: {"n":', "data: 3}"],
                [": ping", 'data: {"n": 4}', "retry: 5"],
                ["data: [DONE]"],
                [""],
            ]
        )
    ),
    st.sampled_from(["\n", "\r\n"]),
)
def test_the_official_client_reads_the_same(blocks, end):
    body = "".join(line + end for block in blocks for line in [*block, ""]).encode()
    answer = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)
    http_client = httpx2.Client(transport=httpx2.MockTransport(lambda request: answer))
    with openai.OpenAI(api_key="sk-a", http_client=http_client) as client:
        theirs = [event.n for event in client.images.generate(prompt="a", model="gpt-image-1", stream=True)]
    ours = takewhile(lambda data: data != "[DONE]", (event.data for event in events_of(body)))
    assert theirs == [json.loads(data)["n"] for data in ours]


def test_a_long_stream_takes_time_in_proportion():
    body = b"".join(b"data: %d\n\n" % number for number in range(50_000))
    assert len(list(events_of(body))) == 50_000
    assert told(b"data: a\n" * 50_000 + b"\n") == [("", "\n".join(["a"] * 50_000))]


def test_what_httpx_received_is_read(api):
    fields = {"model": "gpt-image-1", "prompt": "a", "stream": True, "partial_images": 1, "quality": "low"}
    answer = httpx.post(f"{api.url}/images/generations", json=fields, headers={"Authorization": "Bearer sk-a"})
    assert [event.name for event in events_of(answer.content)] == [
        "image_generation.partial_image",
        "image_generation.completed",
    ]
