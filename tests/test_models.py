"""The models read every right answer and give it back, and refuse what is wrong in words that a person understands."""

from __future__ import annotations

import ast
import json
import math
from typing import Annotated, Any, Literal, get_args, get_origin

import openai.types
import pybase64
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import images_response

from pytest_imgresponse import CompletedEvent, Image, ImagesResponse, PartialImageEvent, ResponseError, Usage, models
from pytest_imgresponse._model import DEEPEST, Model
from pytest_imgresponse.api.samples import plain_responses
from pytest_imgresponse.api.sse import events_of
from pytest_imgresponse.edge_cases import EDGE_CASES
from pytest_imgresponse.images.make import make_picture
from pytest_imgresponse.models import ErrorBody, InputTokensDetails, OutputTokensDetails, SvgUsage, event_from
from tests.real import images_answers

FOX = make_picture("png", 16, 16)
FOX += bytes(-len(FOX) % 3 + 1)  # so that its base64 is padded
PAYLOAD = pybase64.b64encode(FOX).decode()
TOKENS = {"input_tokens": 13, "output_tokens": 272, "total_tokens": 285}
SVG_TOKENS = {"input_tokens": 1, "model": "gpt-5", "output_tokens": 2, "reasoning_tokens": 1, "total_tokens": 3}
EVENT = {
    "type": "image_generation.completed",
    "b64_json": PAYLOAD,
    "created_at": 1,
    "size": "1024x1024",
    "quality": "low",
    "background": "auto",
    "output_format": "png",
    "usage": {**TOKENS, "input_tokens_details": {"text_tokens": 3, "image_tokens": 10}},
}
PARTIAL = {**EVENT, "type": "image_edit.partial_image", "partial_image_index": 0}
del PARTIAL["usage"]


def dumped(model: pydantic.BaseModel) -> Any:
    return model.model_dump(mode="json", exclude_unset=True)


def refused(body: Any, model: Any = ImagesResponse) -> str:
    with pytest.raises(ResponseError) as caught:
        model.from_json(body if isinstance(body, bytes | str) else json.dumps(body))
    return str(caught.value)


# What is right


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"data": []},
        {"data": [{}]},
        {"data": [{"b64_json": PAYLOAD}, {"url": "https://a/", "revised_prompt": "a \U0001f98a"}]},
        {"data": None, "usage": None, "size": None, "background": None, "safety_identifier": None},
        {"data": [{"b64_json": None, "url": None, "revised_prompt": None}]},
        {"background": "opaque", "output_format": "gif", "size": "1536x864", "quality": "xhigh"},
        {"background": "chequered", "output_format": "avif", "size": "auto", "quality": "max"},
        {"usage": TOKENS},
        {"usage": {**TOKENS, "input_tokens_details": None, "output_tokens_details": None, "cost": 0.5}},
        {
            "usage": {
                **TOKENS,
                "input_tokens_details": {"text_tokens": 3, "image_tokens": 10, "cached_tokens": 0},
                "output_tokens_details": {"text_tokens": 0, "image_tokens": 272},
            }
        },
        {"output_format": "svg", "svg_usage": SVG_TOKENS, "safety_identifier": "user-1"},
        {"id": "a", "model": "b", "data": [{"index": 0, "open": 1, "format": "x", "model_dump": [], "": {"": []}}]},
        {"data": [{"revised_prompt": "half a pair \ud83e, NUL \0, \u202eright to left"}], "note": "\udc00"},
        {"usage": {"input_tokens": 10**400, "output_tokens": 0, "total_tokens": 10**400}},
        {"cost": -0.0, "tiny": 5e-324},
        {"nested": json.loads("[" * (DEEPEST - 2) + "]" * (DEEPEST - 2))},
    ],
    ids=str,
)
def test_what_is_right_comes_back(fields):
    received = {"created": 1780000000, **fields}
    assert dumped(ImagesResponse.from_json(json.dumps(received).encode())) == received
    assert dumped(ImagesResponse.from_json(json.dumps(received))) == received
    assert dumped(ImagesResponse.from_json(received)) == received


