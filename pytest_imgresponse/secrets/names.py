"""Names beside which a secret stands, and what tells a secret from a word where the name does not.

A name is read as its words in lower case, joined by `_`: `X-Api-Key`, `xApiKey` and `x_api_key` are one. Three
kinds: a *certain* one (`api_key`, `password`) holds a secret whatever the value is; a *person's* (`user`, `tenant_id`)
holds the id of a person or an account, whatever it is; an *ambiguous* one (`key`, `code`, `token`, `cookie`) holds one
where the value looks like it. What a queue names a job by (`request_id`, `task_id`) is none of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache

from pytest_imgresponse.secrets.shapes import VENDORS, words


class Kind(Enum):
    """What a name says of its value."""

    CERTAIN = "certain"
    PERSON = "person"
    AMBIGUOUS = "ambiguous"


_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_MANY_DIGITS = re.compile(r"\d{2,}")
_LONGEST = 128


def _table(*rows: tuple[Kind | None, str]) -> dict[str, Kind | None]:
    """The kind of each name; a word with a blank in it stands for both spellings, `api_key` and `apikey`."""
    names: dict[str, Kind | None] = {}
    for kind, text in rows:
        for name in text.split():
            names[name.replace("~", "_")] = kind
            names[name.replace("~", "")] = kind
    return names


def _each(starts: str, ends: str) -> str:
    return " ".join(f"{word}~{end}" for word in starts.split() for end in ends.split())


# What a name ends in, in whole words; of two the longer counts. `~` stands for `_` or nothing.
_ENDS = _table(
    (
        Kind.CERTAIN,
        _each(
            "api access account private secret signing subscription shared encryption decryption fal auth master"
            " admin service service_role"
            " license licence ssh app application consumer webhook function functions session hmac wallet deploy"
            " user hf openai replicate stability ideogram bfl instrumentation",
            "key key~id keys",
        ),
    ),
    (
        Kind.CERTAIN,
        _each(
            "access api app application auth authentication authorization bearer bot csrf hf id jwt oauth oauth2"
            " refresh security session user"
            " xsrf sas personal device client push secret reset invite service deploy identity login registration"
            " web slack github gitlab"
            " edge cdn download delivery"
            " telegram discord replicate hub huggingface private account upload request~verification personal~access",
            "token",
        ),
    ),
    (
        Kind.CERTAIN,
        _each("api client app consumer shared webhook signing", "secret")
        + " secret~access~key access~key~id secret~id authorization authorisation password passwords passwd"
        " pass~phrase pass~code pass~wd pwd db_pass user_pass smtp_pass admin_pass secret secrets"
        " client_secret~value secret_hash jwt connection~string set~cookie set~cookies session~cookie sas sas~uri"
        " sas~url hmac api~auth api~key~auth private~key~pem secret~key~base csrfmiddlewaretoken authenticity~token"
        " basic~auth auth~data seed~phrase mnemonic otp mfa~code client~assertion code~verifier saml~response",
    ),
    (
        Kind.PERSON,
        _each("user organization organisation org project account tenant customer subscription workspace end~user team"
        " owner billing~account", "id uuid guid")
        + " user user~name username end~user email e~mail mail emails email~address safety~identifier session~id"
        " session~uuid sessionid"
        " openai_organization openai_organisation openai_project",
    ),
    (
        Kind.AMBIGUOUS,
        "key keys code sign session token signature signatures cookie cookies auth credential credentials creds"
        " bearer sid nonce cnonce sig signature~provided csrf xsrf"
        " authentication cert certificate ticket assertion dsn database~url database~uri webhook~url"
        " webhook~uri php~sessid j~sessionid",
    ),
    (None, "thought~signature"),  # what a model wants back of its thoughts
    # Counts, cursors and positions in the text of a model, and words that only end like one of the above.
    (None, _each("in out input output prompt completion max min total text image cached reasoning audio bos eos pad"
    " unk sep mask stop special start end"
                 " first last per next page continuation sync prev previous new top each n num", "token")),
    (None, _each("public partition sort foreign cache hot idempotency object sequence schema index bucket cloud"
    " music i18n translation group dict map", "key")),
    (None, _each("status error err exit return result response reason country language lang currency zip postal"
    " post area color colour hex source qr"
                 " bar promo coupon product region locale http sub failure finish state block stop", "code")),
    (None, _each("call zodiac star dollar plus stop road neon", "sign")),
)  # fmt: skip
# What is such a name alone, and part of an innocent one.
_ALONE = _table(
    (Kind.PERSON, "org organization organisation project account customer tenant"),
    (Kind.AMBIGUOUS, "sess pass pin pat hmac tokens license licence mac api connect_sid"),
)
# What signs a URL, of Azure, AWS, Google, CloudFront, Akamai, Alibaba, Tencent, Volcengine, Dropbox, Backblaze.
_SIGNATURES = re.compile(
    r"sig|skoid|sktid|hmac|policy|key_pair_id|(?:[a-z]+_)*access_?(?:key)?_?id|ossaccess_?key_?id|awsaccess_?key_?id|(?:[a-z]+_)*credential|q_ak"
    r"|q_signature|hdne?[at]s?|__token__|x_[a-z]+_(?:signature|security_token|credential)|x_signature|rlkey|auth_?key|tx_?secret|ws_?secret|signature"
)
_SIGNED_BY_VALUE = words(
    "s md5 md_5 hm verify oh esign e_sign vkey resourcekey secure hdntl acl_token acltoken mac tk tkn st h ok hash"
)
_RANDOM = re.compile(r"(?:\d{9,}~)?[\w-]{22,}={0,2}")
_WITHIN_PERSON = words(
    "id uuid guid name login handle display_name full_name first_name last_name nickname nick_name phone email"
)
_INNOCENT_WITHIN = words(
    "type kind scheme expires created updated format alg algorithm object enc encoding"
    " description title status state role scope scopes version"
    " method required enabled default location model url uri"
)
_INNOCENT_ENDS = words("type in at on")  # `token_type`, `expires_in`


@lru_cache(8192)
def words_of(name: str) -> str:
    """The words of a name in lower case, joined by `_`."""
    return name if name == "__token__" else "_".join(_WORDS.findall(name[-_LONGEST:])).lower()


def kind_of(name: str) -> Kind | None:
    """What a name says of its value, wherever it stands; None where it says nothing."""
    return _kind_of(_MANY_DIGITS.sub("00", name))


@lru_cache(8192)
def _kind_of(name: str) -> Kind | None:
    parts = words_of(name).split("_")
    if len(parts) > 1 and parts[-1].isdigit():
        parts.pop()  # `key1`
    whole = "_".join(parts)
    if whole in _ALONE:
        return _ALONE[whole]
    for start in range(max(0, len(parts) - 4), len(parts)):
        end = "_".join(parts[start:])
        if end in _ENDS:
            return _ENDS[end]
    return Kind.AMBIGUOUS if not VENDORS.isdisjoint(parts) else None


def kind_in_url(name: str) -> Kind | None:
    """What a name says of its value in the query of a URL, where signatures have names of their own."""
    return _kind_in_url(_MANY_DIGITS.sub("00", name))


@lru_cache(8192)
def _kind_in_url(name: str) -> Kind | None:
    joined = words_of(name)
    if _SIGNATURES.fullmatch(joined):
        return Kind.CERTAIN
    return _kind_of(name) or (Kind.AMBIGUOUS if joined in _SIGNED_BY_VALUE else None)


def signs_by_value(name: str) -> bool:
    """Whether a name of a query is so short or plain that only a long random value beside it is a signature."""
    return words_of(name) in _SIGNED_BY_VALUE


def signs(name: str, value: str) -> bool:
    """Whether a value beside such a name is a signature. That of `hash` is longer than a file's MD5 or SHA-1."""
    if len(value) < 16 or value.isdigit() or not looks_secret(value):
        return False
    joined = words_of(name)
    if joined in ("tk", "tkn", "st", "h", "ok", "hash"):
        return _RANDOM.fullmatch(value) is not None and (joined != "hash" or len(value) > 40)
    return True


