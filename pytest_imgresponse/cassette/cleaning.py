"""Cleaning: the exchanges of one cassette, redacted in the order in which they were said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from pytest_imgresponse._config import MATCHERS, Settings, header_of
from pytest_imgresponse.cassette.interaction import Interaction, Request, Response
from pytest_imgresponse.cassette.matching import Likeness
from pytest_imgresponse.cassette.merging import with_needed_tags
from pytest_imgresponse.cassette.placeholders import Placeholders, tags_in
from pytest_imgresponse.cassette.redaction import Redactor


class Cleaning:
    """Redacts what a cassette holds and what is added to it, a value that was found once in all that follows."""

    def __init__(self, settings: Settings) -> None:
        self._match_on = settings.match_on
        kept = [
            *settings.keep_headers,
            *(header_of(m) for m in settings.match_on if isinstance(m, str) and m not in MATCHERS),
        ]
        rules = settings.redact_names, settings.redact_values
        self._redactor = Redactor(*rules, settings.before_save, keep_names=settings.keep_names, keep_headers=kept)
        self._plain = Redactor(*rules, keep_names=settings.keep_names, keep_headers=kept)
        self._placeholders = Placeholders()
        self._known: dict[str, Interaction] = {}  # by the digest of what is on the disk, as we would save it
        # The same before `before_save` has seen the answers, which a replay does not need.
        self._compared = {} if settings.before_save is not None else self._known
        self._tagged: set[str] = set()  # on the disk
        self._own: set[str] = set()
        self._likeness: dict[str, Likeness] = {}

    def request(self, request: Request) -> Request:
        """A request that was asked, as it is compared: with the tags of its values."""
        clean = self._redactor.request(request, self._placeholders)
        self._placeholders.heard(clean.url, clean.body.text)
        return clean

    def interaction(
        self,
        request: Request,
        response: Response,
        key: str,
        number: int,
        *,
        recorded: bool = False,
        plainly: bool = False,
    ) -> Interaction:
        """A request from `request()` and its answer, which is that of this number to the requests with this key.

        `recorded` says that the answer comes from the disk; `plainly` leaves `before_save` out. Raises `ConfigError`
        where that raises.
        """
        redactor, known = self._plain if plainly else self._redactor, self._placeholders
        before = len(known)
        answer = redactor.response(response, known, known.of_server(key, number, recorded=recorded))
        if len(known) != before:  # what the answer names, the request may have said
            request = redactor.swept(request, known)
        return Interaction(request, answer)

    def stored(self, interactions: Iterable[Interaction], *, saving: bool = False) -> list[Interaction]:
        """The interactions of a cassette with their requests as they are compared.

        With `saving` also with their answers as we would save them: plain vcrpy, or laxer rules, may have written them.
        Raises `ConfigError` where `before_save` does.
        """
        known = self._known if saving else self._compared
        numbers: Counter[str] = Counter()
        clean = []
        for interaction in interactions:
            if interaction.digest not in known:
                self._clean(interaction, numbers, known)
            clean.append(found := known[interaction.digest])
            numbers[self.likeness_of(found).key] += 1
        return with_needed_tags(clean, self.likeness_of, self._stays_beside(clean))

    def _clean(self, interaction: Interaction, numbers: Counter[str], known: dict[str, Interaction]) -> None:
        request = self.request(interaction.request)
        likeness = Likeness.of(request, self._match_on)
        clean = self.interaction(
            request,
            interaction.response,
            likeness.key,
            numbers[likeness.key],
            recorded=True,
            plainly=known is self._compared,
        )
        known[interaction.digest] = known[clean.digest] = clean
        if clean.request is request:
            self._likeness[clean.digest] = likeness
        texts = (interaction.request.url, interaction.request.body.text, interaction.response.body.text)
        if any(tag for text in texts for tag in tags_in(text)):
            self._tagged.add(clean.digest)

    def is_tagged(self, interaction: Interaction) -> bool:
        """Whether an interaction from `stored` has tags that it keeps: on the disk, or to tell it from a bare one."""
        return interaction.digest in self._tagged or (
            interaction.digest not in self._own and any(self.likeness_of(interaction).tags)
        )

    def _stays_beside(self, clean: list[Interaction]) -> Callable[[Interaction], bool]:
        likenesses = [self.likeness_of(interaction) for interaction in clean]
        bare = {likeness.key for likeness in likenesses if likeness.tags and not any(likeness.tags)}
        return lambda one: one.digest in self._tagged | self._own or self.likeness_of(one).key in bare

    def saved(self, stored: Interaction, recorded: Interaction) -> None:
        """Know what was recorded by how it stands on the disk, where it may have no tags."""
        self._known[stored.digest] = self._known[recorded.digest] = recorded
        self._own.add(recorded.digest)

    def likeness_of(self, interaction: Interaction) -> Likeness:
        """What an interaction's request is compared by."""
        digest = interaction.digest
        if digest not in self._likeness:
            self._likeness[digest] = Likeness.of(interaction.request, self._match_on)
        return self._likeness[digest]