texts = st.text(st.characters(exclude_categories=()), max_size=8)
names = st.text(max_size=8)
finite = st.floats(allow_nan=False, allow_infinity=False)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | texts,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(names, values, max_size=3),
    max_leaves=5,
)
wholes = st.integers() | finite.filter(float.is_integer)
counts = st.integers(0) | st.integers(0, 2**70).map(float)


def objects(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """With the fields known, the optional ones present, null or left out, and others beside them."""
    known = st.fixed_dictionaries(required, optional={name: st.none() | each for name, each in optional.items()})
    others = st.dictionaries(names.filter(lambda name: name not in {**required, **optional}), anything, max_size=2)
    return st.builds(lambda *parts: {**parts[0], **parts[1]}, known, others)


details = objects({"text_tokens": counts, "image_tokens": counts}, {})
usages = objects(dict.fromkeys(TOKENS, counts), {"input_tokens_details": details, "output_tokens_details": details})
bodies = objects(
    {"created": wholes},
    {
        "data": st.lists(objects({}, dict.fromkeys(("b64_json", "url", "revised_prompt"), texts)), max_size=2),
        **dict.fromkeys(("background", "output_format", "size", "quality", "safety_identifier"), texts),
        "usage": usages,
        "svg_usage": objects({**dict.fromkeys(SVG_TOKENS, counts), "model": texts}, {}),
    },
)


@given(bodies)
def test_whatever_is_received_comes_back(body):
    assert dumped(ImagesResponse.from_json(json.dumps(body))) == body


@given(st.binary() | texts | anything.map(json.dumps))
def test_whatever_else_is_received_is_a_model_or_our_own_error(body):
    for read in (ImagesResponse.from_json, event_from):
        try:
            read(body)
        except ResponseError:
            continue


def test_a_number_beyond_all_floats_comes_back_as_python_reads_it():
    assert dumped(ImagesResponse.from_json('{"created": 1, "a": [1e999, -1e999]}'))["a"] == [math.inf, -math.inf]


def test_a_byte_order_mark_is_passed_over():
    assert ImagesResponse.from_json(b'\xef\xbb\xbf{"created": 1}').created == 1


def test_an_integral_float_is_read_as_the_integer():
    model = ImagesResponse.from_json('{"created": 1.0}')
    assert (model.created, type(model.created)) == (1, int)
    assert ImagesResponse.from_json('{"created": 1e300}').created == int(1e300)


@pytest.mark.parametrize("recorded", [each for each in images_answers() if each.openai], ids=str)
def test_what_openai_sent_comes_back(recorded):
    response = recorded.as_content()
    assert dumped(ImagesResponse.from_json(response.body)) == response.json()


def test_there_are_recordings_of_openai(recordings):
    assert sum(each.openai for each in images_answers()) == 30


# What is wrong


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "this body (b'') is no JSON: Expecting value"),
        (b"<html>", "this body (b'<html>') is no JSON: Expecting value"),
        (b'{"created": 1', "is no JSON: Expecting ',' delimiter"),
        (b'{"created": 1} {}', "is no JSON: Extra data"),
        (b'{"created": 1, "a": "\xff"}', "is no JSON: 'utf-8' codec can't decode byte 0xff"),
        ('{"created": 1}'.encode("utf-16"), "is no JSON: 'utf-8' codec can't decode byte 0xff"),
        (b'{"created": NaN}', "is no JSON: NaN is no number there (RFC 8259, section 6)"),
        (b'{"created": -Infinity}', "is no JSON: -Infinity is no number there (RFC 8259, section 6)"),
        (b'{"created": 1%s}' % (b"0" * 5000), "is no JSON: Exceeds the limit (4300 digits)"),
        (b"[" * 100_000, "is no JSON: maximum recursion depth exceeded"),
        (b"[" * 200 + b"1" + b"]" * 200, "this body holds objects or arrays within each other, deeper than 200 levels"),
        (b'{"created": 1, "a": [{"\\ud800": 1}]}', "this body has a field whose name holds half a surrogate pair"),
        (b"[]", "this body is no ImagesResponse: $: expected an object, got []"),
        (b"null", "this body is no ImagesResponse: $: expected an object, got null"),
        ({"error": {}}, '$.created is required; the fields there are ["error"]'),
        ({"created": None}, "$.created: expected an integer (Unix seconds), got null"),
        ({"created": "1780000000"}, '$.created: expected an integer (Unix seconds), got "1780000000"'),
        ({"created": "2026-01-01T00:00:00Z"}, '(Unix seconds), got "2026-01-01T00:00:00Z"'),
        ({"created": 1.5}, "$.created: expected an integer (Unix seconds), got 1.5"),
        (b'{"created": 1e999}', "$.created: expected an integer (Unix seconds), got Infinity"),
        ({"created": True}, "$.created: expected an integer (Unix seconds), got true"),
        ({"created": 1, "data": {"0": {}}}, '$.data: expected an array, got {"0": {}}'),
        ({"created": 1, "data": "a" * 99}, '$.data: expected an array, got "' + "a" * 79 + "…"),
        ({"created": 1, "data": [{}, None]}, "$.data[1]: expected an object, got null"),
        ({"created": 1, "data": [{"b64_json": 7}]}, "$.data[0].b64_json: expected a string, got 7"),
        ({"created": 1, "size": 1024}, "$.size: expected a string, got 1024"),
        ({"created": 1, "usage": []}, "$.usage: expected an object, got []"),
        (
            {"created": 1, "usage": {**TOKENS, "total_tokens": 1.5}},
            "$.usage.total_tokens: expected an integer, got 1.5",
        ),
        (
            {"created": 1, "usage": {**TOKENS, "total_tokens": "1"}},
            '$.usage.total_tokens: expected an integer, got "1"',
        ),
        (
            {"created": 1, "usage": {**TOKENS, "total_tokens": -1}},
            "$.usage.total_tokens: expected an integer from 0, got -1",
        ),
        ({"created": 1, "usage": {}}, "$.usage.input_tokens is required; the fields there are []; $.usage.output_to"),
        ({"created": 1, "svg_usage": TOKENS}, "$.svg_usage.reasoning_tokens is required; the fields there are ["),
    ],
)
def test_what_is_wrong_is_refused_by_path_expectation_and_value(body, message):
    assert message in refused(body)


