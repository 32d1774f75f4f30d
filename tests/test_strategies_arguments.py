"""Bad arguments raise `InvalidArgument` when drawing, and the message names the value and what was expected."""

from __future__ import annotations

import re

import pytest
from hypothesis import find, settings
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from pytest_imgresponse import strategies
from pytest_imgresponse.checks.finding import LEVELS, VERDICTS
from pytest_imgresponse.edge_cases import EDGE_CASES
from pytest_imgresponse.edge_cases.table import EdgeCase
from pytest_imgresponse.strategies import edge_cases, http_responses

NOWHERE = EdgeCase(
    "nowhere", "valid", "http", "Odd", "run", "what there is not", False, lambda *_: False, lambda it, _: it
)

# strategy, arguments, and what the message says of them.
BAD = [
    ("images_responses", {"model": "sdxl"}, "expected model to be one of dall-e-2, dall-e-3, gpt-image-1, "),
    ("images_responses", {"model": "sdxl"}, "got model='sdxl'; the answers of other servers are among edge_cases()"),
    ("images_responses", {"model": 5}, "got model=5"),
    ("images_responses", {"model": []}, "got model=[]"),
    ("images_responses", {"n": 0}, "expected n to be an integer from 1 to 10; got n=0"),
    ("images_responses", {"n": 11}, "got n=11"),
    ("images_responses", {"n": True}, "got n=True"),
    ("images_responses", {"n": 1.0}, "got n=1.0"),
    ("images_responses", {"size": "big"}, "expected size to be WIDTHxHEIGHT"),
    ("images_responses", {"size": "auto"}, "got size='auto'"),
    ("images_responses", {"size": (1024, 1024)}, "got size=(1024, 1024)"),
    ("images_responses", {"size": "0x16"}, "edges from 8 to 3840 pixels"),
    ("images_responses", {"size": "4000x2000"}, "got size='4000x2000'"),
    ("images_responses", {"output_format": "bmp"}, "expected output_format to be one of png, webp, jpeg, gif, svg"),
    ("images_responses", {"output_format": ["png"]}, "got output_format=['png']"),
    ("images_responses", {"quality": "hd"}, "expected quality to be one of low, medium, high, xhigh, max"),
    ("images_responses", {"background": "auto"}, "expected background to be one of opaque, transparent"),
    ("images_responses", {"response_format": "json"}, "expected response_format to be one of b64_json, url"),
    # Right alone, wrong together.
    ("images_responses", {"model": "dall-e-3", "n": 2}, "dall-e-3 answers with 1 image at the most"),
    ("images_responses", {"model": "dall-e-3", "n": 2}, "got model='dall-e-3', n=2"),
    ("images_responses", {"output_format": "svg", "n": 2}, "gpt-image-2.5-sunburst answers with one svg at the most"),
    ("images_responses", {"background": "transparent", "output_format": "jpeg"}, "gpt-image-2 has no transparent jpeg"),
    ("images_responses", {"background": "transparent", "output_format": "gif"}, "sunburst has no transparent gif"),
    ("images_responses", {"model": "dall-e-2", "output_format": "gif"}, "dall-e-2 answers with png alone"),
    ("images_responses", {"model": "gpt-image-2", "output_format": "gif"}, "gpt-image-2 answers with png, webp, jpeg"),
    ("images_responses", {"model": "gpt-image-1", "quality": "max"}, "gpt-image-1 has no quality max"),
    ("images_responses", {"model": "dall-e-3", "quality": "high"}, "dall-e-3 tells no quality"),
    ("images_responses", {"model": "dall-e-2", "background": "opaque"}, "dall-e-2 tells no background"),
    ("images_responses", {"model": "gpt-image-1", "response_format": "url"}, "gpt-image-1 answers with b64_json alone"),
    ("images_responses", {"model": "gpt-image-1", "size": "512x512"}, "has the sizes 1024x1024, 1024x1536, 1536x1024"),
    ("images_responses", {"model": "dall-e-3", "size": "512x512"}, "has the sizes 1024x1024, 1024x1792, 1792x1024"),
    ("images_responses", {"model": "gpt-image-2", "size": "1024x1000"}, "edges that are multiples of 16"),
    ("images_responses", {"model": "gpt-image-2", "size": "3072x960"}, "from 1:3 to 3:1"),
    ("images_responses", {"model": "gpt-image-2", "size": "640x640"}, "from 655360 to 8294400 pixels"),
    ("images_responses", {"model": "gpt-image-2", "size": "3840x3840"}, "from 655360 to 8294400 pixels"),
    ("images_responses", {"size": "100x100"}, "dall-e-2 has the sizes 1024x1024, 256x256, 512x512; dall-e-3 has"),
    ("stream_responses", {"operation": "variation"}, "expected operation to be one of generation, edit"),
    ("stream_responses", {"partial_images": 4}, "expected partial_images to be an integer from 0 to 3"),
    ("stream_responses", {"model": "dall-e-2"}, "dall-e-2 does not stream"),
    ("stream_responses", {"output_format": "svg"}, "gpt-image-2.5-sunburst does not stream svg"),
    ("stream_responses", {"size": "64x64"}, "got size='64x64': "),
    ("error_responses", {"name": "teapot"}, "expected name to be one of invalid_api_key, moderation_blocked"),
    ("image_files", {"output_format": "tiff"}, "got output_format='tiff'"),
    ("image_files", {"size": "7x7"}, "got size='7x7'"),
    ("image_files", {"transparent": 1}, "expected transparent to be True, False or None; got transparent=1"),
    ("image_files", {"transparent": True, "output_format": "jpeg"}, "a jpeg cannot be transparent"),
    ("base64_payloads", {"size": "4000x8"}, "got size='4000x8'"),
    ("base64_payloads", {"output_format": "tiff"}, "got output_format='tiff'"),
    ("edge_cases", {"verdicts": ("wrong",)}, "expected each of verdicts to be one of valid, unusual, tolerated, inv"),
    ("edge_cases", {"verdicts": "invalid"}, "expected verdicts to be a collection of valid, unusual"),
    ("edge_cases", {"verdicts": ()}, "got verdicts=()"),
    ("edge_cases", {"levels": ["field"]}, "expected each of levels to be one of http, stream, json"),
    ("edge_cases", {"levels": 3}, "got levels=3"),
    ("edge_cases", {"cases": ["data_url_prefx"]}, "got 'data_url_prefx'; did you mean data_url_prefix"),
    ("edge_cases", {"cases": ["qqqq"]}, "`imgresponse cases` lists their names"),
    ("edge_cases", {"cases": [None]}, "the name of one; got None"),
    ("edge_cases", {"cases": [3]}, "the name of one; got 3"),
    ("edge_cases", {"cases": "data_url_prefix"}, "expected cases to be a collection of edge cases or their names"),
    ("edge_cases", {"cases": []}, "got cases=[]"),
    (
        "edge_cases",
        {"cases": ["data_url_prefix"], "levels": ["http"]},
        "no edge case matches levels=('http',), cases=['data_url_prefix']",
    ),
    ("edge_cases", {"cases": [NOWHERE]}, "the edge case nowhere applies to what there is not, and no such response"),
    ("http_responses", {"verdicts": ("wrong",)}, "one of valid, unusual, tolerated, invalid; got 'wrong' in verdicts="),
    ("http_responses", {"levels": ("json",), "cases": ["data_url_prefix"]}, "cases=['data_url_prefix']"),
    ("http_responses", {"verdicts": 7}, "expected verdicts to be a collection of valid, unusual"),
    ("http_responses", {"verdicts": [[]]}, "got [] in verdicts=[[]]"),
    ("http_responses", {"verdicts": ("valid",), "levels": ()}, "got levels=()"),
    ("variants", {"response": b"{}"}, "expected response to be an HTTPResponse; got b'{}'"),
    ("variants", {"response": strategies, "request": None}, "expected response to be an HTTPResponse; got <module"),
]


