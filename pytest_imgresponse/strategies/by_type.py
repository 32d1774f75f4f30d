"""The strategies behind `st.from_type`, for our types and for those of openai; `_hypothesis` registers them.

A model of openai is made from the JSON of ours. Each strategy is a composite, so that a failing test shows the value
that was drawn; models of openai it shows with all their base64.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from pytest_imgresponse.api.sse import events_of
from pytest_imgresponse.http import HTTPRequest
from pytest_imgresponse.models import ErrorBody, Image, InputTokensDetails, OutputTokensDetails, SvgUsage, event_from
from pytest_imgresponse.strategies.error_responses import error_responses
from pytest_imgresponse.strategies.mutated import http_responses
from pytest_imgresponse.strategies.responses import draw_choice, images_responses, usages
from pytest_imgresponse.strategies.streams import Operation, stream_responses

__all__ = [
    "completed_events",
    "error_bodies",
    "http_responses",
    "images",
    "images_responses",
    "input_details",
    "of_type",
    "output_details",
    "partial_events",
    "requests",
    "svg_usages",
    "usages",
]


def of_type(kind: Any, ours: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The values of a strategy of our model, as they are or as the model of openai that has the same JSON."""

    def of_openai(model: Any) -> Any:
        return kind.model_validate(model.model_dump(mode="json", exclude_unset=True))

    return ours if kind.__module__.partition(".")[0] == "pytest_imgresponse" else ours.map(of_openai)


@st.composite
def images(draw: st.DrawFn) -> Image:
    """Generates an image of an answer. Shrinks to the payload of an opaque PNG of 1024x1024."""
    return (draw(images_responses()).data or [])[0]


@st.composite
def input_details(draw: st.DrawFn) -> InputTokensDetails | None:
    """Generates the input tokens in detail. Shrinks to one text token."""
    return draw(usages()).input_tokens_details


@st.composite
def output_details(draw: st.DrawFn) -> OutputTokensDetails:
    """Generates the output tokens in detail. Shrinks to one image token."""
    usage = draw(usages())
    return usage.output_tokens_details or OutputTokensDetails(image_tokens=usage.output_tokens, text_tokens=0)


@st.composite
def svg_usages(draw: st.DrawFn) -> SvgUsage | None:
    """Generates what writing an SVG cost. Shrinks to that of a plain one, without reasoning."""
    return draw(images_responses(output_format="svg")).svg_usage


@st.composite
def partial_events(draw: st.DrawFn, operation: Operation | None = None) -> Any:
    """Generates partial images of a stream: each index that there is. Shrinks to the first."""
    stream = draw(stream_responses(operation=operation, partial_images=draw(st.sampled_from((1, 2, 3)))))
    return event_from([*events_of(stream.body)][-2].data)


@st.composite
def completed_events(draw: st.DrawFn, operation: Operation | None = None) -> Any:
    """Generates the last event of a stream. Shrinks to that of a plain one."""
    stream = draw(stream_responses(operation=operation))
    return event_from([*events_of(stream.body)][-1].data)


@st.composite
def error_bodies(draw: st.DrawFn) -> ErrorBody:
    """Generates the object `error` of an error. Shrinks to that of a wrong key."""
    return ErrorBody.from_json(draw(error_responses()).json()["error"])


@st.composite
def requests(draw: st.DrawFn) -> HTTPRequest:
    """Generates requests to generate images. Shrinks to one to dall-e-2."""
    return draw_choice(draw).request()
