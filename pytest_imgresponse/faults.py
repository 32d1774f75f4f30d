"""Wire faults: what can happen to an answer between a server and its client, right and wrong.

This is the table alone. `LocalEndpoint.answer(…, fault=…)`, `LocalEndpoint.fail(name)` and `imgresponse serve --cases`,
which have a socket, carry them out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, get_args

from pytest_imgresponse.errors import ConfigError

FaultVerdict = Literal["valid", "invalid"]
FAULT_VERDICTS: tuple[FaultVerdict, ...] = get_args(FaultVerdict)
"""`valid`: HTTP allows it, and the whole content arrives; what waits is valid for a client that waits so long.
`invalid`: the content does not arrive whole, or not in a form that was asked for; to be refused by name."""

LONGEST = 300.0
"""The most seconds that one answer waits, all its waits taken together."""

_LARGEST = 2**31 - 1
Value = int | float | tuple[int | float, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a wire fault: its default, its bounds, and what it means.

    A `position` is a place in the body: a float is a fraction of it (0.5 is the middle), an int is an offset in
    bytes (beyond the end it is the end). `positions` are a list of them, or one. A `count` is an int, `seconds` are a
    number. `low` and `high` bound a count and seconds, and are the offsets that a position may have.
    """

    kind: Literal["position", "positions", "count", "seconds"]
    default: Value
    meaning: str
    low: int = 0
    high: int = _LARGEST

    @property
    def expected(self) -> str:
        """The bounds, in words."""
        if self.kind in ("count", "seconds"):
            return f"{'a whole number' if self.kind == 'count' else 'seconds'} from {self.low} to {self.high}"
        one = f"a fraction from 0.0 to 1.0 or an offset from {self.low} to {self.high}"
        return one if self.kind == "position" else f"one to 1000 of them, each {one}"

    def checked(self, value: object) -> Value | None:
        """The value where it is within bounds, positions as a tuple; None where it is not."""
        if self.kind != "positions":
            return self._number(value)
        items = [self._number(item) for item in (value if isinstance(value, list | tuple) else [value])]
        numbers = tuple(item for item in items if item is not None)
        return numbers if 1 <= len(numbers) <= 1000 and len(numbers) == len(items) else None

    def _number(self, value: object) -> int | float | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        if isinstance(value, float) and self.kind != "seconds":
            return value if self.kind != "count" and 0.0 <= value <= 1.0 else None
        return value if self.low <= value <= self.high else None


def _position(meaning: str) -> Parameter:
    return Parameter("position", 0.5, meaning)


