"""Hypothesis strategies for every answer that an images API could send, right and wrong.

`picture_of` and `payload_of` are no strategies but functions: Hypothesis prints a picture that it drew as a call of
one of them, short enough to paste.
"""

from pytest_imgresponse.strategies.error_responses import error_responses
from pytest_imgresponse.strategies.mutated import edge_cases, http_responses
from pytest_imgresponse.strategies.picture_files import base64_payloads, image_files
from pytest_imgresponse.strategies.picture_files import payload_of as payload_of
from pytest_imgresponse.strategies.picture_files import picture_of as picture_of
from pytest_imgresponse.strategies.responses import images_responses, usages
from pytest_imgresponse.strategies.streams import stream_responses
from pytest_imgresponse.strategies.variants import variants
from pytest_imgresponse.strategies.wire_faults import wire_faults

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


def __dir__() -> list[str]:
    # The modules of this package are imported, and not what a user looks for.
    return sorted({name for name in globals() if name.startswith("__")} | {*__all__})
