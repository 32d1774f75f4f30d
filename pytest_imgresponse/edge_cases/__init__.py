"""Every way in which an answer can be odd or wrong: a table, each row a function of a few lines.

A row is entered by `@edge_case`, in the module of its level or in one of yours. Importing this package fills the table.
"""

from pytest_imgresponse.checks.finding import LEVELS, VERDICTS
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
from pytest_imgresponse.edge_cases.table import EDGE_CASES, EdgeCase, edge_case, edge_case_as_asked

__all__ = ["EDGE_CASES", "EdgeCase", "edge_case", "edge_case_as_asked"]

# From the outermost level to the innermost, and within a level from what is right to what is wrong.
for _case in sorted(EDGE_CASES.values(), key=lambda case: (LEVELS.index(case.level), VERDICTS.index(case.verdict))):
    EDGE_CASES[_case.name] = EDGE_CASES.pop(_case.name)
