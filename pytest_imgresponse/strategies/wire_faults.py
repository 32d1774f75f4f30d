"""What can happen to an answer on the wire: `wire_faults`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from pytest_imgresponse.faults import FAULT_VERDICTS, FAULTS, LONGEST, Fault, FaultVerdict, Parameter
from pytest_imgresponse.strategies.picture_files import require_one_of

# An answer can be cut anywhere, as a fraction of its length; or near its beginning, where the start of its JSON, an
# event's name and the first bytes of a picture are.
_fractions = st.floats(0.0, 1.0)
_offsets = st.integers(0, 4096)


@st.composite
def wire_faults(
    draw: st.DrawFn, *, name: str | None = None, verdict: FaultVerdict | None = None, longest: float = 0.05
) -> Fault:
    """Generates wire faults, for `LocalEndpoint.answer(response, fault=…)`: which one, and its parameters.

    Where an answer is cut, split or stalled is drawn as a fraction of its body or as an offset in bytes. `name` fixes
    the fault, one of `FAULTS`; `verdict` is `valid` (the whole content arrives) or `invalid` (it does not). No fault
    that is drawn waits longer than `longest` seconds, at most 300.

    Shrinks to `Fault("kept_open")`, an answer that arrives whole over a connection that stays open; with the verdict
    `invalid`, to a connection that is closed before the first byte of the answer.
    """
    if name is not None:
        require_one_of("name", name, FAULTS)
    if verdict is not None:
        require_one_of("verdict", verdict, FAULT_VERDICTS)
    if isinstance(longest, bool) or not isinstance(longest, int | float) or not 0 <= longest <= LONGEST:
        raise InvalidArgument(f"expected longest to be seconds from 0 to {LONGEST:g}; got longest={longest!r}")
    kinds = [kind for kind in FAULTS.values() if name in (None, kind.name) and verdict in (None, kind.verdict)]
    if not kinds:
        raise InvalidArgument(f"{name} is {FAULTS[str(name)].verdict}; got name={name!r}, verdict={verdict!r}")
    chosen = draw(st.sampled_from(kinds))
    values = {key: draw(_values(parameter, longest)) for key, parameter in chosen.parameters.items()}
    return Fault(chosen.name, **values)


def _values(parameter: Parameter, longest: float) -> st.SearchStrategy[Any]:
    """The values of a parameter. Positions shrink to the default, seconds and counts to the least."""
    if parameter.kind == "seconds":
        return st.floats(0.0, float(longest))
    if parameter.kind == "count":
        return st.integers(parameter.low, min(parameter.high, 4096))
    position = st.one_of(_fractions, _offsets)
    if parameter.kind == "position":
        return st.one_of(st.just(parameter.default), position)
    return st.one_of(st.just(parameter.default), st.lists(position, min_size=1, max_size=8).map(tuple))