def _seconds(default: float, meaning: str) -> Parameter:
    return Parameter("seconds", default, meaning, high=int(LONGEST))


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A row of `FAULTS`: what it is, its verdict, and the standard or the run behind it.

    One that `needs_body` does nothing to an answer without content, and is refused for it.
    """

    name: str
    verdict: FaultVerdict
    reason: str
    source: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    needs_body: bool = False


_PATIENCE = "RFC 9112, section 9.5: how long it waits, each side decides for itself"

# The plainest first: this is the order in which a strategy shrinks.
_ROWS = (
    FaultKind(
        "kept_open", "valid", "The answer has its length, and the connection stays open", "RFC 9112, section 9.3"
    ),
    FaultKind(
        "connection_close",
        "valid",
        "The answer has its length and says `Connection: close`, and the server closes",
        "RFC 9112, section 9.6",
    ),
    FaultKind(
        "closed_though_kept",
        "valid",
        "The answer says `Connection: keep-alive`, and the server closes after it: the next request of the client "
        "meets a closed connection",
        "RFC 9112, section 9.5",
    ),
    FaultKind(
        "no_length",
        "valid",
        "An answer of HTTP/1.0 without a length: it ends where the connection does",
        "RFC 9112, section 6.3, item 8",
    ),
    FaultKind(
        "chunked",
        "valid",
        "The body comes in chunks",
        "RFC 9112, section 7.1",
        {"size": Parameter("count", 1000, "bytes of a chunk", 1)},
    ),
    FaultKind(
        "split",
        "valid",
        "The body comes in chunks that end at given places: within an event, a character, a line end",
        "RFC 9112, section 7.1; WHATWG HTML, section 9.2.6",
        {"at": Parameter("positions", (0.5,), "where a chunk ends")},
    ),
    FaultKind("byte_chunks", "valid", "Each byte of the body is a chunk of its own", "RFC 9112, section 7.1"),
    FaultKind("gzip", "valid", "The body is sent with `Content-Encoding: gzip`", "RFC 9110, section 8.4.1.3"),
    FaultKind(
        "stall",
        "valid",
        "No byte comes for a while; then the answer does",
        _PATIENCE,
        {"seconds": _seconds(1.0, "how long no byte comes")},
    ),
    FaultKind(
        "stall_in_body",
        "valid",
        "In the middle of the body no byte comes for a while; then the rest does",
        _PATIENCE,
        {"at": _position("where it waits"), "seconds": _seconds(1.0, "how long no byte comes")},
    ),
    FaultKind(
        "drip",
        "valid",
        "The body comes slowly, a few bytes at a time",
        _PATIENCE,
        {
            "size": Parameter("count", 1000, "bytes at a time", 1),
            "every_ms": Parameter("count", 20, "milliseconds between", 0, 60_000),
            "seconds": _seconds(LONGEST, "after how long the rest comes at once"),
        },
    ),
    FaultKind(
        "closed_before_head",
        "invalid",
        "The server closes the connection without a byte of an answer",
        "RFC 9112, section 9.5",
    ),
    FaultKind(
        "reset_before_head",
        "invalid",
        "The server resets the connection without a byte of an answer",
        "RFC 9112, section 9.6; RFC 9293, section 3.5.2",
    ),
    FaultKind(
        "reset_before_body",
        "invalid",
        "The server resets the connection after the headers, before the body",
        "RFC 9112, section 8",
        needs_body=True,
    ),
    FaultKind(
        "reset_in_body",
        "invalid",
        "The server resets the connection in the middle of the body",
        "RFC 9112, section 8",
        {"at": _position("where the connection is reset, before the last byte")},
        needs_body=True,
    ),
    FaultKind(
        "stall_then_close",
        "invalid",
        "In the middle of the body no byte comes for a while; then the server closes",
        "RFC 9112, section 8",
        {
            "at": _position("where it waits, before the last byte"),
            "seconds": _seconds(1.0, "how long no byte comes"),
        },
        needs_body=True,
    ),
    FaultKind(
        "length_too_long",
        "invalid",
        "`Content-Length` says more than comes before the server closes",
        "RFC 9112, section 8",
        {"more": Parameter("count", 1, "bytes that never come", 1)},
    ),
    FaultKind(
        "length_too_short",
        "invalid",
        "`Content-Length` says less than the body has",
        "RFC 9110, section 8.6",
        {"at": _position("where it ends by that header, before its last byte that is no white space")},
        needs_body=True,
    ),
    FaultKind(
        "chunk_size_bad",
        "invalid",
        "Where the size of a chunk belongs stands no number",
        "RFC 9112, section 7.1",
        {"at": _position("after how much of the body")},
    ),
    FaultKind(
        "chunks_cut",
        "invalid",
        "The server closes before the last chunk, the empty one that ends the body",
        "RFC 9112, section 8",
        {"at": _position("after how much of the body")},
    ),
    FaultKind(
        "gzip_cut",
        "invalid",
        "The body is gzip that breaks off; its length is that of what is there",
        "RFC 1952, section 2.3: each member ends in a checksum and a size",
        {"at": _position("where the content ends, before its last byte that is no white space")},
        needs_body=True,
    ),
    FaultKind(
        "gzip_garbage",
        "invalid",
        "The body begins as gzip does, and what follows is no deflate stream",
        "RFC 1951, section 3.2.3: block type 3 is reserved",
        needs_body=True,
    ),
    FaultKind(
        "gzip_in_name_only",
        "invalid",
        "The headers say `Content-Encoding: gzip`, and the body is not compressed",
        "RFC 9110, section 8.4",
        needs_body=True,
    ),
    FaultKind(
        "br_unrequested",
        "invalid",
        "The body is brotli, right in itself, for a client that did not ask for it and takes it for something else; "
        "one that reads brotli all the same loses nothing",
        "RFC 9110, section 12.5.3; RFC 7932, section 9.2",
        needs_body=True,
    ),
)
FAULTS: Mapping[str, FaultKind] = MappingProxyType({row.name: row for row in _ROWS})
"""All wire faults by name, the plainest first, the valid before the invalid."""
assert len(FAULTS) == len(_ROWS), "two wire faults have one name"


@dataclass(frozen=True, init=False, slots=True, repr=False)
class Fault:
    """A wire fault and its parameters: `Fault("stall", seconds=0.2)`. Those not given have their defaults.

    Raises `ConfigError` for a name, a parameter or a value that the table does not have.
    """

    name: str
    parameters: tuple[tuple[str, Value], ...]

    def __init__(self, name: str, /, **parameters: Any) -> None:
        kind = FAULTS.get(name) if isinstance(name, str) else None
        if kind is None:
            raise ConfigError(f"no wire fault is called {name!r}; expected one of {', '.join(FAULTS)}")
        if unknown := [given for given in parameters if given not in kind.parameters]:
            takes = ", ".join(kind.parameters) or "none"
            raise ConfigError(f"the wire fault {name!r} has no parameter {', '.join(unknown)}; it takes {takes}")
        chosen: list[tuple[str, Value]] = []
        for key, parameter in kind.parameters.items():
            value = parameter.checked(parameters.get(key, parameter.default))
            if value is None:
                raise ConfigError(
                    f"the wire fault {name!r}: expected {key} ({parameter.meaning}) to be {parameter.expected}; "
                    f"got {parameters[key]!r}"
                )
            chosen.append((key, value))
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "parameters", tuple(chosen))

    def __repr__(self) -> str:
        kind = FAULTS[self.name]
        given = [f", {key}={value!r}" for key, value in self.parameters if value != kind.parameters[key].default]
        return f"Fault({self.name!r}{''.join(given)})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """For Hypothesis and IPython, which would write the fields of a dataclass."""
        printer.text(repr(self))

    @property
    def kind(self) -> FaultKind:
        """Its row: verdict, reason, source."""
        return FAULTS[self.name]

    def number(self, key: str) -> int | float:
        """A parameter that is one number."""
        value = dict(self.parameters)[key]
        assert not isinstance(value, tuple)
        return value

    def offset(self, size: int) -> int:
        """Its position, as an offset in a body of `size` bytes."""
        return _offset(self.number("at"), size)

    def offsets(self, size: int) -> list[int]:
        """Its positions, as offsets within a body of `size` bytes: in order, each once."""
        value = dict(self.parameters)["at"]
        assert isinstance(value, tuple)
        return sorted({_offset(position, size) for position in value} - {0, size})


def _offset(position: float, size: int) -> int:
    """A position as an offset: a float is a fraction of `size`, an int an offset that stays within it."""
    return math.floor(position * size) if isinstance(position, float) else min(position, size)
