"""respx, which answers beneath httpx's transports: what it answers never leaves the process.

What it lets pass (`route.pass_through()`) does, so that is asked of a cassette.
"""

from __future__ import annotations

import sys
from typing import Any


def answers(request: Any) -> bool:
    """Whether a mock of respx (0.23) answers, or refuses, this request of httpx."""
    respx = sys.modules.get("respx.mocks")
    if respx is None or not isinstance(request, respx.httpx.Request):  # it knows nothing of httpx2
        return False
    routers = respx.HTTPCoreMocker.routers
    for router in routers:
        for route in router.routes:
            if route.pattern is None or route.pattern.match(request):
                return not route.is_pass_through
    return bool(routers)
