"""Retries: before a client asks again for what is replayed or stubbed, it need not sleep.

The official client (openai 3.54, `_base_client.py`) is told so by a header; urllib3, and requests over it, by its
`Retry`, whose `sleep` is a public method.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pytest_imgresponse.http import HTTPResponse

_RETRIED = frozenset({408, 409, 429})  # and 500 and above (`_should_retry`)
_TOO_LONG = 120  # seconds that it is asked to wait, at which it gives up (`MAX_RETRY_AFTER_DELAY`)


class _Last(threading.local):
    replayed = False


LAST = _Last()
"""Whether the last answer that this thread got was `replayed`, and not a live server's.

By thread, since urllib3 sleeps on the one that asked; `Retry.sleep` is not told which request is tried again."""


def retried_at_once(answer: HTTPResponse) -> HTTPResponse:
    """The answer with a header that spares the official client its sleep, where it would try again."""
    again = answer.status in _RETRIED or answer.status >= 500 or answer.header("x-should-retry") == "true"
    if not again or _TOO_LONG < _asked_to_wait(answer) < math.inf:
        return answer
    # 0 would make it sleep half a second (`_calculate_retry_timeout`).
    headers = [(name, value) for name, value in answer.headers if name.lower() != "retry-after-ms"]
    return replace(answer, headers=(*headers, ("retry-after-ms", "1")))


def sleeping_when_live(sleep: Callable[..., None]) -> Callable[..., None]:
    """urllib3's `Retry.sleep`, which lets only a live server be waited for."""

    @functools.wraps(sleep)
    def spared(self: Any, response: Any = None) -> None:
        if not LAST.replayed:
            sleep(self, response)

    return spared


def _asked_to_wait(answer: HTTPResponse) -> float:
    """Seconds; 0 where none are asked for."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            return float(answer.header(name) or "") / unit
        except ValueError:
            continue
    return 0.0
