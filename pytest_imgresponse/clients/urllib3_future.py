"""urllib3-future, on which niquests is built: the pools that vcrpy does not see are refused.

It stands in the place of urllib3, where vcrpy patches its synchronous pools, or beside it, where vcrpy knows none of
it. Its asynchronous pools vcrpy never sees: a replay would go live without a word.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any

from pytest_imgresponse.errors import UnrecordableRequestError

_UNSEEN = (
    ("urllib3", "AsyncHTTPConnectionPool"),
    ("urllib3_future", "AsyncHTTPConnectionPool"),
    ("urllib3_future", "HTTPConnectionPool"),
)


def unseen_pools(passes: Callable[[str | None, str], bool]) -> Iterator[tuple[Any, str, Any]]:
    """What to replace so that nothing is sent by them: an owner, the name of its attribute, the value."""
    for package, name in _UNSEEN:
        if (pool := getattr(sys.modules.get(package), name, None)) is not None:
            yield pool, "urlopen", _refusing(passes, pool.urlopen)


def _refusing(passes: Callable[[str | None, str], bool], original: Any) -> Any:
    """How a pool opens a url: not at all, unless the request passes by."""

    @functools.wraps(original)
    def urlopen(pool: Any, method: str, url: str, *arguments: Any, **options: Any) -> Any:
        if passes(pool.host, method):
            return original(pool, method, url, *arguments, **options)
        raise UnrecordableRequestError(
            f"{method} {pool.scheme}://{pool.host}:{pool.port}{url.partition('?')[0]} was asked through "
            f"{type(pool).__module__}.{type(pool).__name__}, which vcrpy does not see (of niquests it sees the "
            f"synchronous Session alone, and where urllib3-future is installed as urllib3); nothing was sent. Ask "
            f"through another client, or let the host pass by: ignore_hosts"
        )

    return urlopen
