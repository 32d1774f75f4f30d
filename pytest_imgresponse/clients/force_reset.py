"""vcrpy's connections of `http.client`: while one of them sends, every patch stays where it is.

vcrpy takes all its patches away, for the whole process, whenever such a connection is made, connects or sends
(`vcr.patch.force_reset`). A request that another thread makes at that moment would go live, be paid for and lost.
vcrpy has no option for it, so two names are replaced while a session is open: `force_reset` does nothing, and
the connections are told what `force_reset` was there for.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from types import FunctionType, SimpleNamespace
from typing import Any

import vcr.patch
import vcr.stubs

_HTTPLIB2 = ("HTTPConnectionWithTimeout", "HTTPSConnectionWithTimeout")


def kept_while_sending() -> Iterator[tuple[Any, str, Any]]:
    """What to replace so that no patch is taken away: an owner, the name of its attribute, the value."""
    yield vcr.patch, "force_reset", nullcontext
    # Of urllib3 none is here: its connections find their base class without a global name.
    for owner, names in ((vcr.stubs, ("HTTPSConnection",)), (sys.modules.get("httplib2"), _HTTPLIB2)):
        for name in names if owner is not None else ():
            connection = getattr(owner, name)
            yield connection, "__init__", _knowing_its_class(connection)


def _knowing_its_class(connection: Any) -> FunctionType:
    """The `__init__` of a connection, in which the global names that vcrpy patches mean what they meant.

    `http.client.HTTPSConnection.__init__` calls `super(HTTPSConnection, self)`: it finds its own class by a global
    name, under which vcrpy's stub stands by then, and `super` refuses a connection that is no instance of it. So
    the same code gets globals of its own, in which the name is the class; and `http.client`, where httplib2 looks
    for what it inherits from, is `vcr.stubs`, which imported the unpatched classes.
    """
    init = connection.__init__
    names = {**init.__globals__, "http": SimpleNamespace(client=vcr.stubs), connection.__name__: connection}
    own = FunctionType(init.__code__, names, init.__name__, init.__defaults__, init.__closure__)
    own.__kwdefaults__ = init.__kwdefaults__
    return own
