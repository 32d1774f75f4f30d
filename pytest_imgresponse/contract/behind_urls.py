"""Pictures behind urls: what a client finds there is bent as a payload would be."""

from __future__ import annotations

from typing import Any

import pybase64

from pytest_imgresponse import base64_text
from pytest_imgresponse.cassette.urls import Urls, address_of
from pytest_imgresponse.edge_cases.bending import bend_images
from pytest_imgresponse.edge_cases.subjects import subject_of
from pytest_imgresponse.http import HTTPResponse


def urls_of(answer: HTTPResponse) -> list[str]:
    """The urls of the images of an answer, where they lead somewhere."""
    urls = (image.get("url") for image in subject_of(answer).images())
    return [url for url in urls if isinstance(url, str) and address_of(url)]


def inlined(answer: HTTPResponse) -> HTTPResponse:
    """An answer with the pictures that `stub` serves at its urls in the place of these urls, in base64."""
    served = Urls({}, [answer])

    def change(image: dict[str, Any]) -> None:
        url = image.get("url")
        if isinstance(url, str) and (found := served.get(url)) is not None:
            del image["url"]
            image["b64_json"] = pybase64.b64encode(found.body).decode()

    return bend_images(answer, change)


def served_by(answer: HTTPResponse, bent: HTTPResponse) -> dict[str, bytes]:
    """The pictures of a bent response at the urls of an answer; none where one of them has no bytes to serve."""
    urls, pictures = urls_of(answer), [base64_text.read(text).data for text in subject_of(bent).payloads()]
    found = {url: data for url, data in zip(urls, pictures, strict=False) if data is not None}
    return found if len(found) == len(urls) == len(pictures) else {}
