"""Merging, without a disk: what a cassette holds after a session has recorded into it."""

from __future__ import annotations

import pytest

from pytest_imgresponse import HTTPRequest
from pytest_imgresponse.cassette.interaction import Interaction, Request, Response
from pytest_imgresponse.cassette.matching import Likeness
from pytest_imgresponse.cassette.merging import Ticket, are_only_errors, merge, still_held_back, with_needed_tags
from pytest_imgresponse.cassette.payloads import Body


def told(text: str) -> Interaction:
    """An answer by a short name: `a1` is one to the request `a`; `a!` is an error."""
    return Interaction(
        Request("GET", f"http://x/{text[0]}"), Response(500 if "!" in text else 200, "", (), Body(text[1:]))
    )


def likeness_of(interaction: Interaction) -> Likeness:
    return Likeness(interaction.request.url[-1])


def names(interactions: list[Interaction | Ticket]) -> str:
    """The short names; a ticket is that of its answer."""
    told = [each.sent.body.text if isinstance(each, Ticket) else each.response.body.text for each in interactions]
    keys = [each.likeness.key if isinstance(each, Ticket) else likeness_of(each).key for each in interactions]
    return " ".join(key + text for key, text in zip(keys, told, strict=True))


def ticket(text: str, **facts) -> Ticket:
    """`a1` was recorded, `a1+` was recorded and saved, `a1=` was played, `a` has no answer yet."""
    asked = HTTPRequest("GET", f"http://x/{text[0]}")
    made = Ticket(asked, Request.of(asked), Likeness(text[0]), **facts)
    if text.endswith("="):
        made.played = told(text[:-1])
    elif len(text) > 1:
        answer = told(text.rstrip("+"))
        made.sent, made.saved = answer.response, answer if text.endswith("+") else None
    return made


def merged(disk: str, tickets: str, held_back: str = "") -> str:
    asked = [ticket(text) for text in tickets.split()]
    return names(merge(list(map(told, disk.split())), asked, likeness_of, list(map(told, held_back.split()))))


@pytest.mark.parametrize(
    ("disk", "tickets", "expected"),
    [
        ("", "", ""),
        ("a1 b1", "", "a1 b1"),
        # an answer takes the place of the old one to its request, and the others stay
        ("a1 b1 c1", "b2", "a1 b2 c1"),
        ("a1 b1", "b2 a2", "a2 b2"),
        # the n-th answer to a request that of the n-th
        ("a1 b1 a2", "a3 a4", "a3 b1 a4"),
        ("a1 b1 a2", "a3", "a3 b1 a2"),
        # what has no place comes behind, in the order of asking
        ("a1", "c1 b1", "a1 c1 b1"),
        ("a1 b1", "a2 a3 c1", "a2 b1 a3 c1"),
        # what was played counts as an answer, and stays
        ("a1 b1", "a1= a2", "a1 b1 a2"),
        ("a1 a2", "a1= a3", "a1 a3"),
        # what has no answer yet takes no place
        ("a1", "a a2", "a2"),
        ("", "a b1", "b1"),
        # another worker's, saved meanwhile, are like older ones
        ("a1 c1 b1", "b2 d1", "a1 c1 b2 d1"),
        # what was saved stays where it is
        ("b1 a1", "a1+ b1+ c1", "b1 a1 c1"),
        # but for what was saved before the answer to an earlier request came
        ("b1", "a1 b1+", "a1 b1"),
        ("x1 b1", "a1 b1+ c1+", "x1 a1 b1 c1"),
        ("x1 b1 y1", "a1 b1+", "x1 y1 a1 b1"),
    ],
)
def test_each_answer_is_in_its_place(disk, tickets, expected):
    assert merged(disk, tickets) == expected


@pytest.mark.parametrize(
    ("disk", "tickets", "held_back", "expected"),
    [
        ("b1", "", "a1", "b1 a1"),
        ("b1 a1", "", "a1", "b1 a1"),
        ("b1", "c1 b2", "a1", "b2 a1 c1"),
    ],
)
def test_what_was_held_back_is_there_once(disk, tickets, held_back, expected):
    assert merged(disk, tickets, held_back) == expected


