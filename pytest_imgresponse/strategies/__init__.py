"""Hypothesis strategies for every answer that an images API could send, right and wrong.

And `picture_of` and `payload_of`, which are none: as calls of these Hypothesis prints the pictures that it drew.
"""

from pytest_imgresponse.strategies.bent import edge_cases, http_responses
from pytest_imgresponse.strategies.failing import error_responses
from pytest_imgresponse.strategies.faults import wire_faults
from pytest_imgresponse.strategies.near import variants
from pytest_imgresponse.strategies.pictures import base64_payloads, image_files
from pytest_imgresponse.strategies.pictures import payload_of as payload_of
from pytest_imgresponse.strategies.pictures import picture_of as picture_of
from pytest_imgresponse.strategies.responses import images_responses, usages
from pytest_imgresponse.strategies.streams import stream_responses

__all__ = [
    "base64_payloads",
    "edge_cases",
    "error_responses",
    "http_responses",
    "image_files",
    "images_responses",
    "stream_responses",
    "usages",
    "variants",
    "wire_faults",
]
