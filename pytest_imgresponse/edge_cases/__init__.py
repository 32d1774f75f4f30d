"""The edge cases: every way in which an answer can be unusual or wrong, each a function of a few lines.

`@edge_case` enters a function into the table, in the module of its level or in one of yours. Importing this package
fills it.
"""

from pytest_imgresponse.edge_cases import (  # noqa: F401 - each fills the table
    base64_cases,
    http_cases,
    jpeg_cases,
    json_cases,
    pixel_cases,
    png_cases,
    request_cases,
    schema_cases,
    stream_cases,
    svg_cases,
    webp_gif_cases,
)
from pytest_imgresponse.edge_cases.table import EDGE_CASES, EdgeCase, edge_case, edge_case_with_request, sort_cases

__all__ = ["EDGE_CASES", "EdgeCase", "edge_case", "edge_case_with_request"]

sort_cases()