def test_the_first_five_complaints_are_told_and_the_others_counted():
    message = refused({"created": 1, "data": [1, 2, 3, 4, 5, 6, 7]})
    assert message.startswith("this body is no ImagesResponse: $.data[0]: expected an object, got 1; $.data[1]: ")
    assert message.endswith("$.data[4]: expected an object, got 5; and 2 more")


def test_an_error_names_its_source_and_carries_nobody_elses_traceback():
    with pytest.raises(ResponseError, match=r"^the answer of http://a/ is no Usage: \$") as caught:
        Usage.from_json("7", source="the answer of http://a/")
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None


def test_a_cycle_is_refused():
    body = {"created": 1}
    body["self"] = body
    with pytest.raises(ResponseError, match="deeper than 200 levels"):
        ImagesResponse.from_json(body)


def test_a_hostile_body_costs_no_more_than_its_length():
    wide = {"created": 1, "data": [0] * 100_000}
    assert refused(wide).endswith("and 99995 more")


# Events and errors


@pytest.mark.parametrize(
    ("received", "model"),
    [
        (EVENT, CompletedEvent),
        ({**EVENT, "type": "image_edit.completed", "safety_identifier": "user-1"}, CompletedEvent),
        ({**EVENT, "usage": None}, CompletedEvent),
        (
            {**{name: EVENT[name] for name in EVENT if name not in ("b64_json", "usage")}, "url": "https://a/"},
            CompletedEvent,
        ),
        (PARTIAL, PartialImageEvent),
        (
            {**PARTIAL, "type": "image_generation.partial_image", "size": "2048x1152", "quality": "max"},
            PartialImageEvent,
        ),
    ],
)
def test_an_event_comes_back(received, model):
    event = event_from(json.dumps(received))
    assert type(event) is model
    assert dumped(event) == received
    assert event_from(received) == event_from(json.dumps(received).encode()) == event


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "this event ('') is no JSON: Expecting value"),
        ("[DONE]", "this event ('[DONE]') is no JSON"),
        ([1], "image_edit.completed; got [1]"),
        ({}, "image_edit.completed; got {}"),
        ({"error": {"code": "server_error"}}, 'image_edit.completed; got {"error": {"code": "server_error"}}'),
        ({"type": ["a"]}, 'image_edit.completed; got ["a"]'),
        (
            {"type": "heartbeat"},
            "this event is no image event: expected an object whose $.type is one of image_generation.partial_image, image_edit.partial_image, "
            'image_generation.completed, image_edit.completed; got "heartbeat"',
        ),
        ({**EVENT, "created_at": 1.5}, "no CompletedEvent: $.created_at: expected an integer (Unix seconds), got 1.5"),
        (
            {**PARTIAL, "partial_image_index": -1},
            "PartialImageEvent: $.partial_image_index: expected an integer from 0, got -1",
        ),
        ({**PARTIAL, "b64_json": None}, "$.b64_json: expected a string, got null"),
        ({**EVENT, "b64_json": None}, '$: expected b64_json, or else a url, got {"type": "image_generation.completed"'),
        ({**EVENT, "b64_json": None, "url": None}, "$: expected b64_json, or else a url, got {"),
    ],
)
def test_what_is_no_image_event_is_refused(data, message):
    with pytest.raises(ResponseError) as caught:
        event_from(data if isinstance(data, str) else json.dumps(data))
    assert message in str(caught.value)


