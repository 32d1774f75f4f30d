"""What the reports of `check_parser` and `imgresponse fuzz` print to paste: the names that their lines use.

Each failure in a report has one line of Python that gives the parser the same answer again. These names are all that
such a line needs beside the parser itself:

- `plain_responses()` are the answers that edge cases start from, each with its request; `EDGE_CASES["bom"](answer)` is
  what an edge case makes of one;
- `HTTPResponse(status, headers, body)` is an answer that was generated, or made to fit the request of a client;
- `stub(answer)` gives it to a client. `inlined(answer)` has the pictures that the stub serves at the urls of an answer
  in the place of these urls, so that an edge case can change them, and `served_by(answer, changed)` are the changed
  ones, by url;
- `consume(result)` runs what a parser returned to its end (a coroutine, a generator, a stream);
- `pictures_of(answer)` are the pictures that an answer delivers in base64, to compare with what the parser returned.
"""

from pytest_imgresponse.api.samples import plain_responses
from pytest_imgresponse.contract.calling import consume
from pytest_imgresponse.contract.trial import inlined, pictures_of, served_by
from pytest_imgresponse.edge_cases import EDGE_CASES
from pytest_imgresponse.http import HTTPResponse
from pytest_imgresponse.stubs.stub import stub

__all__ = [
    "EDGE_CASES",
    "HTTPResponse",
    "consume",
    "inlined",
    "pictures_of",
    "plain_responses",
    "served_by",
    "stub",
]