def innocent_within(name: str) -> bool:
    """Whether a value within an object of secrets is none by its own name, such as a `type`."""
    joined = words_of(name)
    return joined in _INNOCENT_WITHIN or ("_" in joined and joined.rpartition("_")[2] in _INNOCENT_ENDS)


def names_a_person(name: str) -> bool:
    """Whether a name within an object such as `user` is one of a person's."""
    return words_of(name) in _WITHIN_PERSON


_MOST_KNOWN = 4096


class Names:
    """The kinds of names, with what a user adds (`names`, always certain) and what a user keeps (`keep_names`)."""

    def __init__(self, names: Iterable[str] = (), keep_names: Iterable[str] = ()) -> None:
        self._added = frozenset(map(_folded, names))
        self._kept = frozenset(map(_folded, keep_names))
        self._kinds: dict[str, Kind | None] = {}  # of names that texts held
        self._kinds_in_url: dict[str, Kind | None] = {}

    def kind(self, name: str, *, in_url: bool = False) -> Kind | None:
        """What a name says of its value. Of a form's `auth[token]` and of XML's `a:token` the last part counts."""
        known = self._kinds_in_url if in_url else self._kinds
        if name not in known:
            if len(known) >= _MOST_KNOWN:
                known.clear()
            known[name] = self._kind(name, in_url)
        return known[name]

    def _kind(self, name: str, in_url: bool) -> Kind | None:
        if self._added or self._kept:
            folded = _folded(name)
            if folded in self._kept:
                return None
            if folded in self._added:
                return Kind.CERTAIN
        of = kind_in_url if in_url else kind_of
        kind = of(name)
        if kind is None and ("[" in name or ":" in name or "." in name):
            parts = [part for part in re.split(r"[\[\]:.]+", name) if part]
            if len(parts) > 1:
                return self.kind(parts[-1], in_url=in_url)
        return kind

    def kept(self, name: str) -> bool:
        """Whether a user said that what stands under this name is no secret."""
        return bool(self._kept) and _folded(name) in self._kept