def test_a_model_of_an_event_refuses_the_other_type():
    message = refused(EVENT, PartialImageEvent)
    assert "$.type: expected 'image_generation.partial_image' or 'image_edit.partial_image', got " in message


def test_an_error_body_is_read():
    received = {"message": "no", "type": "image_generation_user_error", "param": None, "code": "moderation_blocked"}
    received["moderation_details"] = {"moderation_stage": "output", "categories": ["sexual"]}
    assert dumped(ErrorBody.from_json(json.dumps(received))) == received
    assert "$.type is required" in refused({"message": "no"}, ErrorBody)
    assert "$.message: expected a string, got 7" in refused({"message": 7, "type": "a"}, ErrorBody)


def mutated() -> list[Any]:
    """The edge cases of the level `schema` that are right or wrong beyond doubt, on each plain 200 answer."""
    return [
        pytest.param(case, request, response, id=f"{case.name}-{number}")
        for case in EDGE_CASES.values()
        for number, (request, response) in enumerate(plain_responses())
        if case.level == "schema" and case.verdict in ("valid", "invalid")
        if response.status == 200 and case.applies(response, request)
    ]


@pytest.mark.parametrize(("case", "request_", "response"), mutated())
def test_the_models_agree_with_the_table_of_edge_cases(case, request_, response):
    changed = case(response, request_)
    if changed.content_type == "text/event-stream":
        parts = [(event_from, event.data) for event in events_of(changed.body)]
    else:
        parts = [(ImagesResponse.from_json, changed.body)]
    if case.verdict == "valid":
        for read, data in parts:
            assert dumped(read(data)) == json.loads(data)
    else:
        with pytest.raises(ResponseError):
            [read(data) for read, data in parts]


# Pictures


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ("", "b64_json ('') is empty: expected a picture in base64"),
        ("no!", "b64_json ('no!') is no base64: '!' at 2 is out of place"),
        ("\U0001f98a", "is no base64: '\U0001f98a' at 0 is out of place"),
        ("QUI\ud800", "is no base64: '\\ud800' at 3 is out of place"),
        ("QQ==QQ==", "is no base64: '=' at 2 is out of place"),
        ("QQ=Q", "is no base64: '=' at 2 is out of place"),
        ("A", "is no base64: its characters (1) and padding (0) do not make groups of four"),
        ("data:,x", "is no base64: ':' at 4 is out of place"),
        ("data:image/svg+xml,<svg/>", "is no base64: ':' at 4 is out of place"),
        ("data:image/png;base64,data:image/png;base64,QQ==", "is no base64: ':' at 4 is out of place"),
        ("https://a/fox.png", "is no base64: ':' at 5 is out of place"),
    ],
)
def test_what_is_no_base64_is_refused_strictly_and_leniently(payload, message):
    with pytest.raises(ResponseError) as caught:
        Image(b64_json=payload).image_bytes()
    assert message in str(caught.value)
    assert "lenient" not in str(caught.value)
    with pytest.raises(ResponseError, match="is no base64: |is empty: "):
        Image(b64_json=payload).image_bytes(lenient=True)


