"""Merging: what is on the disk and what a session recorded become one cassette. Pure: no disk, no lock."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from pytest_imgresponse.cassette.interaction import Interaction, Request, Response
from pytest_imgresponse.cassette.matching import Likeness
from pytest_imgresponse.cassette.payloads import Body
from pytest_imgresponse.cassette.placeholders import tags_in, without_tags
from pytest_imgresponse.exchanges import Exchange
from pytest_imgresponse.http import HTTPRequest


@dataclass(eq=False)
class Ticket:
    """One request, in the order of asking, and what became of it."""

    asked: HTTPRequest
    clean: Request
    """The request as it is compared, its tags in the text."""
    likeness: Likeness
    played: Interaction | None = None
    replaces: Interaction | None = None
    """What the answer is recorded in the place of."""
    sent: Response | None = None
    """The answer that is to be recorded, as it came."""
    recorded: Interaction | None = None
    """What is recorded, its tags in the text."""
    saved: Interaction | None = None
    """What of it is on the disk."""
    exchange: Exchange | None = None
    """The request and its answer, once it has one."""


def merge(
    disk: Sequence[Interaction],
    tickets: Sequence[Ticket],
    likeness_of: Callable[[Interaction], Likeness],
    held_back: Sequence[Interaction] = (),
) -> list[Interaction | Ticket]:
    """What is on the disk and the tickets with an answer to record, each in its place.

    The place of the n-th answer to a request is that of the n-th on the disk, be it older or another worker's;
    where there is none, it comes behind, in the order of asking. What of `held_back` is not on the disk comes after
    what is.
    """
    kept = _without_moved(disk, [ticket for ticket in tickets if ticket.sent is not None])
    held = {interaction.digest for interaction in kept}
    kept += [interaction for interaction in held_back if interaction.digest not in held]
    places: dict[str, deque[tuple[int, Likeness]]] = defaultdict(deque)
    for place, interaction in enumerate(kept):
        likeness = likeness_of(interaction)
        places[likeness.key].append((place, likeness))
    result: list[Interaction | Ticket] = [*kept]
    for ticket in tickets:
        if ticket.sent is None and ticket.played is None:
            continue
        left = places[ticket.likeness.key]
        found = next((place for place in left if place[1].fits(ticket.likeness)), None)
        if found is not None:
            left.remove(found)
        if ticket.sent is None:
            continue
        if found is not None:
            result[found[0]] = ticket
        else:
            result.append(ticket)
    return result


def _without_moved(disk: Sequence[Interaction], recorded: Sequence[Ticket]) -> list[Interaction]:
    """The disk without answers that this session saved before one to an earlier request; they are merged in anew."""
    late = next((number for number, ticket in enumerate(recorded) if ticket.saved is None), len(recorded))
    moved = {ticket.saved.digest for ticket in recorded[late:] if ticket.saved is not None}
    return [interaction for interaction in disk if interaction.digest not in moved]


def with_needed_tags(
    interactions: Sequence[Interaction],
    likeness_of: Callable[[Interaction], Likeness],
    stays: Callable[[Interaction], bool],
) -> list[Interaction]:
    """The interactions with tags only where they are needed to tell values apart.

    In requests that is where such as are equal but for them differ in them; in answers, which a client may follow, it
    is where those of the cassette repeat more than one value of the client. `stays` says of one that its tags stay,
    and with them those of the requests that equal it.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for place, interaction in enumerate(interactions):
        likeness = likeness_of(interaction)
        if likeness.tags:
            groups[likeness.key].append(place)
    result = list(interactions)
    for places in groups.values():
        tags = {likeness_of(result[place]).tags for place in places}
        if len({each for each in tags if any(each)}) > 1 or (len(places) > 1 and any(stays(result[p]) for p in places)):
            continue
        for place in places:
            if not stays(result[place]):
                result[place] = replace(result[place], request=untagged(result[place].request))
    told = {tag for interaction in interactions for tag in tags_in(_told(interaction.response)) if tag}
    if len(told) == 1:
        result = [
            interaction if stays(interaction) else replace(interaction, response=untagged_answer(interaction.response))
            for interaction in result
        ]
    return result


def _told(response: Response) -> str:
    """What of an answer may have tags, as one text."""
    return "\n".join((response.body.text, response.reason, *(value for _, value in response.headers)))


def untagged_answer(response: Response) -> Response:
    """The answer without its tags, and with the length that it has then."""
    if not any(tags_in(_told(response))):
        return response
    body = Body(without_tags(response.body.text), response.body.files)
    length = str(len(body.content())) if body.text != response.body.text else None
    headers = tuple(
        (name, length if length is not None and name.lower() == "content-length" else without_tags(value))
        for name, value in response.headers
    )
    return replace(response, reason=without_tags(response.reason), headers=headers, body=body)


def untagged(request: Request) -> Request:
    """The request without its tags."""
    body = request.body
    return replace(
        request,
        url=without_tags(request.url),
        headers=tuple((name, without_tags(value)) for name, value in request.headers),
        body=Body(without_tags(body.text), body.files),
    )


def still_held_back(old: Iterable[Interaction], digests: set[str], tickets: Iterable[Ticket]) -> list[Interaction]:
    """The old successes that were held back, by their digests, and that nothing has replaced since."""
    replaced = {t.replaces.digest for t in tickets if t.sent is not None and t.replaces is not None}
    return [interaction for interaction in old if interaction.digest in digests - replaced]


def are_only_errors(recorded: Iterable[Ticket], old: Iterable[Interaction]) -> bool:
    """Whether nothing was recorded but errors that replace nothing, where the old cassette holds a success."""
    return any(not failed(interaction.response) for interaction in old) and all(
        t.sent is not None and failed(t.sent) and t.replaces is None for t in recorded
    )


def failed(response: Response) -> bool:
    """Whether a response is an error."""
    return response.status >= 400
