"""What was asked and answered: as HTTP, as models and as pictures."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_imgresponse.api.parameters import OPERATIONS
from pytest_imgresponse.errors import ResponseError
from pytest_imgresponse.http import HTTPRequest, HTTPResponse

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

    from pytest_imgresponse.api.sse import ServerSentEvent
    from pytest_imgresponse.models import ImagesResponse, StreamEvent

ROUTES = tuple(f"/images/{operation}" for operation in OPERATIONS)


def is_images_route(url: str) -> bool:
    """Whether a URL is that of an images route, whatever its host and the prefix of its path."""
    return url.partition("?")[0].rstrip("/").endswith(ROUTES)


@dataclass(eq=False)
class Exchange:
    """A request and its answer. `read_pictures` gives the bytes of the answer's pictures, those of pixels."""

    request: HTTPRequest
    response: HTTPResponse
    read_pictures: Callable[[], Iterable[bytes]]

    @cached_property
    def images(self) -> list[PillowImage]:
        """The pictures, opened when they are first asked for. Raises `ResponseError` for one that cannot be."""
        from pytest_imgresponse.images import PIXEL_BUDGET, open_image

        images, pixels = [], 0
        for data in self.read_pictures():
            if pixels > PIXEL_BUDGET:  # a small cassette can name one picture thousands of times
                raise ResponseError(f"the pictures of one answer have more than {PIXEL_BUDGET} pixels all together")
            images.append(open_image(data))
            pixels += images[-1].width * images[-1].height
        return images


class ExchangeLog(ABC):
    """What was asked and answered so far, in the order of asking: as HTTP, as models and as pictures."""

    @abstractmethod
    def _exchanges(self) -> Sequence[Exchange]:
        """The requests that were answered, with their answers."""

    @property
    def requests(self) -> list[HTTPRequest]:
        """The requests that were answered, as the client made them; those that were refused are not among them."""
        return [exchange.request for exchange in self._exchanges()]

    @property
    def http_responses(self) -> list[HTTPResponse]:
        """Every answer: errors and pictures too."""
        return [exchange.response for exchange in self._exchanges()]

    @property
    def last(self) -> HTTPResponse:
        """The last of `http_responses`. Raises `ResponseError` where there is none."""
        if not (responses := self.http_responses):
            raise ResponseError("nothing was asked yet, so there is no last answer")
        return responses[-1]

    @property
    def responses(self) -> list[ImagesResponse]:
        """The model of each 200 JSON answer of an images route. Raises `ResponseError` for one that is none."""
        from pytest_imgresponse.models import ImagesResponse

        return [
            ImagesResponse.from_json(response.body, source=f"the answer of {request.url}")
            for request, response in self._images_answers()
            if response.content_type in ("", "application/json")
        ]

    @property
    def events(self) -> list[StreamEvent]:
        """The image events of all streams; errors and heartbeats among them are in `http_responses`.

        Raises `ResponseError` for data that are no JSON, and for an image event that is none.
        """
        from pytest_imgresponse.api.sse import events_of
        from pytest_imgresponse.models import event_from

        return [
            event_from(event.data, source=f"an event of {request.url}")
            for request, response in self._images_answers()
            if response.is_stream
            for event in events_of(response.body)
            if event.data not in ("", "[DONE]") and _of_an_image(event)
        ]

    @property
    def images(self) -> list[PillowImage]:
        """Every picture of the answers, loaded by Pillow: payloads, and bodies that are pictures.

        Each is opened once: what a test does to one is seen in it later. SVG is left out. Raises `ResponseError` for
        one that cannot be opened.
        """
        return [image for exchange in self._exchanges() for image in exchange.images]

    def _images_answers(self) -> Iterator[tuple[HTTPRequest, HTTPResponse]]:
        for exchange in self._exchanges():
            if exchange.response.status == 200 and is_images_route(exchange.request.url):
                yield exchange.request, exchange.response


def _of_an_image(event: ServerSentEvent) -> bool:
    try:
        value = json.loads(event.data)
    except (ValueError, RecursionError):
        return True  # what is wrong with it is for its reader to say
    kind = value.get("type", event.name) if isinstance(value, dict) else ""
    return str(kind).startswith(("image_generation.", "image_edit."))