@pytest.mark.parametrize("payload", [" \n", "data:image/png;base64,", "===="])
def test_nothing_but_trimmings_is_empty(payload):
    with pytest.raises(ResponseError, match="is empty: expected a picture in base64"):
        Image(b64_json=payload).image_bytes(lenient=True)


@pytest.mark.parametrize(
    ("payload", "flaw"),
    [
        ("data:image/png;base64," + PAYLOAD, "':' at 4"),
        ("DATA:image/PNG;name=fox.png;charset=utf-8;BASE64," + PAYLOAD, "':' at 4"),
        (" data:;base64, " + PAYLOAD, "' ' at 0"),
        (PAYLOAD.rstrip("="), r"its characters \([0-9]+\) and padding"),
        (PAYLOAD.rstrip("=") + "=" * 5, r"its characters \([0-9]+\) and padding"),
        ("\r\n".join(PAYLOAD[i : i + 76] for i in range(0, len(PAYLOAD), 76)) + "\n", r"'\\r' at 76"),
        (PAYLOAD[:8] + " \t" + PAYLOAD[8:], "' ' at 8"),
    ],
)
def test_what_servers_are_known_to_send_is_read_leniently(payload, flaw):
    assert PAYLOAD.endswith("=")
    image = Image(b64_json=payload)
    with pytest.raises(ResponseError, match=f"{flaw}.*; image_bytes\\(lenient=True\\) reads it$"):
        image.image_bytes()
    assert image.image_bytes(lenient=True) == FOX
    assert image.format == "png"
    assert image.open(lenient=True).size == (16, 16)
    with pytest.raises(ResponseError, match="is no base64"):
        image.open()


def test_the_url_safe_alphabet_is_read_leniently():
    data = bytes(range(256))
    payload = pybase64.urlsafe_b64encode(data).decode()
    assert {"-", "_"} < set(payload)
    with pytest.raises(ResponseError, match="is out of place; image_bytes"):
        Image(b64_json=payload).image_bytes()
    assert Image(b64_json=payload).image_bytes(lenient=True) == data
    assert Image(b64_json=payload.replace("-", "+")).image_bytes(lenient=True) == data


def test_bits_that_carry_no_data_may_be_set():
    """As in Python's own decoder; RFC 4648, section 3.5, leaves it open."""
    assert Image(b64_json="QR==").image_bytes() == Image(b64_json="QQ==").image_bytes() == b"A"


@given(st.binary(min_size=1))
def test_what_is_read_strictly_is_read_leniently_alike(data):
    image = Image(b64_json=pybase64.b64encode(data).decode())
    assert image.image_bytes() == image.image_bytes(lenient=True) == data


@pytest.mark.parametrize("image", [Image(url="http://a/"), CompletedEvent.model_construct()])
def test_an_image_without_a_payload_says_so(image):
    for ask in (image.image_bytes, image.open, lambda: image.format):
        with pytest.raises(ResponseError, match="there is no b64_json in this image; if it has a url, the picture is"):
            ask()


@pytest.mark.parametrize("file_format", ["png", "jpeg", "webp", "gif", "svg"])
def test_the_format_is_that_of_the_bytes(file_format):
    image = Image(b64_json=pybase64.b64encode(make_picture(file_format, 24, 16)).decode())
    assert image.format == file_format
    if file_format == "svg":
        with pytest.raises(
            ResponseError, match=r"^this image is an SVG, which is no raster picture: image_bytes\(\) has its text$"
        ):
            image.open()
    else:
        assert image.open().size == (24, 16)


def test_the_format_of_what_is_no_picture_is_none():
    assert Image(b64_json="QUJD").format is None


def test_an_event_has_its_picture_too():
    assert event_from(EVENT).open().size == (16, 16)
    assert event_from(PARTIAL).image_bytes() == FOX