def test_what_goes_in_is_left_as_it_was():
    disk, asked = [told("a1")], [ticket("a2"), ticket("b1")]
    merge(disk, asked, likeness_of)
    assert names(disk) == "a1"
    assert [one.saved for one in asked] == [None, None]


def test_a_success_is_held_back_until_something_replaces_it():
    old = [told("a1"), told("b1"), told("c1")]
    digests = {old[0].digest, old[1].digest}
    assert names(still_held_back(old, digests, [])) == "a1 b1"
    assert names(still_held_back(old, digests, [ticket("a", replaces=old[0])])) == "a1 b1"
    assert names(still_held_back(old, digests, [ticket("a2", replaces=old[0])])) == "b1"


@pytest.mark.parametrize(
    ("recorded", "old", "expected"),
    [
        ("a!", "b1", True),
        ("a! c!", "b1 b!", True),
        ("a! c1", "b1", False),
        ("a1", "b1", False),
        ("a!", "b!", False),
        ("a!", "", False),
    ],
)
def test_errors_alone_do_not_start_a_cassette_with_a_success_afresh(recorded, old, expected):
    assert are_only_errors(list(map(ticket, recorded.split())), list(map(told, old.split()))) is expected


def test_an_error_that_replaces_an_error_does():
    assert not are_only_errors([ticket("a!", replaces=told("a!"))], [told("b1")])


def keyed(*tags: str) -> list[Interaction]:
    """Requests that are equal but for a redacted value, by its tag; `-` where it has none."""
    urls = [f"http://x/?key=REDACTED{'' if tag == '-' else f'-{tag}'}" for tag in tags]
    return [Interaction(Request("GET", url), Response(200, "", (), Body(str(n)))) for n, url in enumerate(urls)]


@pytest.mark.parametrize(
    ("tags", "on_the_disk", "expected"),
    [
        ("", "", ""),
        ("aaaa", "", "-"),
        ("aaaa aaaa", "", "- -"),
        ("aaaa bbbb aaaa", "", "aaaa bbbb aaaa"),
        ("- aaaa", "", "- -"),
        ("- aaaa bbbb", "", "- aaaa bbbb"),
        ("aaaa", "0", "aaaa"),
        ("aaaa aaaa", "0", "aaaa aaaa"),
    ],
)
def test_tags_stand_where_equal_requests_differ_in_them(tags, on_the_disk, expected):
    interactions = keyed(*tags.split())
    known = [interactions[int(n)] for n in on_the_disk.split()]
    written = with_needed_tags(interactions, lambda one: Likeness.of(one.request), lambda one: one in known)
    assert [one.request for one in written] == [one.request for one in keyed(*expected.split())]


def test_an_answer_does_not_take_the_place_of_one_to_another_value():
    disk = keyed("aaaa", "bbbb")
    asked = HTTPRequest("GET", "http://x/")
    ticket = Ticket(asked, disk[1].request, Likeness.of(disk[1].request), sent=disk[1].response)
    assert merge(disk, [ticket], lambda one: Likeness.of(one.request)) == [disk[0], ticket]


def test_the_tags_of_answers_stay_where_they_repeat_more_than_one_value():
    def answered(*texts: str) -> list[Interaction]:
        return [Interaction(Request("GET", f"http://x/{n}"), Response(200, "", (("Content-Length", "13"),), Body(text))) for n, text in enumerate(texts)]  # fmt: skip

    def told(*texts: str) -> list[str]:
        written = with_needed_tags(answered(*texts), lambda one: Likeness.of(one.request), lambda one: False)
        return [f"{one.response.body.text} {one.response.headers[0][1]}" for one in written]

    assert told("REDACTED-aaaa", "a fox", "REDACTED-aaaa") == ["REDACTED 8", "a fox 13", "REDACTED 8"]
    assert told("REDACTED-aaaa", "REDACTED-bbbb") == ["REDACTED-aaaa 13", "REDACTED-bbbb 13"]
