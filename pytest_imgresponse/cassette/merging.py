"""Merging: what is on the disk and what a session recorded become one cassette. Pure: no disk, no lock."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pytest_imgresponse.cassette.interaction import Interaction, Request, Response
from pytest_imgresponse.exchanges import Exchange
from pytest_imgresponse.http import HTTPRequest


@dataclass(eq=False)
class Ticket:
    """One request, in the order of asking, and what became of it."""

    asked: HTTPRequest
    key: str
    """Equal for requests that match."""
    clean: Request | None = None
    """The request as it is recorded; None where it is played."""
    played: Interaction | None = None
    replaces: Interaction | None = None
    """What the answer is recorded in the place of."""
    recorded: Interaction | None = None
    saved: bool = False
    exchange: Exchange | None = None
    """The request and its answer, once it has one."""


def merge(
    disk: Sequence[Interaction],
    tickets: Sequence[Ticket],
    key_of: Callable[[Interaction], str],
    held_back: Sequence[Interaction] = (),
) -> list[Interaction]:
    """What is on the disk and what the tickets recorded, each answer in its place.

    The place of the n-th answer to a request is that of the n-th on the disk, be it older or another worker's;
    where there is none, it comes behind, in the order of asking. `key_of` gives the key of an interaction on the
    disk, equal to that of the tickets that match it. What of `held_back` is not on
    the disk comes after what is.
    """
    result = _without_moved(disk, [ticket for ticket in tickets if ticket.recorded is not None])
    held = {interaction.digest for interaction in result}
    result += [interaction for interaction in held_back if interaction.digest not in held]
    places: dict[str, list[int]] = defaultdict(list)
    for place, interaction in enumerate(result):
        places[key_of(interaction)].append(place)
    behind: list[Interaction] = []
    answers: Counter[str] = Counter()
    for ticket in tickets:
        if ticket.recorded is not None:
            number, taken = answers[ticket.key], places[ticket.key]
            if number < len(taken):
                result[taken[number]] = ticket.recorded
            else:
                behind.append(ticket.recorded)
        answers[ticket.key] += ticket.recorded is not None or ticket.played is not None
    return result + behind


def _without_moved(disk: Sequence[Interaction], recorded: Sequence[Ticket]) -> list[Interaction]:
    """The disk without answers that this session saved before one to an earlier request; they are merged in anew."""
    late = next((number for number, ticket in enumerate(recorded) if not ticket.saved), len(recorded))
    moved = {t.recorded.digest for t in recorded[late:] if t.saved and t.recorded is not None}
    return [interaction for interaction in disk if interaction.digest not in moved]


def still_held_back(old: Iterable[Interaction], digests: set[str], tickets: Iterable[Ticket]) -> list[Interaction]:
    """The old successes that were held back, by their digests, and that nothing has replaced since."""
    replaced = {t.replaces.digest for t in tickets if t.recorded is not None and t.replaces is not None}
    return [interaction for interaction in old if interaction.digest in digests - replaced]


def are_only_errors(recorded: Iterable[Ticket], old: Iterable[Interaction]) -> bool:
    """Whether nothing was recorded but errors that replace nothing, where the old cassette holds a success."""
    return any(not failed(interaction.response) for interaction in old) and all(
        t.recorded is not None and failed(t.recorded.response) and t.replaces is None for t in recorded
    )


def failed(response: Response) -> bool:
    """Whether a response is an error."""
    return response.status >= 400