def _folded(name: str) -> str:
    return name.strip().casefold().replace("-", "_")


_SPACE = re.compile(r"\s")
_TELLING = re.compile(r"\d|[A-Za-z]{10}")  # without one of these nothing is drawn at random
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_PIECES = re.compile(r"[A-Za-z0-9]+")
_CHANGES = re.compile(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])|(?<=[a-z])(?=[A-Z])")
_WORD = r"(?:[a-z]{1,14}|[A-Z][a-z]{1,14}|[A-Z]{1,6})"
_SIZED = re.compile(
    rf"\d+(?:x|px|k|p|mm|st|nd|rd|th|s|m|h|d|X|K|D)\d*|[vV]\d+|{_WORD}\d{{1,4}}|\d{{1,4}}{_WORD}|[A-Z]+\d{{1,6}}|\d{{4}}T\d{{6}}Z?"
)
_FILE = re.compile(
    r"[\w./ -]+\.(?:png|jpe?g|webp|gif|svg|avif|mp4|json|txt|pdf|py|js|html?|css|safetensors|ckpt)", re.IGNORECASE
)
_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")


def looks_secret(value: str) -> bool:
    """Whether a value looks drawn at random, or like an id: no text, size, date or name of a file."""
    value = value[:_LONGEST].strip()
    if len(value) < 8 or not value.isascii() or "://" in value or _SPACE.search(value) or not _TELLING.search(value):
        return False
    if _UUID.search(value):
        return True
    if _FILE.fullmatch(value):
        return False
    return any(_random(piece) for piece in _PIECES.findall(value)) or _by_separators(value)


def _random(piece: str) -> bool:
    """Whether a run of letters and digits is no word, number or size."""
    if _SIZED.fullmatch(piece) and len(piece) < 24:
        return False
    digits = sum(map(str.isdigit, piece))
    if digits == len(piece):  # but for a date
        return digits >= 9 or (digits == 8 and piece[:2] not in ("19", "20"))
    changes = len(_CHANGES.findall(piece))
    if digits == 0:  # mixed case as no word has it, or longer than a word
        return (
            len(piece) >= 10
            and changes >= 3
            and not re.fullmatch(r"[A-Za-z]?(?:[a-z]{2,}|(?:[A-Z][a-z]+))(?:[A-Z][a-z]+)*", piece)
        ) or (len(piece) >= 32)
    if len(piece) >= 8 and _HEX.fullmatch(piece):
        return changes >= 2 or len(piece) >= 12
    if digits >= 8:
        return True
    return changes >= (2 if len(piece) >= 12 else 3) if len(piece) >= 6 else False


def _by_separators(value: str) -> bool:
    """Whether long and made of short runs between the signs of base64, as `aB+c/9d=`."""
    signs = sum(value.count(sign) for sign in "+/=~")
    return (
        len(value) >= 20
        and signs >= 2
        and any(map(str.isdigit, value))
        and any(map(str.isupper, value))
        and "." not in value
    )


def is_trivial(value: str) -> bool:
    """Whether a value says that there is none, or is one that everybody has."""
    return len(value) < 40 and value.strip().lower() in _TRIVIAL


_TRIVIAL = frozenset(
    ("", "null", "none", "undefined", "true", "false", "nil", "n/a", "na", "-", "*", "yes", "no", "bearer", "basic",
     "token", "string", "anonymous", "required", "optional", "default", "auto", "public", "private", "ok", "redacted")
)  # fmt: skip