# The documents


def public_models() -> list[type[pydantic.BaseModel]]:
    found = [each for each in vars(models).values() if isinstance(each, type) and issubclass(each, Model)]
    return [each for each in found if not each.__name__.startswith("_")]


@pytest.mark.parametrize("model", public_models(), ids=lambda model: model.__name__)
def test_every_field_says_what_it_is_and_where_that_is_said(model):
    for name, field in model.model_fields.items():
        assert any(source in field.description for source in ("reference", "SDK", "recorded", "reported")), name


SPECIFICATION = {
    "created": 1,
    "data": [{"b64_json": "QQ==", "url": "https://a/", "revised_prompt": "b"}],
    "background": "transparent",
    "output_format": "webp",
    "size": "1024x1536",
    "quality": "high",
    "usage": {
        **TOKENS,
        "output_tokens_details": {"image_tokens": 272, "text_tokens": 0},
        "input_tokens_details": {"text_tokens": 3, "image_tokens": 10},
    },
}


def test_every_field_of_the_reference_is_modelled():
    def unknown(model: Any) -> list[str]:
        if isinstance(model, list):
            return [name for each in model for name in unknown(each)]
        if not isinstance(model, pydantic.BaseModel):
            return []
        return [
            *model.model_extra,
            *(name for field in type(model).model_fields for name in unknown(getattr(model, field))),
        ]

    assert unknown(ImagesResponse.from_json(SPECIFICATION)) == []


# The SDK

JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null", Any: "anything"}


def differences(theirs: type[pydantic.BaseModel], ours: type[pydantic.BaseModel], known: frozenset[str]) -> list[str]:
    """Where our model is narrower than the SDK's, or has fields that it does not; `known` ones, `Model.field`, aside."""
    found = []
    for name, field in theirs.model_fields.items():
        place, mine = f"{ours.__name__}.{name}", ours.model_fields.get(name)
        if place in known:
            continue
        if mine is None:
            found.append(f"{place} is missing: the SDK has it in {theirs.__name__}")
            continue
        if field.is_required() != mine.is_required():
            found.append(f"{place} is {'optional' if field.is_required() else 'required'}, and not so in the SDK")
        found += narrower(place, field.annotation, mine.annotation, known)
    strangers = set(ours.model_fields) - set(theirs.model_fields)
    return found + [
        f"{ours.__name__}.{name} is not in the SDK"
        for name in sorted(strangers)
        if f"{ours.__name__}.{name}" not in known
    ]


def narrower(place: str, theirs: Any, ours: Any, known: frozenset[str]) -> list[str]:
    """What the SDK's type of a field allows and ours does not."""
    mine, found = parts(ours), []
    for kind, theirs_inside in parts(theirs).items():
        if kind not in mine and not (isinstance(kind, tuple) and JSON_TYPES[type(kind[1])] in mine):
            found.append(f"{place} takes {', '.join(map(str, mine))}; the SDK has {kind} too")
        elif kind == "array":
            found += narrower(f"{place}[]", theirs_inside, mine[kind], known)
        elif kind == "object":
            found += differences(theirs_inside, mine[kind], known)
    return found


