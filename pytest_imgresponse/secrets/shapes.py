"""Keys that are known by their shape, wherever they stand.

Prefixes and lengths are those of the rules of gitleaks (`config/gitleaks.toml`, commit 009e025, 2025) and of the
plugins of detect-secrets 1.5.0 (2024), and for the services that make pictures, those of their own documents.
Where those rules find a key of no shape by the name of its vendor, `VENDORS` has the name. Each shape is tried where
one of its needles occurs in a long run of characters: a text without such a run is looked at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple


class Shape(NamedTuple):
    """A shape: what a text with it holds, in lower case, and the pattern. A group `v`, if any, is the value."""

    needles: tuple[str, ...]
    pattern: str


_B, _E = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


def _shapes(*rows: tuple[str, str]) -> tuple[Shape, ...]:
    return tuple(Shape(tuple(needles.split()), _B + pattern) for needles, pattern in rows)


SHAPES = _shapes(
    # --- services that make pictures or host the models that do, as their documents give the form
    ("sk-", r"sk-(?!redacted\b)(?=[\w-]*\d)[\w-]{16,}"),  # OpenAI, Anthropic, Stability, OpenRouter; see `_MASKED`
    ("org- proj_ req_", r"(?:org-|proj_|req_)(?!redacted\b)(?:(?=[A-Za-z]*\d)[A-Za-z0-9]{8,}|[A-Za-z]{20,})"),
    ("user sess", r"(?:user|sess)[-_](?=[A-Za-z]*\d)[A-Za-z0-9]{12,}"),
    ("hf_ r8_ gsk_ fw_ xai- csk- rpa_ e2b_ api_org_",
     r"(?:(?:hf|r8|gsk|fw|rpa|e2b|api_org)_|(?:xai|csk)-)[A-Za-z0-9]{20,}"),
    ("nvapi- tgp_v1_ luma- pcsk_ lsv2_ sbp_ sb_secret_ pplx-",
     r"(?:nvapi-|tgp_v1_|luma-|pcsk_|lsv2_|sbp_|sb_secret_|pplx-)(?=[\w-]*\d)[\w-]{20,}"),
    ("figd_ jina_ tvly- vck_ phx_ ory_st_ ory_at_ ory_pat_ ory_ac_ cfut_ cfat_ rnd_",
     r"(?:figd_|jina_|tvly-|vck_|phx_|ory_(?:st|at|pat|ac)_|cf[ua]t_|rnd_)(?=[\w-]*\d)[\w-]{20,}"),
    ("pa-", r"pa-(?=[\w-]*\d)[\w-]{43}(?![\w-])"),  # Voyage
    ("sg_", rf"SG_[0-9a-f]{{16}}{_E}"),  # Segmind
    ("key_ sk_", r"(?:key|sk)_[0-9a-f]{48,}"),  # Runway, ElevenLabs
    (":", rf"{_UUID}:[0-9a-f]{{32}}{_E}"),  # fal
    ("aiza", r"AIza[\w-]{30,}"),
    ("ya29.", r"ya29\.[\w.-]{16,}"),
    ("gocspx-", r"GOCSPX-[\w-]{20,}"),
    ("aq.ab", r"AQ\.Ab[\w-]{30,}"),
    # --- tokens with a signature
    ("eyj", r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),
    ("zxlk", r"ZXlK[A-Za-z0-9+/_-]{60,}={0,2}"),
    ("eyjrijoi", r"(?i:eyJrIjoi)[A-Za-z0-9]{60,}={0,3}"),
    # --- clouds
    ("akia asia abia acca a3t", rf"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{{16}}{_E}"),
    ("ltai", rf"LTAI[A-Za-z0-9]{{17,21}}{_E}"),
    ("akid", rf"AKID[A-Za-z0-9]{{32}}{_E}"),
    ("q~", r"(?<![\w.~-])[\w.~]{3}\dQ~[\w.~-]{31,34}"),
    ("doo_v1_ dop_v1_ dor_v1_", r"do[opr]_v1_[a-f0-9]{64}"),
    ("dapi", rf"dapi[a-f0-9]{{32}}(?:-\d)?{_E}"),
    ("v1.0-", r"v1\.0-[a-f0-9]{24}-[a-f0-9]{100,}"),
    ("fo1_ fm1 fm2_", r"(?:fo1_[\w-]{40,}|fm(?:1[ar]|2)_[A-Za-z0-9+/]{60,}={0,3})"),
    ("hrku-", r"HRKU-[\w-]{30,}"),
    ("t1. aqvn yc", rf"(?:t1\.[\w-]+={{0,2}}\.[\w-]{{86}}={{0,2}}|AQVN[\w-]{{35,38}}|YC[\w-]{{38}}){_E}"),
    ("hvs. hvb. s.", rf"(?:hvs\.[\w-]{{80,}}|hvb\.[\w-]{{100,}}|(?<![\w.])s\.(?=[A-Za-z]*\d)[A-Za-z0-9]{{24}}){_E}"),
    ("atlasv1", r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,}"),
    ("pul- tk-us- ico-", rf"(?:pul-[a-f0-9]{{40}}|tk-us-[\w-]{{48}}|ico-[A-Za-z0-9]{{32}}){_E}"),
    ("sha256~", r"sha256~[\w-]{43}"),
    ("4b1d", rf"4b1d[A-Za-z0-9]{{38}}{_E}"),
    ("pscale_", r"pscale_(?:tkn|oauth|pw)_[\w=.-]{32,}"),
    ("dt0c01.", r"dt0c01\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{64}"),
    # --- places that keep code, packages and documents
    ("ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{30,}"),
    ("github_pat_", r"github_pat_\w{22,}"),
    ("glpat- gldt- glcbt- glffct- glft- glimt- glagent- gloas- glptt- glrt- glsoat- glrtr-",
     r"gl(?:pat|dt|cbt|ffct|ft|imt|agent|oas|ptt|rtr|rt|soat)-[\w-]{20,}(?:\.[0-9a-z]{2,}){0,3}"),
    ("gr1348941", r"GR1348941[\w-]{20}"),
    ("_gitlab_session=", r"_gitlab_session=(?P<v>[0-9a-z]{32})"),
    ("atatt3 atctt3 atbb", r"(?:ATATT3|ATCTT3|ATBB)[\w=-]{28,}"),
    ("npm_", rf"npm_[A-Za-z0-9]{{36}}{_E}"),
    ("pypi-age", r"pypi-AgE[\w-]{50,}"),
    ("rubygems_", r"rubygems_[a-f0-9]{48}"),
    ("clojars_", r"(?i:CLOJARS_)[A-Za-z0-9]{60}"),
    ("akcp cmvmd", rf"(?:AKCp[A-Za-z0-9]{{60,}}|cmVmd[A-Za-z0-9]{{59}}){_E}"),
    ("sgp_", r"sgp_(?:(?:[a-fA-F0-9]{16}|local)_)?[a-fA-F0-9]{40}"),
    ("ntn_ secret_", rf"(?:ntn_|secret_)(?=[A-Za-z]*\d)[A-Za-z0-9]{{43,46}}{_E}"),
    ("lin_api_", r"lin_api_[A-Za-z0-9]{40}"),
    ("pmak-", r"(?i:PMAK-)[A-Fa-f0-9]{24}-[A-Fa-f0-9]{34}"),
    ("rdme_", r"rdme_[a-z0-9]{70}"),
    ("pnu_", rf"pnu_[A-Za-z0-9]{{36}}{_E}"),
    ("dp.", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{40,}"),
    ("a3-", r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}"),
    ("ops_eyj", r"ops_eyJ[A-Za-z0-9+/]{100,}={0,3}"),
    ("age-secret-key-1", r"AGE-SECRET-KEY-1[A-Z0-9]{58}"),
    ("api-", rf"API-(?=[A-Z]*\d)[A-Z0-9]{{26}}{_E}"),
    ("pat. sat.", r"(?:pat|sat)\.[\w-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}"),
    ("sntrys_ sntryu_", r"sntry[su]_[\w+/=]{40,}"),
    ("glc_ glsa_", r"(?:glc_[A-Za-z0-9+/]{32,}={0,3}|glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8})"),
    ("nrjs- nrii- nrak-", r"(?i:NRJS-[a-f0-9]{19}|NRII-[a-z0-9-]{32}|NRAK-[a-z0-9]{27})"),
    ("p8e-", rf"p8e-[A-Za-z0-9]{{32}}{_E}"),
    ("_mmk", rf"[A-Za-z0-9]{{6}}_[A-Za-z0-9]{{29}}_mmk{_E}"),
    ("sm_aat_ sm_pat_ sm_sat_", r"sm_[aps]at_[A-Za-z0-9]{16}"),
    (".acc. .acc- .acc_",
     r"(?:sc|ext|scauth|authress)_[A-Za-z0-9]{5,30}\.[A-Za-z0-9]{4,6}\.acc[_.-][\w-]{10,32}\.[A-Za-z0-9+/_=-]{30,}"),
    ("s-s4t2", r"s-s4t2(?:ud|af)-[A-Fa-f0-9]{64}"),
    ("dnkey-", r"dnkey-[\w=-]{26}-[\w=-]{52}"),
    # --- money, shops, parcels
    ("sk_ rk_ pk_", r"(?:sk|rk|pk)_(?:test|live|prod)_[A-Za-z0-9]{10,}"),
    ("whsec_", r"whsec_[A-Za-z0-9+/=]{24,}"),
    ("sq0", r"sq0[a-z]{3}-[\w-]{22,}"),
    ("eaa", r"EAA(?:A[\w-]{22,60}(?![\w/+])|[MC][A-Za-z0-9]{100,}(?![\w+]))"),
    ("shpat_ shpca_ shppa_ shpss_", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    ("shippo_", r"shippo_(?:live|test)_[a-fA-F0-9]{40}"),
    ("flwseck flwpubk", r"FLW(?:SECK|PUBK)_TEST-(?i:[a-h0-9]{32}-X|[a-h0-9]{12})"),
    ("duffel_", r"duffel_(?:test|live)_[\w=-]{43}"),
    ("ezak eztk", rf"EZ[AT]K[A-Za-z0-9]{{54}}{_E}"),
    ("live_ test_", rf"(?:live|test)_(?:(?:pub_)?[a-f0-9]{{31,35}}|(?=[\w=-]*\d)[\w=-]{{40}}){_E}"),
    ("access-", rf"access-(?:sandbox|development|production)-{_UUID}"),
    ("amzn.", rf"amzn\.(?:mws\.|application-oa2-client\.)(?:{_UUID}|[0-9a-f]{{32}})"),
    # --- messages, mail, maps, others
    ("xox xapp-", r"(?i:xapp-\d-|xoxe\.xox[bp]-|xox[abceoprs]-)[A-Za-z0-9-]{10,}"),
    ("ac sk", rf"(?:AC|SK)[0-9a-f]{{32}}{_E}"),
    (":a", r"\d{5,16}:A[\w-]{33,35}(?![\w-])"),
    (".", r"(?<![\w.-])[MNO](?=[\w-]*\d)[\w-]{23,27}\.[\w-]{6}\.[\w-]{27,40}(?![\w-])"),
    ("sg.", r"SG\.(?=[\w.-]*\d)[\w=-]{16,}\.[\w=-]{16,}"),
    ("-us", rf"[0-9a-f]{{32}}-us\d{{1,2}}{_E}"),
    ("key-", rf"(?:pub)?key-[0-9a-f]{{32}}{_E}"),
    ("xkeysib-", r"xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    ("fio-u-", r"fio-u-[\w=-]{64}"),
    ("pk. sk.", r"[ps]k\.(?=[\w.-]*\d)[A-Za-z0-9_-]{60,}\.[\w-]{22}"),
    ("tfp_", r"tfp_[\w.=-]{40,}"),
    ("sl.", r"sl\.(?=[\w.=-]*\d)[\w=-]{100,}"),
    ("aaaaaaaaaa", r"[A-Za-z0-9]{11}AAAAAAAAAA[\w=-]{43}(?![\w=+/-])"),
    ("aaaaaaaaaaaaaaaaaaaaaa", r"A{22}[A-Za-z0-9%+/=]{80,100}(?![\w=+/%-])"),
    ("|", r"\d{15,16}\|[\w-]{27,40}"),
    ("bedrock-api-key- absk", r"(?:bedrock-api-key-[A-Za-z0-9+/=]{30,}|ABSK[A-Za-z0-9+/]{60,}={0,2})"),
)  # fmt: skip

VENDORS = words(
    "adafruit adobe airtable algolia alibaba asana atlassian confluence jira beamer bitbucket bittrex"
    " meraki cloudflare codecov"
    " cohere coinbase confluent contentful datadog discord droneci dropbox etsy facebook fastly finicity"
    " finnhub flickr freshbooks"
    " gitter gocardless heroku hubspot intercom jfrog artifactory bintray xray kraken kucoin launchdarkly linkedin"
    " mailchimp mailgun mapbox mattermost messagebird netlify newrelic nytimes newyorktimes okta plaid"
    " privateai rapidapi sendbird sentry"
    " snyk sonar sourcegraph squarespace sumo sumologic telegram travis twitch twitter typeform yandex zendesk"
    " contribsys"
    " softlayer cloudant ibm twilio opsgenie linear"
)
"""Words of a name beside which a value that looks random is a key of that vendor."""

_IN_RUNS = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_+=~.:*|-")
_TO_RUNS = "".join(chr(code) if chr(code) in _IN_RUNS else " " for code in range(128))
_SHORTEST_RUN, _LONGEST_WORD = 12, 24
_MASKED = re.compile(r"(?<![\w-])sk-(?=[\w-]*[\d*])(?=[\w-]*\*|[A-Za-z0-9_]+[A-Za-z0-9_-]*\d)[\w*-]{8,}")
_WORDY = re.compile(r"sk-(?:[a-z]+|\d{1,4}|[A-Z][a-z]*)(?:[-_](?:[a-z]+|\d{1,4}|[A-Z][a-z]*))*")
_GOOGLE_REFRESH = re.compile(_B + r"1//0[\w-]{30,}")  # its slashes end a run
_PEM = re.compile(
    r"-----BEGIN[ A-Z0-9_-]{0,100}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:[^-]|-(?!----END))*+(?:-----END[ A-Z0-9_-]{0,100}-----)?"
)


def pieces_of(text: str) -> list[str]:
    """The words and keys of a text, without the signs around them."""
    return text.translate(_TO_RUNS).split()


def _runs_of(pieces: list[str]) -> str:
    """The long ones in lower case, where a key may stand; empty where there is none."""
    runs = [piece for piece in pieces if len(piece) >= _SHORTEST_RUN]
    return "\n".join([run for run in runs if len(run) > _LONGEST_WORD or not _is_word(run)]).lower()


def _is_word(run: str) -> bool:
    return (run.islower() or run.istitle()) and run.replace("_", "").isalpha()


def found_shapes(text: str, pieces: list[str] | None = None) -> Iterator[tuple[int, int]]:
    """Where keys stand in a text, by their shapes. `pieces` are its `pieces_of`, if they are known."""
    if "sk-" in text:
        for found in _MASKED.finditer(text):
            if not _WORDY.fullmatch(found[0]) and found[0] != "sk-redacted":
                yield found.span()
    if "-----BEGIN" in text:
        for found in _PEM.finditer(text):
            yield found.span()
    if "1//0" in text:
        for found in _GOOGLE_REFRESH.finditer(text):
            yield found.span()
    runs = _runs_of(pieces_of(text) if pieces is None else pieces)
    if not runs:
        return
    for pattern in _candidates(runs):
        for found in pattern.finditer(text):
            span = found.span("v") if "v" in pattern.groupindex else found.span()
            if not _WORDY.fullmatch(found[0]):
                yield span


_STARTS: dict[str, set[int]] = {}
"""The shapes by the first two characters of their needles, and by the character of those that are one."""
for _number, _shape in enumerate(SHAPES):
    for _needle in _shape.needles:
        _STARTS.setdefault(_needle[:2], set()).add(_number)


_compiled = cache(re.compile)  # few of so many are ever needed


def _candidates(runs: str) -> list[re.Pattern[str]]:
    """The patterns of the shapes with a needle in these runs, in the order of the table."""
    pairs = {*map(str.__add__, runs, runs[1:]), *(sign for sign in ":.|" if sign in runs)}
    numbers: set[int] = set()
    for start in pairs & _STARTS.keys():
        numbers |= _STARTS[start]
    return [
        _compiled(SHAPES[n].pattern) for n in sorted(numbers) if any(needle in runs for needle in SHAPES[n].needles)
    ]