def drawn(strategy):
    return find(strategy, lambda value: True, settings=settings(database=None, max_examples=10))


@pytest.mark.parametrize(("name", "arguments", "message"), BAD)
def test_a_bad_argument_is_refused_when_drawing(name, arguments, message):
    strategy = getattr(strategies, name)(**arguments)
    with pytest.raises(InvalidArgument, match=re.escape(message)):
        drawn(strategy)


def test_a_request_that_is_none_is_refused():
    response = drawn(http_responses())
    with pytest.raises(InvalidArgument, match=r"expected request to be an HTTPRequest or None; got \{\}"):
        drawn(strategies.variants(response, {}))


@pytest.mark.parametrize("name", strategies.__all__)
def test_arguments_are_keywords_but_for_what_varies(name):
    with pytest.raises(TypeError):
        getattr(strategies, name)("png", "webp", "jpeg")


def test_a_strategy_shows_how_it_was_called():
    assert repr(strategies.images_responses(model="dall-e-3")) == "images_responses(model='dall-e-3')"


def test_strategies_take_what_hypothesis_composes():
    models = st.sampled_from(["dall-e-3", "gpt-image-2"])
    response = drawn(models.flatmap(lambda model: strategies.images_responses(model=model, n=1)))
    assert len(response.data) == 1


def test_the_words_are_those_of_the_table():
    assert {case.verdict for case in EDGE_CASES.values()} <= set(VERDICTS)
    assert {case.level for case in EDGE_CASES.values()} <= set(LEVELS)
    assert drawn(edge_cases(verdicts=VERDICTS, levels=LEVELS)).case in EDGE_CASES.values()


def test_a_picture_of_no_such_format_is_refused():
    with pytest.raises(InvalidArgument, match="expected output_format to be one of png, webp, .*; got output_format="):
        strategies.picture_of("bmp", "8x8", False, 0)