def parts(annotation: Any) -> dict[Any, Any]:
    """The members of a type in the words of JSON, a value of a `Literal` as `("is", value)`, with what is inside."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return parts(inside[0])
    if origin is Literal:
        return {("is", value): None for value in inside}
    if origin is list:
        return {"array": inside[0]}
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return {"object": annotation}
    if annotation in JSON_TYPES:
        return {JSON_TYPES[annotation]: None}
    return {kind: held for each in inside for kind, held in parts(each).items()}


# Seen without it, so that it is optional here: each is told in the field's docstring.
LENIENT = frozenset({"Usage.input_tokens_details", "CompletedEvent.b64_json", "CompletedEvent.usage"})
IN_STREAMS = LENIENT - {"CompletedEvent.usage"} | {"Usage.output_tokens_details"}


@pytest.mark.parametrize(
    ("theirs", "ours", "known"),
    [
        (openai.types.ImagesResponse, ImagesResponse, LENIENT),
        (openai.types.Image, Image, LENIENT),
        (images_response.Usage, Usage, LENIENT),
        (images_response.UsageInputTokensDetails, InputTokensDetails, LENIENT),
        (images_response.UsageOutputTokensDetails, OutputTokensDetails, LENIENT),
        (images_response.SvgUsage, SvgUsage, LENIENT),
        (openai.types.ImageGenPartialImageEvent, PartialImageEvent, LENIENT),
        (openai.types.ImageEditPartialImageEvent, PartialImageEvent, LENIENT),
        (openai.types.ImageGenCompletedEvent, CompletedEvent, LENIENT),
        (openai.types.ImageEditCompletedEvent, CompletedEvent, LENIENT),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_no_field_of_the_sdk_is_missing_or_narrower(theirs, ours, known):
    assert differences(theirs, ours, known) == []


@pytest.mark.parametrize("event", ["ImageGenCompletedEvent", "ImageEditCompletedEvent"])
def test_the_usage_of_a_stream_is_that_of_the_sdk(event):
    theirs = getattr(openai.types, event).model_fields["usage"].annotation
    assert differences(theirs, Usage, IN_STREAMS) == []


def test_a_new_field_of_the_sdk_is_named():
    class NewImage(openai.types.Image):
        seed: int | None = None
        url: str | int | None = None

    class NewResponse(openai.types.ImagesResponse):
        data: list[NewImage] | None = None
        quality: Literal["low", "ultra"] | None = None
        created: float
        background: str
        model: str

    assert differences(NewResponse, ImagesResponse, LENIENT) == [
        "ImagesResponse.created takes integer; the SDK has number too",
        "ImagesResponse.background is optional, and not so in the SDK",
        "Image.url takes string, null; the SDK has integer too",
        "Image.seed is missing: the SDK has it in NewImage",
        "ImagesResponse.model is missing: the SDK has it in NewResponse",
    ]


def test_a_narrower_list_of_values_and_a_field_that_is_gone_are_named():
    class Narrow(pydantic.BaseModel):
        quality: Literal["low"] | None = None
        size: Literal["auto"]
        extra: int = 0

    class Wide(pydantic.BaseModel):
        quality: Literal["low", "high"] | None = None
        size: str

    assert differences(Wide, Narrow, frozenset()) == [
        "Narrow.quality takes ('is', 'low'), null; the SDK has ('is', 'high') too",
        "Narrow.size takes ('is', 'auto'); the SDK has string too",
        "Narrow.extra is not in the SDK",
    ]


def test_a_long_payload_is_shown_by_its_beginning():
    image = Image(b64_json="A" * 2_000_000, revised_prompt="a fox")
    assert repr(image) == "Image(b64_json=<2000000 characters: 'AAAAAAAAAAAAAAAA'…>, revised_prompt='a fox')"
    with pytest.raises(SyntaxError):
        ast.parse(repr(image))


def test_a_long_text_is_shown_by_its_beginning_wherever_it_is():
    long, many = "A" * 30_000, "n" * 90
    answer = ImagesResponse.from_json({"created": 1, "images": [{"b64": long, "url": "x"}], many: {many: long}})
    shown = "<30000 characters: 'AAAAAAAAAAAAAAAA'…>"
    name = "<90 characters: 'nnnnnnnnnnnnnnnn'…>"
    assert repr(answer) == (
        f"ImagesResponse(created=1, images=[{{'b64': {shown}, 'url': 'x'}}], {name}={{{name}: {shown}}})"
    )
    error = ErrorBody(message="no", type="t", moderation_details={"category": long})
    assert repr(error) == f"ErrorBody(message='no', type='t', moderation_details={{'category': {shown}}})"


def test_what_was_not_sent_is_not_shown_and_null_is():
    answer = ImagesResponse.from_json({"created": 1, "data": [{"url": "x", "b64_json": None}], "new": None})
    assert repr(answer) == "ImagesResponse(created=1, data=[Image(b64_json=None, url='x')], new=None)"
    again = eval(repr(answer))
    assert again.model_dump(exclude_unset=True) == answer.model_dump(exclude_unset=True)
