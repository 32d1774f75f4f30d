"""Secrets planted in every place that HTTP has, and values that look like one and are none.

`plants(size)` combines kinds of secrets with places and forms, in an order that does not change: the first few hundred
hold each kind and each place at least once. `INNOCENTS` are texts in which nothing may be replaced.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import random
import string
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import quoteattr

LETTERS, HEX = string.ascii_letters + string.digits, "0123456789abcdef"


class Plant(NamedTuple):
    """A secret in a text: where (`url`, `body`, `text`, `binary`), its label, and the forms of it that may not be left."""

    where: str
    text: str | bytes
    content_type: str | None
    secret: str
    label: str


def drawn(r: random.Random, alphabet: str, number: int) -> str:
    """Characters of an alphabet, a digit and a letter among them."""
    return "a7" + "".join(r.choices(alphabet, k=number - 2)) if number > 2 else "".join(r.choices(alphabet, k=number))


def uuid(r: random.Random) -> str:
    return "-".join("".join(r.choices(HEX, k=n)) for n in (8, 4, 4, 4, 12))


UPPER = string.ascii_uppercase + string.digits
URLSAFE = LETTERS + "_-"

# What a value is that only its name makes a secret: for certain names anything, for ambiguous ones what is drawn.
PLAIN_VALUES: dict[str, Callable[[random.Random], str]] = {
    "word": lambda r: "swordfish",
    "phrase": lambda r: "Correct7Horse!Battery",
    "odd": lambda r: 'p&ss/w\\ord"+é%' + drawn(r, LETTERS, 4),
}
DRAWN_VALUES: dict[str, Callable[[random.Random], str]] = {
    "hex": lambda r: "".join(r.choices(HEX, k=30)) + "a7",
    "alphanumeric": lambda r: drawn(r, LETTERS, 28),
    "uuid": uuid,
    "base64": lambda r: base64.b64encode(r.randbytes(30)).decode() + "+/7a",
    "prefixed": lambda r: f"tok-{drawn(r, HEX, 20)}",
}
CERTAIN_NAMES = ["api_key", "apiKey", "api-key", "x-api-key", "X-Goog-Api-Key", "openai_api_key", "authorization", "Authorization", "proxy-authorization", "access_token", "accessToken", "refresh_token", "id_token", "client_secret", "clientSecret", "secret", "webhook_secret", "password", "passwd", "passphrase", "pwd", "master_key", "authKey", "sas_token", "private_key", "secretAccessKey", "aws_secret_access_key", "subscription-key", "Ocp-Apim-Subscription-Key", "account_key", "session_token", "csrf_token", "connection_string", "x-functions-key", "jwt"]  # fmt: skip
AMBIGUOUS_NAMES = [
    "key",
    "code",
    "sign",
    "token",
    "signature",
    "auth",
    "session",
    "cookie",
    "credentials",
    "sessionToken",
    "auth_token",
    "xai_token",
]
PERSON_NAMES = [
    "user",
    "user_id",
    "userId",
    "username",
    "email",
    "user_email",
    "organization",
    "organization_id",
    "project_id",
    "account_id",
    "tenant_id",
    "customer_id",
    "session_id",
    "safety_identifier",
]


def in_json(name: str, secret: str) -> Iterator[tuple[str, str]]:
    yield "a JSON member", json.dumps({"model": "fox-1", name: secret, "n": 1})
    yield "a JSON member, not ASCII", json.dumps({"ä": "ü", name: secret}, ensure_ascii=False)
    yield "a JSON member deep within", json.dumps({"a": [{"b": {"c": [1, {name: secret}]}}]}, indent=2)
    yield "a JSON list", json.dumps({name: [secret, secret]})
    yield "JSON in JSON", json.dumps({"arguments": json.dumps({name: secret, "prompt": "a fox"})})
    yield "JSON in JSON in JSON", json.dumps({"a": json.dumps({"b": json.dumps({name: secret})})})
    yield "an escaped name", json.dumps({name: secret}).replace(name, "".join(f"\\u{ord(c):04x}" for c in name), 1)
    yield "escaped slashes", json.dumps({"url": "https://a/b", name: secret}).replace("/", "\\/")
    yield (
        "a name and value pair",
        json.dumps({"headers": [{"name": name, "value": secret}, {"name": "accept", "value": "*/*"}]}),
    )
    yield "a value and key pair", json.dumps({"value": secret, "key": name})
    yield "an event stream", f"event: x\ndata: {json.dumps({name: secret})}\n\ndata: [DONE]\n\n"
    yield "JSON lines", json.dumps({"a": 1}) + "\n" + json.dumps({name: secret}) + "\n"
    yield "cut JSON", json.dumps({"a": {"b": 1, name: secret, "prompt": "a fox"}})[:-6]
    yield "JSON behind a message", "error: " + json.dumps({name: secret})


def in_objects(name: str, secret: str) -> Iterator[tuple[str, str]]:
    yield "an object under a name", json.dumps({name: {"type": "bearer", "current": secret, "old": [secret]}})
    yield "an object in an object under a name", json.dumps({name: {"a": {"b": secret}}})


def in_xml(name: str, secret: str) -> Iterator[tuple[str, str]]:
    tag = "".join(c for c in name if c.isalnum() or c in "_-")
    attribute = quoteattr(secret)
    text = attribute[1:-1].replace("&quot;", '"')
    yield "an XML element", f"<a><{tag}>{text}</{tag}><b>fox</b></a>"
    yield "an XML attribute", f"<a {tag}={attribute} b='fox'/>"
    yield "an XML key and value", f'<a><add key="{name}" value={attribute}/></a>'
    yield "an XML key and text", f'<a><entry key="{name}">{text}</entry></a>'
    yield "CDATA", f"<a><{tag}><![CDATA[{secret}]]></{tag}></a>"
    yield "a property list", f"<dict><key>{name}</key><string>{text}</string></dict>"


def in_forms(name: str, secret: str) -> Iterator[tuple[str, str]]:
    encoded = quote_plus(secret)
    yield "a form", f"prompt=a+fox&{name}={encoded}&n=1"
    yield (
        "a form with an escaped name",
        f"prompt=a+fox&{''.join(f'%{ord(c):02X}' if c in '_-e' else c for c in name)}={encoded}",
    )
    yield "a form's nested field", f"auth[{name}]={encoded}&prompt=a"
    yield "a form's escaped nested field", f"prompt=a&auth%5B{name}%5D={encoded}"


def in_multipart(name: str, secret: str) -> Iterator[tuple[str, str]]:
    for label, written in (("quoted", f'"{name}"'), ("bare", name)):
        for end in ("\r\n", "\n"):
            yield f"multipart, {label}, {end!r}", end.join(
                ("--XyZ", f"Content-Disposition: form-data; name={written}", "", secret, "--XyZ",
                 'Content-Disposition: form-data; name="prompt"', "", "a fox", "--XyZ--", "")
            )  # fmt: skip


def in_queries(name: str, secret: str) -> Iterator[tuple[str, str]]:
    encoded = quote(secret, safe="")
    signed = f"https://cdn.example/fox.png?w=1&{name}={encoded}&e=2"
    yield "a query", signed
    yield "a fragment", f"https://a.example/cb#{name}={encoded}&state=a"
    yield "a URL in a URL", f"https://proxy.example/get?url={quote(signed, safe='')}&n=1"
    yield (
        "a URL in a URL in a URL",
        f"https://p.example/?u={quote('https://q.example/?u=' + quote(signed, safe=''), safe='')}",
    )
    yield "a relative URL", f"/files/fox.png?{name}={encoded}"


KEYED_URLS: dict[str, tuple[Callable[[random.Random], str], Callable[[str], str]]] = {
    "nginx": (lambda r: drawn(r, URLSAFE, 22), lambda s: f"https://a.example/fox.png?md5={s}&expires=1717171717"),
    "imgix": (lambda r: drawn(r, HEX, 32), lambda s: f"https://a.imgix.net/fox.png?w=100&s={s}"),
    "discord": (lambda r: drawn(r, HEX, 64), lambda s: f"https://cdn.discordapp.com/attachments/1/2/fox.png?ex=65&is=64&hm={s}&"),
    "dropbox": (lambda r: drawn(r, LETTERS, 25), lambda s: f"https://www.dropbox.com/scl/fi/a/fox.png?rlkey={s}&dl=0"),
    "cloudflare": (lambda r: f"1717171717-{drawn(r, LETTERS, 43)}%3D", lambda s: f"https://a.example/fox.png?verify={s}"),
    "azure": (lambda r: drawn(r, LETTERS, 43), lambda s: f"https://a.blob.core.windows.net/c/fox.png?sv=2024-11-04&se=2026&sr=b&sp=r&sig={s}%3D"),
    "azure's tenant": (uuid, lambda s: f"https://a.blob.core.windows.net/c/fox.png?skoid={s}&sktid={s}&se=2026"),
    "aws": (lambda r: drawn(r, HEX, 64), lambda s: f"https://b.s3.amazonaws.com/fox.png?X-Amz-Date=20240601T000000Z&X-Amz-Signature={s}"),
    "aws's credential": (lambda r: "AKIA" + "".join(r.choices(UPPER, k=16)), lambda s: f"https://b.s3.amazonaws.com/f.png?X-Amz-Credential={s}%2F20240601%2Fus-east-1%2Fs3%2Faws4_request"),
    "google": (lambda r: drawn(r, HEX, 128), lambda s: f"https://storage.googleapis.com/b/fox.png?X-Goog-Date=20240601T000000Z&X-Goog-Signature={s}"),
    "google's key": (lambda r: drawn(r, LETTERS, 39), lambda s: f"https://generativelanguage.googleapis.com/v1beta/models/imagen:predict?key={s}"),
    "cloudfront": (lambda r: drawn(r, URLSAFE, 80), lambda s: f"https://d1.cloudfront.net/fox.png?Expires=1&Signature={s}&Key-Pair-Id=K1"),
    "akamai": (lambda r: drawn(r, HEX, 64), lambda s: f"https://a.example/fox.png?hdnts=exp=1~acl=*~hmac={s}"),
    "aliyun": (lambda r: f"1717171717-0-0-{drawn(r, HEX, 32)}", lambda s: f"https://a.aliyun.example/fox.png?auth_key={s}"),
    "tencent": (lambda r: drawn(r, HEX, 40), lambda s: f"https://a.myqcloud.com/fox.png?q-sign-algorithm=sha1&q-signature={s}"),
    "volcengine": (lambda r: drawn(r, LETTERS, 28), lambda s: f"https://p.byteimg.example/fox.png?x-expires=1&x-signature={s}%3D"),
    "firebase": (uuid, lambda s: f"https://firebasestorage.googleapis.com/v0/b/a/o/f?alt=media&token={s}"),
    "user-info": (lambda r: drawn(r, LETTERS, 12), lambda s: f"https://{s}:{s}@api.example/v1"),
    "a database": (lambda r: drawn(r, LETTERS, 12), lambda s: f"postgres://someone:{s}@db.example:5432/foxes"),
    "a token as user": (lambda r: drawn(r, LETTERS, 20), lambda s: f"https://{s}@git.example/a.git"),
    "slack": (lambda r: drawn(r, LETTERS, 24), lambda s: f"https://hooks.slack.com/services/T01234567/B01234567/{s}"),
    "discord's webhook": (lambda r: drawn(r, URLSAFE, 68), lambda s: f"https://discord.com/api/webhooks/123456789012345678/{s}"),
    "teams": (lambda r: drawn(r, HEX, 32), lambda s: f"https://a.webhook.office.com/webhookb2/{uuid(random.Random(1))}@{uuid(random.Random(2))}/IncomingWebhook/{s}/{uuid(random.Random(3))}"),
    "telegram": (lambda r: "AA" + drawn(r, URLSAFE, 33), lambda s: f"https://api.telegram.org/bot123456789:{s}/sendPhoto"),
    "telegram's files": (lambda r: "AA" + drawn(r, URLSAFE, 33), lambda s: f"https://api.telegram.org/file/bot123456789:{s}/photos/f.jpg"),
    "cloudflare's account": (lambda r: drawn(r, HEX, 32), lambda s: f"https://api.cloudflare.com/client/v4/accounts/{s}/ai/run/@cf/flux"),
    "vertex's project": (lambda r: "foxes-in-autumn", lambda s: f"https://us-central1-aiplatform.googleapis.com/v1/projects/{s}/locations/us-central1/publishers/google/models/imagen:predict"),
    "ifttt": (lambda r: drawn(r, URLSAFE, 43), lambda s: f"https://maker.ifttt.com/trigger/fox/with/key/{s}"),
    "zapier": (lambda r: drawn(r, LETTERS, 14), lambda s: f"https://hooks.zapier.com/hooks/catch/1234567/{s}/"),
    "a token's path": (lambda r: drawn(r, LETTERS, 30), lambda s: f"https://a.example/token/{s}/fox"),
    "cloudinary": (lambda r: drawn(r, URLSAFE, 8), lambda s: f"https://res.cloudinary.com/demo/image/upload/s--{s}--/fox.png"),
    "an account of r2": (lambda r: drawn(r, HEX, 32), lambda s: f"https://{s}.r2.cloudflarestorage.com/b/fox.png"),
}  # fmt: skip

MESSAGES: dict[str, tuple[Callable[[random.Random], str], Callable[[str], str]]] = {
    "api_key=": (lambda r: drawn(r, LETTERS, 24), lambda s: f"could not authenticate with api_key={s}, try again"),
    "api key provided": (lambda r: drawn(r, LETTERS, 24), lambda s: f"Incorrect API key provided: {s}. You can find yours at https://a.example."),
    "invalid api key": (lambda r: drawn(r, LETTERS, 24), lambda s: f"Invalid API key {s}"),
    "a quoted key": (lambda r: drawn(r, LETTERS, 24), lambda s: f"The API key '{s}' is not known"),
    "x-api-key:": (uuid, lambda s: f"bad header x-api-key: {s}"),
    "Authorization: Bearer": (lambda r: drawn(r, LETTERS, 20), lambda s: f"got Authorization: Bearer {s} (expired)"),
    "Bearer": (lambda r: drawn(r, LETTERS, 20), lambda s: f'the header "Bearer {s}" is malformed'),
    "Basic": (lambda r: base64.b64encode(f"fox:{drawn(r, LETTERS, 12)}".encode()).decode(), lambda s: f"Basic {s} was refused"),
    "Authorization: Basic": (lambda r: base64.b64encode(f"fox:{drawn(r, LETTERS, 12)}".encode()).decode(), lambda s: f"Authorization: Basic {s}"),
    "Token": (lambda r: drawn(r, HEX, 40), lambda s: f"Token {s} not found"),
    "Key": (lambda r: f"{uuid(r)}", lambda s: f"Key {s} has no balance"),
    "Authorization: Token": (lambda r: drawn(r, HEX, 40), lambda s: f"authorization: Token {s}"),
    "AWS4": (lambda r: drawn(r, HEX, 64), lambda s: f"AWS4-HMAC-SHA256 Credential=AKIAABCDEFGHIJ234567/20240601/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature={s}"),
    "AWS4 behind its header": (lambda r: drawn(r, HEX, 64), lambda s: f"'Authorization: AWS4-HMAC-SHA256 Credential=AKIAABCDEFGHIJ234567/20240601/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature={s}'"),
    "curl -u": (lambda r: drawn(r, LETTERS, 12), lambda s: f"curl -u fox:{s} https://a.example/"),
    "curl -H": (lambda r: drawn(r, LETTERS, 20), lambda s: f"curl -H 'X-Api-Key: {s}' https://a.example/"),
    "password:": (lambda r: drawn(r, LETTERS, 12), lambda s: f"login failed, password: {s}"),
    "an environment": (lambda r: drawn(r, LETTERS, 24), lambda s: f"export OPENAI_API_KEY={s}\nexport SIZE=1024x1024"),
    "a Python dict": (lambda r: drawn(r, LETTERS, 12), lambda s: f"{{'api_key': '{s}', 'prompt': 'a fox'}}"),
    "a PHP array": (lambda r: drawn(r, LETTERS, 12), lambda s: f"['secret_key' => '{s}']"),
    "an organization": (lambda r: "org-" + drawn(r, LETTERS, 24), lambda s: f"Rate limit reached in organization {s} on images per minute"),
    "an organization's name": (lambda r: "foxworks", lambda s: f"Rate limit reached in organization {s} on images per minute"),
    "a request": (uuid, lambda s: f"please include the request ID {s} in your message"),
    "a request of OpenAI": (lambda r: "req_" + drawn(r, HEX, 32), lambda s: f"include {s} in your email"),
    "a user of OpenAI": (lambda r: "user-" + drawn(r, LETTERS, 24), lambda s: f"flagged for {s}."),
    "an ARN": (lambda r: "123456789012", lambda s: f"User: arn:aws:iam::{s}:user/fox is not authorized"),
    "cookies": (lambda r: drawn(r, LETTERS, 24), lambda s: f"Cookie: theme=dark; session={s}; lang=en"),
    "a masked key": (lambda r: "sk-proj-ab1**********cdef", lambda s: f"Incorrect API key provided: {s}."),
    "a URL in a message": (lambda r: drawn(r, LETTERS, 40), lambda s: f"could not get https://a.blob.core.windows.net/c/fox.png?se=2026&sig={s}, sorry"),
}  # fmt: skip

# The rules of gitleaks (config/gitleaks.toml, commit 009e025, 2025) and the plugins of detect-secrets 1.5.0, each with an
# example drawn in its form. `%` and a name: a key of no shape, beside that name. Left out: `pkcs12-file`, a name of a file,
# and `kubernetes-secret-yaml`, whose values have neither name nor shape.
_H, _A, _U, _D = HEX, LETTERS, UPPER, string.digits
_L = string.ascii_lowercase + string.digits


def _rule(prefix: str, *parts: tuple[str, int] | str) -> Callable[[random.Random], str]:
    def example(r: random.Random) -> str:
        return prefix + "".join(
            part if isinstance(part, str) else "".join(r.choices(part[0], k=part[1])) for part in parts
        )

    return example


RULES: dict[str, Callable[[random.Random], str]] = {
    "1password-secret-key": _rule("A3-", (_U, 6), "-", (_U, 11), "-", (_U, 5), "-", (_U, 5), "-", (_U, 5)),
    "1password-service-account-token": _rule("ops_eyJ", (_A, 260)),
    "adobe-client-secret": _rule("p8e-", (_A, 32)),
    "age-secret-key": _rule("AGE-SECRET-KEY-1", ("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)),
    "alibaba-access-key-id": _rule("LTAI", (_A, 20)),
    "anthropic-admin-api-key": _rule("sk-ant-admin01-", (_A, 93), "AA"),
    "anthropic-api-key": _rule("sk-ant-api03-", (_A, 93), "AA"),
    "artifactory-api-key": _rule("AKCp", (_A, 69)),
    "artifactory-reference-token": _rule("cmVmd", (_A, 59)),
    "atlassian-api-token": _rule("ATATT3", (_A, 186)),
    "authress-service-client-access-key": _rule("sc_", (_L, 12), ".", (_L, 5), ".acc_", (_L, 20), ".", (_A, 60)),
    "aws-access-token": _rule("AKIA", ("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)),
    "azure-ad-client-secret": _rule("", (_A, 3), "8Q~", (_A, 34)),
    "clickhouse-cloud-api-secret-key": _rule("4b1d", (_A, 38)),
    "clojars-api-token": _rule("CLOJARS_", (_L, 60)),
    "cloudflare-origin-ca-key": _rule("v1.0-", (_H, 24), "-", (_H, 146)),
    "databricks-api-token": _rule("dapi", (_H, 32)),
    "defined-networking-api-token": _rule("dnkey-", (_L, 26), "-", (_L, 52)),
    "digitalocean-access-token": _rule("doo_v1_", (_H, 64)),
    "digitalocean-pat": _rule("dop_v1_", (_H, 64)),
    "digitalocean-refresh-token": _rule("dor_v1_", (_H, 64)),
    "doppler-api-token": _rule("dp.pt.", (_L, 43)),
    "dropbox-long-lived-api-token": _rule("", (_L, 11), "AAAAAAAAAA", (_L, 43)),
    "dropbox-short-lived-api-token": _rule("sl.", (_L, 135)),
    "duffel-api-token": _rule("duffel_live_", (_L, 43)),
    "dynatrace-api-token": _rule("dt0c01.", (_L, 24), ".", (_L, 64)),
    "easypost-api-token": _rule("EZAK", (_L, 54)),
    "easypost-test-api-token": _rule("EZTK", (_L, 54)),
    "facebook-access-token": _rule("", ("123456789", 15), "|", (_L, 30)),
    "facebook-page-access-token": _rule("EAAC", (_L, 120)),
    "flutterwave-encryption-key": _rule("FLWSECK_TEST-", ("abcdefgh0123456789", 12)),
    "flutterwave-public-key": _rule("FLWPUBK_TEST-", ("abcdefgh0123456789", 32), "-X"),
    "flutterwave-secret-key": _rule("FLWSECK_TEST-", ("abcdefgh0123456789", 32), "-X"),
    "flyio-access-token": _rule("fm2_", (_A, 120)),
    "frameio-api-token": _rule("fio-u-", (_L, 64)),
    "gcp-api-key": _rule("AIza", (_A, 35)),
    "github-app-token": _rule("ghs_", (_A, 36)),
    "github-fine-grained-pat": _rule("github_pat_", (_A, 82)),
    "github-oauth": _rule("gho_", (_A, 36)),
    "github-pat": _rule("ghp_", (_A, 36)),
    "github-refresh-token": _rule("ghr_", (_A, 36)),
    "gitlab-cicd-job-token": _rule("glcbt-", (_A, 3), "_", (_A, 20)),
    "gitlab-deploy-token": _rule("gldt-", (_A, 20)),
    "gitlab-feature-flag-client-token": _rule("glffct-", (_A, 20)),
    "gitlab-feed-token": _rule("glft-", (_A, 20)),
    "gitlab-incoming-mail-token": _rule("glimt-", (_A, 25)),
    "gitlab-kubernetes-agent-token": _rule("glagent-", (_A, 50)),
    "gitlab-oauth-app-secret": _rule("gloas-", (_A, 64)),
    "gitlab-pat": _rule("glpat-", (_A, 20)),
    "gitlab-pat-routable": _rule("glpat-", (_A, 30), ".", (_L, 9)),
    "gitlab-ptt": _rule("glptt-", (_H, 40)),
    "gitlab-rrt": _rule("GR1348941", (_A, 20)),
    "gitlab-runner-authentication-token": _rule("glrt-", (_A, 20)),
    "gitlab-runner-authentication-token-routable": _rule("glrt-t1_", (_A, 30), ".", (_L, 9)),
    "gitlab-scim-token": _rule("glsoat-", (_A, 20)),
    "gitlab-session-cookie": _rule("_gitlab_session=", (_L, 32)),
    "grafana-api-key": _rule("eyJrIjoi", (_A, 80)),
    "grafana-cloud-api-token": _rule("glc_", (_A, 40)),
    "grafana-service-account-token": _rule("glsa_", (_A, 32), "_", (_H, 8)),
    "harness-api-key": _rule("pat.", (_A, 22), ".", (_A, 24), ".", (_A, 20)),
    "hashicorp-tf-api-token": _rule("", (_A, 14), ".atlasv1.", (_A, 64)),
    "heroku-api-key-v2": _rule("HRKU-AA", (_A, 58)),
    "huggingface-access-token": _rule("hf_", (string.ascii_letters, 34)),
    "huggingface-organization-api-token": _rule("api_org_", (string.ascii_letters, 34)),
    "infracost-api-token": _rule("ico-", (_A, 32)),
    "intra42-client-secret": _rule("s-s4t2ud-", (_H, 64)),
    "jwt": _rule("eyJhbGciOiJIUzI1NiJ9.eyJ", (_A, 40), ".", (_A, 43)),
    "jwt-base64": _rule("ZXlKaGJHY2lPaU", (_A, 100)),
    "linear-api-key": _rule("lin_api_", (_L, 40)),
    "lob-api-key": _rule("live_", (_H, 35)),
    "lob-pub-api-key": _rule("test_pub_", (_H, 31)),
    "gocardless-api-token": _rule("live_7", (_L, 39)),
    "mailchimp-api-key": _rule("", (_H, 32), "-us12"),
    "mailgun-private-api-token": _rule("key-", (_H, 32)),
    "mailgun-pub-key": _rule("pubkey-", (_H, 32)),
    "mapbox-api-token": _rule("pk.7", (_L, 59), ".", (_L, 22)),
    "maxmind-license-key": _rule("", (_A, 6), "_", (_A, 29), "_mmk"),
    "microsoft-teams-webhook": lambda r: KEYED_URLS["teams"][1](drawn(r, _H, 32)),
    "new-relic-browser-api-token": _rule("NRJS-", (_H, 19)),
    "new-relic-insert-key": _rule("NRII-", (_L, 32)),
    "new-relic-user-api-key": _rule("NRAK-", (_L, 27)),
    "notion-api-token": _rule("ntn_", (_D, 11), (_A, 35)),
    "npm-access-token": _rule("npm_", (_A, 36)),
    "octopus-deploy-api-key": _rule("API-7", (_U, 25)),
    "openai-api-key": _rule("sk-proj-", (_A, 74), "T3BlbkFJ", (_A, 74)),
    "openshift-user-token": _rule("sha256~", (_A, 43)),
    "perplexity-api-key": _rule("pplx-7", (_A, 47)),
    "plaid-api-token": lambda r: f"access-sandbox-{uuid(r)}",
    "planetscale-api-token": _rule("pscale_tkn_", (_A, 43)),
    "planetscale-oauth-token": _rule("pscale_oauth_", (_A, 43)),
    "planetscale-password": _rule("pscale_pw_", (_A, 43)),
    "postman-api-token": _rule("PMAK-", (_H, 24), "-", (_H, 34)),
    "prefect-api-token": _rule("pnu_", (_A, 36)),
    "private-key": lambda r: (
        f"-----BEGIN RSA PRIVATE KEY-----\n{drawn(r, _A, 64)}\n{drawn(r, _A, 64)}\n-----END RSA PRIVATE KEY-----"
    ),
    "pulumi-api-token": _rule("pul-", (_H, 40)),
    "pypi-upload-token": _rule("pypi-AgEIcHlwaS5vcmc", (_A, 60)),
    "readme-api-token": _rule("rdme_", (_L, 70)),
    "rubygems-api-token": _rule("rubygems_", (_H, 48)),
    "scalingo-api-token": _rule("tk-us-", (_A, 48)),
    "sendgrid-api-token": _rule("SG.7", (_A, 21), ".", (_A, 43)),
    "sendinblue-api-token": _rule("xkeysib-", (_H, 64), "-", (_L, 16)),
    "sentry-org-token": _rule("sntrys_eyJpYXQiO", (_A, 80), "_", (_A, 43)),
    "sentry-user-token": _rule("sntryu_", (_H, 64)),
    "settlemint-application-access-token": _rule("sm_aat_", (_A, 16)),
    "settlemint-personal-access-token": _rule("sm_pat_", (_A, 16)),
    "settlemint-service-access-token": _rule("sm_sat_", (_A, 16)),
    "shippo-api-token": _rule("shippo_live_", (_H, 40)),
    "shopify-access-token": _rule("shpat_", (_H, 32)),
    "shopify-custom-access-token": _rule("shpca_", (_H, 32)),
    "shopify-private-app-access-token": _rule("shppa_", (_H, 32)),
    "shopify-shared-secret": _rule("shpss_", (_H, 32)),
    "sidekiq-sensitive-url": lambda r: f"https://{drawn(r, _H, 8)}:{drawn(r, _H, 8)}@gems.contribsys.com/",
    "slack-app-token": _rule("xapp-1-A", (_U, 10), "-", (_D, 13), "-", (_H, 64)),
    "slack-bot-token": _rule("xoxb-", (_D, 12), "-", (_D, 12), "-", (_A, 24)),
    "slack-config-access-token": _rule("xoxe.xoxp-1-", (_U, 163)),
    "slack-config-refresh-token": _rule("xoxe-1-", (_U, 146)),
    "slack-legacy-bot-token": _rule("xoxb-", (_D, 10), "-", (_A, 24)),
    "slack-legacy-token": _rule("xoxs-", (_D, 10), "-", (_D, 10), "-", (_D, 10), "-", (_H, 16)),
    "slack-legacy-workspace-token": _rule("xoxa-2-", (_A, 40)),
    "slack-user-token": _rule("xoxp-", (_D, 12), "-", (_D, 12), "-", (_D, 12), "-", (_A, 32)),
    "slack-webhook-url": lambda r: KEYED_URLS["slack"][1](drawn(r, _A, 24)),
    "sourcegraph-access-token": _rule("sgp_", (_H, 16), "_", (_H, 40)),
    "square-access-token": _rule("sq0atp-", (_A, 22)),
    "stripe-access-token": _rule("sk_live_", (_A, 24)),
    "telegram-bot-api-token": _rule("", ("123456789", 9), ":A", (_A, 34)),
    "twilio-api-key": _rule("SK", (_H, 32)),
    "twitter-bearer-token": _rule("A" * 22, (_A, 40), "%2B", (_A, 45), "%3D"),
    "typeform-api-token": _rule("tfp_", (_L, 59)),
    "vault-batch-token": _rule("hvb.", (_A, 140)),
    "vault-service-token": _rule("hvs.", (_A, 95)),
    "yandex-access-token": _rule("t1.", (_A, 20), ".", (_A, 86)),
    "yandex-api-key": _rule("AQVN", (_A, 36)),
    "yandex-aws-access-token": _rule("YC", (_A, 38)),
    # Services that make pictures, by their own documents.
    "fal": lambda r: f"{uuid(r)}:{drawn(r, _H, 32)}",
    "replicate": _rule("r8_", (_A, 37)),
    "groq": _rule("gsk_", (_A, 52)),
    "xai": _rule("xai-", (_A, 80)),
    "figma": _rule("figd_7", (_A, 39)),
    "jina": _rule("jina_7", (_A, 59)),
    "tavily": _rule("tvly-7", (_A, 31)),
    "voyage": _rule("pa-7", (_A, 42)),
    "segmind": _rule("SG_", (_H, 16)),
    "vercel": _rule("vck_7", (_A, 55)),
    "posthog": _rule("phx_7", (_A, 42)),
    "ory": _rule("ory_st_7", (_A, 31)),
    "cloudflare's user token": _rule("cfut_7", (_A, 39)),
    "fireworks": _rule("fw_", (_A, 24)),
    "nvidia": _rule("nvapi-7", (_A, 60)),
    "together": _rule("tgp_v1_7", (_A, 40)),
    "luma": lambda r: f"luma-{uuid(r)}",
    "runway": _rule("key_", (_H, 128)),
    "elevenlabs": _rule("sk_", (_H, 48)),
    "google's oauth token": _rule("ya29.a0", (_A, 100)),
    "google's client secret": _rule("GOCSPX-", (_A, 28)),
    "google's refresh token": _rule("1//0g", (_A, 60)),
    "openrouter": _rule("sk-or-v1-", (_H, 64)),
    "an old key of openai": _rule("sk-7", (_A, 47)),
    "organization": _rule("org-7", (_A, 23)),
    "project": _rule("proj_7", (_A, 23)),
    "detect-secrets: discord": _rule("M7", (_A, 23), ".", (_A, 6), ".", (_A, 27)),
    "detect-secrets: twilio": _rule("AC", (_H, 32)),
    "detect-secrets: square": _rule("sq0csp-", (_A, 43)),
    "detect-secrets: stripe": _rule("rk_live_", (_A, 24)),
    "detect-secrets: npm": _rule("//registry.npmjs.org/:_authToken=", (_H, 36)),
    "detect-secrets: azure storage": _rule("AccountName=foxes;AccountKey=", (_A, 86), "=="),
    "detect-secrets: basic auth": lambda r: f"ftp://fox:{drawn(r, _A, 10)}@a.example/",
}
BY_VENDOR: dict[str, Callable[[random.Random], str]] = {
    **{f"{vendor}-{what}": _rule("a7", (alphabet, number - 2)) for vendor, what, alphabet, number in (
        ("adafruit", "api-key", _L, 32), ("adobe", "client-id", _H, 32), ("airtable", "api-key", _L, 17), ("algolia", "api-key", _L, 32),
        ("alibaba", "secret-key", _L, 30), ("asana", "client-secret", _L, 32), ("beamer", "api-token", _L, 44), ("bitbucket", "client-id", _L, 32),
        ("bitbucket", "client-secret", _L, 64), ("bittrex", "access-key", _L, 32), ("bittrex", "secret-key", _L, 32), ("meraki", "api-key", _H, 40),
        ("cloudflare", "api-key", _L, 40), ("cloudflare", "global-api-key", _H, 37), ("codecov", "access-token", _L, 32), ("cohere", "api-token", _A, 40),
        ("coinbase", "access-token", _L, 64), ("confluent", "access-token", _L, 16), ("confluent", "secret-key", _L, 64),
        ("contentful", "delivery-api-token", _L, 43), ("datadog", "access-token", _L, 40), ("discord", "api-token", _H, 64), ("discord", "client-secret", _L, 32),
        ("droneci", "access-token", _L, 32), ("dropbox", "api-token", _L, 15), ("etsy", "access-token", _L, 24), ("facebook", "secret", _H, 32),
        ("fastly", "api-token", _L, 32), ("finicity", "api-token", _H, 32), ("finicity", "client-secret", _L, 20), ("finnhub", "access-token", _L, 20),
        ("flickr", "access-token", _L, 32), ("freshbooks", "access-token", _L, 64), ("gitter", "access-token", _L, 40), ("intercom", "api-key", _L, 60),
        ("jfrog", "api-key", _L, 73), ("jfrog", "identity-token", _L, 64), ("kraken", "access-token", _L, 80), ("kucoin", "access-token", _H, 24),
        ("launchdarkly", "access-token", _L, 40), ("linear", "client-secret", _H, 32), ("linkedin", "client-id", _L, 14), ("linkedin", "client-secret", _L, 16),
        ("mattermost", "access-token", _L, 26), ("messagebird", "api-token", _L, 25), ("netlify", "access-token", _L, 42), ("newrelic", "user-api-id", _L, 64),
        ("nytimes", "access-token", _L, 32), ("okta", "access-token", _A, 42), ("plaid", "client-id", _L, 24), ("plaid", "secret-key", _L, 30),
        ("privateai", "api-token", _L, 32), ("rapidapi", "access-token", _L, 50), ("sendbird", "access-token", _H, 40), ("sentry", "access-token", _H, 64),
        ("sonar", "api-token", _L, 40), ("squarespace", "access-token", _H, 32), ("sumologic", "access-id", _A, 14), ("sumologic", "access-token", _L, 64),
        ("travis", "access-token", _L, 22), ("twitch", "api-token", _L, 30), ("twitter", "access-secret", _L, 45), ("twitter", "access-token", _L, 40),
        ("twitter", "api-key", _L, 25), ("twitter", "api-secret", _L, 50), ("zendesk", "secret-key", _L, 40),
    )},
    **{f"{vendor}-{what}": uuid for vendor, what in (
        ("heroku", "api-key"), ("hubspot", "api-key"), ("kucoin", "secret-key"), ("messagebird", "client-id"), ("sendbird", "access-id"), ("snyk", "api-token"),
    )},
    "asana-client-id": _rule("", ("123456789", 16)), "discord-client-id": _rule("", ("123456789", 18)),
    "mailgun-signing-key": _rule("", (_H, 32), "-", (_H, 8), "-", (_H, 8)), "sidekiq-contribsys-secret": _rule("a7", (_H, 6), ":", (_H, 8)),
    "generic-api-key": _rule("a7", (_A, 30)), "nuget-password": _rule("a7", (_A, 10)), "database-db_password": _rule("a7", (_A, 10)),
    "hashicorp-tf-password": _rule("a7", (_A, 10)), "freemius-secret_key": _rule("sk_", (_A, 29)),
}  # fmt: skip


def around(secret: str) -> Iterator[tuple[str, str, str]]:
    """A key of a known shape, where nothing else tells it."""
    yield "body", "an innocent JSON member", json.dumps({"prompt": f"a fox with {secret} in it", "n": 1})
    yield "body", "a list", json.dumps({"words": [secret, "fox"]})
    yield "text", "a message", f"we got {secret}, which is wrong"
    yield "text", "an innocent setting", f"x={secret}"
    if "/" not in secret and "\n" not in secret and "=" not in secret:
        yield "url", "an innocent parameter", f"https://a.example/fox?x={quote(secret, safe='')}"


def _secret_of(label: str, value: str) -> str:
    """The part of an example that may not be left: of a URL the last run that was drawn."""
    if label == "microsoft-teams-webhook":
        return value.split("/")[-2]
    if "AccountKey=" in value or "_authToken=" in value or value.startswith("_gitlab"):
        return value.split("=", 2 if "AccountName" in value else 1)[-1].rstrip("=")
    if "@" in value:
        return value.split("@")[0].rpartition(":")[2]
    if value.startswith("https://"):
        return value.rpartition("/")[2]
    return value.split("\n")[1] if "\n" in value else value


def _wrapped(label: str, text: str, secret: str) -> Iterator[Plant]:
    """A text in a body that is none in UTF-8."""
    data = text.encode()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
        written.writestr("fox.png", b"\x89PNG" + bytes(100))
        written.writestr("meta.json", data)
    for form, content in (
        ("zip", archive.getvalue()), ("gzip", gzip.compress(data)), ("zlib", zlib.compress(data)),
        ("UTF-16", text.encode("utf-16")), ("UTF-16 without a mark", text.encode("utf-16-le")), ("binary", b"\xff\x00 " + data),
        ("gzip in zip", _zip_of(gzip.compress(data))),
    ):  # fmt: skip
        yield Plant("binary", content, None, secret, f"{label} in {form}")


def _zip_of(data: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("a/b.bin", data)
    return archive.getvalue()


def _all(r: random.Random) -> Iterator[Iterator[Plant]]:
    """Kinds by places, each as an iterator of its own, so that a small number takes some of each."""
    for names, kinds in (
        (CERTAIN_NAMES, {**PLAIN_VALUES, **DRAWN_VALUES}),
        (AMBIGUOUS_NAMES, DRAWN_VALUES),
        (PERSON_NAMES, DRAWN_VALUES),
    ):
        for name in names:
            kind, value = list(kinds.items())[r.randrange(len(kinds))]
            yield _by_name(name, kind, value(r), names is CERTAIN_NAMES)
    for label, (value, url) in KEYED_URLS.items():
        yield _by_url(label, value(r), url)
    for label, (value, message) in MESSAGES.items():
        yield _by_message(label, value(r), message)
    for label, value in RULES.items():
        yield _by_shape(label, value(r))
    for label, value in BY_VENDOR.items():
        yield _by_vendor(label, value(r))


def _by_name(name: str, kind: str, secret: str, certain: bool) -> Iterator[Plant]:
    label = f"{name} ({kind})"
    for place, text in in_json(name, secret):
        yield Plant("body", text, None, secret, f"{label} in {place}")
    if certain:
        for place, text in in_objects(name, secret):
            yield Plant("body", text, "application/json", secret, f"{label} in {place}")
    for place, text in in_xml(name, secret):
        yield Plant("body", text, "application/xml", secret, f"{label} in {place}")
    for place, text in in_forms(name, secret):
        yield Plant("body", text, "application/x-www-form-urlencoded", secret, f"{label} in {place}")
        yield Plant("body", text, None, secret, f"{label} in {place}, unsaid")
    for place, text in in_multipart(name, secret):
        yield Plant("body", text, "multipart/form-data; boundary=XyZ", secret, f"{label} in {place}")
        yield Plant("body", text, None, secret, f"{label} in {place}, unsaid")
    for place, text in in_queries(name, secret):
        yield Plant("url", text, None, secret, f"{label} in {place}")
        yield Plant("body", json.dumps({"data": [{"url": text}]}), None, secret, f"{label} in {place} in JSON")
    yield from _wrapped(label, json.dumps({"prompt": "a fox", name: secret}), secret)


def _by_url(label: str, secret: str, url: Callable[[str], str]) -> Iterator[Plant]:
    text = url(secret)
    yield Plant("url", text, None, secret, f"{label}'s URL")
    yield Plant("body", json.dumps({"data": [{"url": text}]}), "application/json", secret, f"{label}'s URL in JSON")
    yield Plant(
        "body",
        json.dumps({"url": text}).replace("/", r"\/").replace("&", "\\u0026"),
        None,
        secret,
        f"{label}'s URL, escaped",
    )
    yield Plant("text", f"could not fetch {text} in time", None, secret, f"{label}'s URL in a message")
    yield Plant("url", f"https://proxy.example/?url={quote(text, safe='')}", None, secret, f"{label}'s URL in a URL")
    yield Plant(
        "body", f"image={quote_plus(text)}&n=1", "application/x-www-form-urlencoded", secret, f"{label}'s URL in a form"
    )
    yield Plant("body", f"<a><img src={quoteattr(text)}/></a>", "text/html", secret, f"{label}'s URL in HTML")
    yield Plant("body", f'data: {{"url": "{text}"}}\n\n', "text/event-stream", secret, f"{label}'s URL in a stream")


def _by_message(label: str, secret: str, message: Callable[[str], str]) -> Iterator[Plant]:
    text = message(secret)
    yield Plant("text", text, None, secret, f"a message with {label}")
    yield Plant("body", text, "text/plain", secret, f"a body with {label}")
    yield Plant(
        "body",
        json.dumps({"error": {"message": text, "code": None}}),
        "application/json",
        secret,
        f"an error with {label}",
    )
    yield Plant(
        "body",
        json.dumps({"detail": [{"msg": json.dumps({"error": text})}]}),
        None,
        secret,
        f"an error in an error with {label}",
    )
    yield (
        Plant("body", f"data: {text}\n\n", "text/event-stream", secret, f"an event with {label}")
        if "\n" not in text
        else Plant("text", text, None, secret, label)
    )


def _by_shape(label: str, value: str) -> Iterator[Plant]:
    for where, place, text in around(value):
        yield Plant(where, text, None, _secret_of(label, value), f"{label} in {place}")


def _by_vendor(label: str, secret: str) -> Iterator[Plant]:
    name = label.replace("-", "_")
    yield Plant("body", json.dumps({name: secret}), None, secret, f"{label} in JSON")
    yield Plant("text", f'{name} = "{secret}"', None, secret, f"{label} in a setting")
    yield Plant("body", f"{name}={secret}&n=1", "application/x-www-form-urlencoded", secret, f"{label} in a form")


def plants(size: int) -> list[Plant]:
    """About `size` plants, the first of each kind before the second of any."""
    r = random.Random(9)
    found: list[Plant] = []
    round_number = 0
    while len(found) < size:
        rows = [list(row) for row in _all(r)]
        for number, row in enumerate(rows):  # another place of each row in each round
            found.append(row[(round_number + number) % len(row)])
        round_number += 1
    return found[:size]


def _of(**fields: object) -> str:
    return json.dumps(fields)


INNOCENTS: tuple[tuple[str, str], ...] = tuple(
    ("body", text)
    for text in (
        *(_of(prompt=prompt, model="gpt-image-1", n=1) for prompt in (
            "Basic illustration2024style of a fox", "a surfer, sk-8-boarding-2024", "a fox in organization of autumn leaves", "request id: 2024-autumn",
            "a bearer of good news, with a basic illustration", "Token of appreciation: a fox", "the key to the city, key 1 of 2", "a secret garden: the fox sleeps",
            "password: the fox and the hound", "User: I want a fox. Assistant: here it is", "session: morning light, code: red", "signature: fox artist",
            "sign=aquarius, key=red", "a desk-lamp, org-xxx, risk-averse, mask-making", "cookie: chocolate", "Bearer illustrations of 2024",
            "token economy 2024", "in the style of user: someone", "fox@home, a mail-order fox", "1024x1024 px, 50mm f/1.8, ISO 400, seed 1234567890",
            "a poster that says 'API KEY REQUIRED'", "author: fox, auth: none", "C# minor, key: C#, code: def fox(): return 2024", "the access token is required",
            "/key/red/fox, /users/me, /code/main.py", "a=b&c=d, x=1024", "size: 1024x1024; quality: high; style: vivid", "the api key is missing",
            "no password was provided: please try again", "Key frame2024 and token 1024x1024", "v1.2.3-beta.4 of sdxl-base-1.0", "my_secret_garden.png",
        )),
        _of(logprobs=[{"token": " fox", "logprob": -0.1, "bytes": [32, 102]}, {"token": "2024", "logprob": -1}, {"token": "illustration", "logprob": -2}]),
        _of(signature="fox artist"), _of(content_credentials="yes"), _of(cookie="chocolate"), _of(user_id=42), _of(tenant_id=[12]), _of(account_id="7"),
        _of(key="red"), _of(key="outputs/fox-2024.png"), _of(key="image_1024x1024"), _of(code="invalid_api_key"), _of(code="rate_limit_exceeded"), _of(code=404),
        _of(code="E1234"), _of(code="ERR_2024_TIMEOUT"), _of(code=100234), _of(sign="aquarius"), _of(token=""), _of(api_key=None), _of(password=""), _of(secret=True),
        _of(error={"message": "Your request was rejected", "type": "invalid_request_error", "param": "user", "code": "moderation_blocked"}),
        _of(usage={"input_tokens": 123456, "output_tokens": 272000, "total_tokens": 395456, "input_tokens_details": {"text_tokens": 123456}}),
        _of(max_tokens="100000", tokens="3", token_count=1234567, token_type="Bearer", next_page_token="CAoQAA7f3a0b12c4d5e6f7"),
        _of(type="session.created", event_id="evt_1"), _of(role="user", content="a fox"), _of(messages=[{"role": "user", "name": "user", "content": "a fox"}]),
        _of(request_id="0f1e2d3c-0000-4000-8000-123456789abc", status="IN_QUEUE"), _of(task_id="1234567890123"), _of(job_id="job-7f3a0b12c4d5"), _of(id="7f3a0b12c4d5e6f7"),
        _of(status_url="https://queue.fal.run/fal-ai/flux/requests/0f1e2d3c-0000-4000-8000-123456789abc/status"),
        _of(urls={"get": "https://api.replicate.com/v1/predictions/gm3qorzdhgbfurvjtvhg6dckhu", "cancel": "https://api.replicate.com/v1/predictions/gm3qorzdhgbfurvjtvhg6dckhu/cancel"}),
        _of(sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"), _of(etag='"5d41402abc4b2a76b9719d911017c592"'), _of(md5="5d41402abc4b2a76b9719d911017c592"),
        _of(seed=1234567890123), _of(created=1713833628, expires_at=1713833628), _of(version="da77bc59ee60423279fd632efb4795ab731d9e3ca9705ef3341091fb989b7eaf"),
        _of(model="black-forest-labs/FLUX.1-dev", lora="https://civitai.com/api/download/models/128713"), _of(revised_prompt="A key, a code and a token on a table"),
        _of(finish_reason="stop", native_finish_code="200"), _of(output="data:image/png;base64," + "iVBORw0KGgo" * 40), _of(b64_json="AAAAsk/hf+org/AKIAIOSFODNN7EXAMPLEabc"),
        _of(parameters={"type": "object", "required": ["api_key", "prompt"], "properties": {"size": {"enum": ["1024x1024"]}}}), _of(loc=["header", "x-api-key"], msg="field required"),
        _of(headers=[{"name": "content-type", "value": "image/png"}]), _of(user="", secret=[], auth={}, session=None, token=False),
        _of(keyboard="qwerty123456", monkey="a1b2c3d4e5f6a7b8", turkey_sign="stop"), _of(auth="none", credentials="include", session="morning", authentication="required"),
        _of(storage_key="fox/2024/06/01/image-00001.png", cache_key="sdxl-1.0-fox", partition_key="fox"), _of(status_code=200000, error_code="1234567a"),
        "url=https%3A%2F%2Fa.example%2Ffox.png%3Fw%3D1024%26v%3D2024&prompt=a+fox", "prompt=a+fox&n=1&size=1024x1024&user_id=42&code=200&key=red",
        "<a><key>prompt</key><string>a fox</string><code>404</code><sign>stop</sign></a>", "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
        "data: {\"type\": \"session.created\", \"n\": 1}\n\ndata: [DONE]\n\n", "event: token\ndata: fox\n\n",
        "--XyZ\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\na fox with a key\r\n--XyZ--\r\n",
    )
) + tuple(
    ("url", url)
    for url in (
        "https://a.example/fox.png?s=1024", "https://a.example/fox.png?key=red", "https://a.example/cb?code=200&state=a", "https://a.example/app.js?v=20240601123456",
        "https://www.gravatar.com/avatar/205e460b479e2e5b48aec07710c08d50?s=200&d=identicon", "https://api.openai.com/v1/images/generations", "https://a.example/w_100,h_100/fox.png?sign=stop",
        "https://queue.fal.run/fal-ai/flux/requests/0f1e2d3c-0000-4000-8000-123456789abc", "https://api.replicate.com/v1/models/black-forest-labs/flux-dev/predictions",
        "https://a.openai.azure.com/openai/deployments/dall-e-3/images/generations?api-version=2024-02-01", "https://example.com:8080/a@b", "http://127.0.0.1:41234/v1?task_id=7f3a0b12c4d5",
        "https://a.blob.core.windows.net/c/fox.png?se=2024-06-01T00%3A00%3A00Z&sp=r&sv=2024-11-04&sr=b", "https://b.s3.amazonaws.com/fox.png?X-Amz-Date=20240601T000000Z&X-Amz-Expires=3600",
        "https://api.stability.ai/v2beta/stable-image/generate/core", "https://huggingface.co/stabilityai/stable-diffusion-xl-base-1.0/resolve/main/fox.png",
        "https://a.example/users/me/files", "https://a.example/token/refresh", "https://fal.media/files/lion/5wFMSJcKbOk7cz4Og2IHf_1a2b3c.png", "https://a.example/search?q=api+key&lang=en",
        "https://replicate.delivery/pbxt/abcDEF/out-0.png", "https://a.example/projects", "https://a.example/?size=1024x1024&hash=5d41402abc4b2a76b9719d911017c592",
    )
)  # fmt: skip
# Written by hand: messages, answers and URLs as services send them.
MORE_INNOCENTS: tuple[tuple[str, str], ...] = (
    ("url", "https://example.com/docs/webhooks/getting-started-2024"),
    ("url", "https://example.com/docs/webhooks/introduction-to-webhooks-v2"),
    ("url", "https://x.example/tags?hash=d41d8cd98f00b204e9800998ecf8427e&st=2024-06-01T00%3A00%3A00Z&h=1024&ok=1"),
    ("url", "https://x.example/v1/8f3a2b1c4d5e6f708192a3b4c5d6e7f8"),
    ("body", "user=admin on a retro terminal"),
    ("body", '{"secret": {"maxLength": 123456, "examples": ["abc"]}}'),
    ("body", '{"secret": {"description": "x", "type": "string", "default": "abc"}}'),
    ("body", '{"name": "password", "default": "none yet"}'),
    ("body", "prompt=a+poster,+password:+swordfish+on+a+wall&n=1"),
    ("body", "a fox, a secret\na token, of love\n"),
    ("body", "the idempotency-key 9f8e7d6c5b4a39281706aabb was used"),
    ("body", "<r><credentials><type>9f8e7d6c5b4a39281706aabb</type></credentials></r>"),
    ("body", '{"state": "eyJwcm9tcHQiOiAiYSBmb3ggaW4gdGhlIHNub3cifQ=="}'),
    ("body", "password: none at 100% of x"),
    ("body", "<r><credentials><a>plain</a></credentials></r>"),
    ("body", "eyJwcm9tcHQiOiAiYSBmb3ggaW4gdGhlIHNub3cif"),
    ("body", "A fox holding a sign: 'API key: required'"),
    ("body", "secret: nobody knows what the fox does"),
    ("body", "Secret: the fox"),
    ("body", "password: swordfish please"),
    ("body", "The password is swordfish"),
    ("body", "token: a coin"),
    ("body", "Authorization: none"),
    ("body", "sign in to continue"),
    ("body", "key: value pairs, code: 1234, pin 2024"),
    ("body", "username: fox, email: none"),
    ("body", "user: 'fox'"),
    ("body", "the session id was lost"),
    ("body", "cookies: 3 chocolate chips"),
    ("body", "signature style: Monet 1872"),
    ("body", "project: autumn"),
    ("body", "account: savings"),
    ("body", "org: none"),
    ("body", "a poster of https://example.com/?q=fox and user@example.com"),
    ("body", "render 'x = y * 2; key = fox'"),
    ("body", "1girl, masterpiece, best_quality, (detailed:1.2), <lora:foxstyle_v2:0.8>"),
    ("body", "score_9, score_8_up, score_7_up, source_anime"),
    ("body", "negative_prompt: bad_hands_5, easynegative"),
    ("body", "seed=12345678901, cfg=7.5, steps=30, sampler=DPM++ 2M Karras"),
    ("body", "model hash: 6ce0161689, size: 512x768"),
    ("body", "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1234567890, Size: 512x512, Model hash: e04b020012"),
    ("body", "--ar 16:9 --v 6.1 --style raw --seed 123456789 --sref 1234567890"),
    ("body", "/imagine prompt: a fox --no people --key light"),
    ("body", "bearer tokens in a forest 12"),
    ("body", "Bearer ABCDEFGHIJKLMNOP"),
    ("body", "basic instincts"),
    ("body", "token ring topology diagram, 10BASE-T"),
    ("body", "the code 0xDEADBEEF on a screen"),
    ("body", "a qr code: https://example.com/fox?id=42"),
    ("body", "hex colour #a7b8c9, RGB(1,2,3)"),
    ("body", "key visual 2024-06-01T12:00:00Z"),
    ("body", "Keyframe 00012 of 24000"),
    ("body", "user manual v2.3.4 of XJ-9000"),
    ("body", "session 12345"),
    ("body", "ISBN 978-3-16-148410-0"),
    ("body", "phone +49 30 1234567"),
    ("body", "credit: Jane, credentials: none"),
    ("body", "auth: basic, tls: yes"),
    ("body", "signed by: fox"),
    ("body", "code=404"),
    ("body", "key=red&size=large"),
    (
        "body",
        '{"model": "flux", "version": "ac732df83cea7fff18b8472768c88ad041fa750ff7682a21affe81863cbe77e4", "output": ["https://replicate.delivery/yhqm/bh9SsjWXY3pGKJyQzYjQlsZPzcNZ4EYOeEsPjFytc5TjYeNTA/R8_FLUX_XLABS_00001_.webp"]}',
    ),
    (
        "body",
        '{"id": "img_6812a0b7f7d48191b8d2b3b9", "object": "image", "created_at": 1745000000, "status": "completed", "background": false, "error": null}',
    ),
    (
        "body",
        '{"id": "resp_67c9fdcecf488190bdd9a0409de3a1ec07b8b0ad4e5eb654", "output": [{"id": "ig_67c9fdcecf488190bdd9a0409de3a1ec07b8b0ad4e5eb654", "type": "image_generation_call"}], "previous_response_id": "resp_abc", "parallel_tool_calls": true, "tool_choice": "auto", "usage": {"input_tokens": 36, "output_tokens": 87}}',
    ),
    (
        "body",
        '{"type": "image_generation.partial_image", "b64_json": "AAAA", "created_at": 1, "partial_image_index": 0}',
    ),
    (
        "body",
        '{"images": [{"url": "https://v3.fal.media/files/rabbit/rmgBxhwGYb2d3pl3x9sKf_output.png", "width": 1024, "height": 768, "content_type": "image/jpeg"}], "timings": {"inference": 1.2}, "seed": 15860307465884635512, "has_nsfw_concepts": [false], "prompt": "a fox"}',
    ),
    ("body", '{"artifacts": [{"base64": "AAAA", "seed": 1050625087, "finishReason": "SUCCESS"}]}'),
    (
        "body",
        '{"created": "2024-08-27T00:00:00Z", "data": [{"is_image_safe": true, "prompt": "x", "resolution": "1024x1024", "seed": 12345, "url": "https://ideogram.ai/api/images/ephemeral/xtdZiqPwRxqY1Y7NExFmzB.png", "style_type": "REALISTIC"}]}',
    ),
    (
        "body",
        '{"status": "IN_QUEUE", "request_id": "80e732af-660e-45cd-bd63-580e4f2a94cc", "response_url": "https://queue.fal.run/fal-ai/fast-sdxl/requests/80e732af-660e-45cd-bd63-580e4f2a94cc", "queue_position": 0, "logs": null, "metrics": {}}',
    ),
    (
        "body",
        '{"id": "3a2c", "polling_url": "https://api.eu1.bfl.ai/v1/get_result?id=0f1e2d3c-0000-4000-8000-123456789abc", "status": "Pending"}',
    ),
    (
        "body",
        '{"generations_by_pk": {"generated_images": [{"url": "https://cdn.leonardo.ai/x.jpg", "nsfw": false, "id": "123e4567-e89b-12d3-a456-426614174000"}], "modelId": "6bef9f1b-29cb-40c7-b9df-32b51c1f67d3", "status": "COMPLETE", "seed": 465788672}}',
    ),
    (
        "body",
        '{"taskId": "123e4567-e89b-12d3-a456-426614174000", "task_status": "SUCCEED", "output": {"task_id": "123e4567e89b12d3a456426614174000"}, "request_id": "a7"}',
    ),
    (
        "body",
        '{"predictions": [{"mimeType": "image/png", "bytesBase64Encoded": "AAAA"}], "modelVersion": "gemini-2.0-flash-exp-image-generation", "responseId": "aBcDeFgHiJkLmN0p1Q"}',
    ),
    (
        "body",
        '{"candidates": [{"content": {"parts": [{"text": "Here is the fox", "thoughtSignature": "EpoGCpcGAXLI2nx1k9a8b7"}], "role": "model"}, "finishReason": "STOP", "avgLogprobs": -0.1}]}',
    ),
    (
        "body",
        '{"error": {"code": 401, "message": "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.", "status": "UNAUTHENTICATED", "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "ACCESS_TOKEN_TYPE_UNSUPPORTED", "domain": "googleapis.com", "metadata": {"service": "aiplatform.googleapis.com", "method": "google.cloud.aiplatform.v1.PredictionService.Predict"}}]}}',
    ),
    (
        "body",
        '{"error": {"message": "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.", "type": "invalid_request_error", "param": null, "code": "invalid_api_key"}}',
    ),
    (
        "body",
        '{"error": {"message": "You didn\'t provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you\'re accessing the API from your browser and are prompted for a username and password. You can obtain an API key from https://platform.openai.com/account/api-keys."}}',
    ),
    ("body", '{"detail": "Authentication credentials were not provided.", "title": "Unauthenticated", "status": 401}'),
    ("body", '{"detail": [{"loc": ["body", "prompt"], "msg": "field required", "type": "value_error.missing"}]}'),
    (
        "body",
        '{"name": "invalid_style_preset", "errors": ["style_preset: must be one of 3d-model, analog-film"], "id": "1f1e2d3c4b5a69788796a5b4c3d2e1f0"}',
    ),
    ("body", '{"code": "InvalidParameter", "message": "x", "Code": "AuthFailure.SignatureFailure"}'),
    (
        "body",
        '{"code": 1000, "code_msg": "ok", "msg": "success", "data": {"task_id": "CjMkWGdIqU0AAAAAAC3eqQ", "task_status": "submitted"}}',
    ),
    (
        "body",
        '{"content_filter_results": {"hate": {"filtered": false, "severity": "safe"}}, "user_prompt": "x", "username_policy": "x", "session_count": 3, "account_type": "free", "project_type": "x", "org_name": "x"}',
    ),
    (
        "body",
        '{"keyframes": [{"key": "scene_1", "t": 0}], "keywords": ["fox"], "keypoints": [[1.123456, 2.123456]], "key_frame": 1234567, "hotkey": "ctrl+s", "primary_color": "#fff"}',
    ),
    (
        "body",
        '{"tokenizer": "cl100k_base", "eos_token": "<|endoftext|>", "bos_token": "<s>", "pad_token_id": 50256, "tokens": ["a", " fox"], "num_tokens": 1234567}',
    ),
    (
        "body",
        '{"assignee": "fox", "authored_by": "fox", "author": "fox1234abcd5678", "signature_version": "s3v4", "signed": true, "design": "x", "designation": "x9f8e7d6c", "sign_in": "x", "signup_code": "x"}',
    ),
    (
        "body",
        '{"passes": 3, "password_required": false, "passed": true, "compass": "n", "secrets_found": 0, "cookies_enabled": true, "keys": 12345678, "codec": "h264", "encoded": "x", "codes": [1, 2]}',
    ),
    (
        "body",
        '{"checksum": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "digest_algorithm": "sha256", "hash": "5d41402abc4b2a76b9719d911017c592", "integrity": "sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K", "digest": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}',
    ),
    (
        "body",
        '{"organization": "", "project": null, "account": [], "users": [{"n": 1}], "emails": 0, "customer": {"tier": "gold"}, "session": {"type": "realtime", "voice": "alloy", "model": "gpt-4o-realtime-preview-2024-12-17", "modalities": ["text"], "temperature": 0.8}}',
    ),
    (
        "body",
        '{"mime": "image/png", "filename": "fox_20240601_123456.png", "path": "/outputs/2024/06/01/fox.png", "image_id": "123e4567-e89b-12d3-a456-426614174000", "parent_id": 123456789012}',
    ),
    (
        "body",
        '{"properties": {"user": {"type": "string", "description": "A unique identifier"}, "api_key": {"type": "string", "description": "Your key", "default": null}}}',
    ),
    ("url", "https://a.example/a.css?ver=6.4.3"),
    ("url", "https://a.example/img?w=640&q=75&fm=jpg&fit=crop&s=640"),
    ("url", "https://images.unsplash.com/photo-1543549790-8b5f4a028cfb?ixlib=rb-4.0.3&w=100"),
    ("url", "https://a.example/?page_token=abc&next_token=7f3a0b12c4d5"),
    ("url", "https://a.example/item?sku=AB12CD34&code=SAVE20"),
    ("url", "https://a.example/oauth/authorize?client_id=abc&response_type=code&scope=read"),
    ("url", "https://a.example/v1/users"),
    ("url", "https://a.example/code/fox2024.py"),
    ("url", "https://github.com/owner/repo/blob/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b/key/a.png"),
    ("url", "https://a.example/accounts/login"),
    ("url", "https://a.example/sessions/new"),
    ("url", "https://a.example/teams/red/members"),
    ("url", "https://a.example/hooks/usestate"),
    ("url", "https://discord.com/channels/123456789012345678/123456789012345678"),
    ("url", "https://cdn.discordapp.com/attachments/1234567890/1234567890/fox.png?ex=65b&is=65a"),
    ("url", "https://res.cloudinary.com/demo/image/upload/v1312461204/sample.jpg"),
    ("url", "https://a.example/services/imaging"),
    ("url", "https://a.example/workflows/fox-flow/runs"),
    ("url", "https://api.example/v1/organization/usage"),
    ("url", "https://storage.googleapis.com/falserverless/model_tests/orbit/astronaut.png"),
    (
        "url",
        "https://oaidalleapiprodscus.blob.core.windows.net/private/x.png?st=2024-01-01T00%3A00%3A00Z&se=2024&sp=r&sv=2021-08-06&sr=b&rscd=inline&rsct=image/png&skt=2024&ske=2024&sks=b&skv=2021",
    ),
    ("url", "https://fal.media/files/penguin/k3zq1v2x.png"),
    ("url", "https://user-images.githubusercontent.com/1234/5678.png"),
    ("url", "https://a.example/?md5=5"),
)

MORE_NAMES = (
    "api key",
    "API Key",
    "X-API-KEY",
    "apiToken",
    "authentication_token",
    "ApiKeyAuth",
    "x-auth-token",
    "xAuthToken",
    "auth-token",
    "access-key",
    "AccessKeyID",
    "secretKey",
    "SECRET",
    "client-secret",
    "user_password",
    "userPassword",
    "new_password",
    "db_password",
    "DB_PASS",
    "MYSQL_PASSWORD",
    "pg_password",
    "encryptedPassword",
    "passcode",
    "pass_phrase",
    "privateKey",
    "private-key-pem",
    "rsa_private_key",
    "service_account_key",
    "webhookSecret",
    "signing_key",
    "hmac_key",
    "hmacSecret",
    "x-hub-signature-secret",
    "oauth_token",
    "oauth_token_secret",
    "oauthToken",
    "consumer_key",
    "consumerSecret",
    "bot_token",
    "botToken",
    "slack_token",
    "github_token",
    "GITHUB_TOKEN",
    "hf_token",
    "HF_TOKEN",
    "REPLICATE_API_TOKEN",
    "FAL_KEY",
    "falKey",
    "OPENAI_API_KEY",
    "AZURE_OPENAI_API_KEY",
    "GEMINI_API_KEY",
    "STABILITY_API_KEY",
    "deviceToken",
    "id-token",
    "idToken",
    "session-token",
    "sessionKey",
    "csrfToken",
    "xsrf-token",
    "csrfmiddlewaretoken",
    "authenticity_token",
    "jwtToken",
    "JWT",
    "bearerToken",
    "bearer_token",
    "connectionString",
    "sasToken",
    "SAS",
    "otp",
    "licenseKey",
    "appKey",
    "app_secret",
    "appSecret",
    "app_id_secret",
    "personal_access_token",
    "x-goog-api-key",
    "ocp-apim-subscription-key",
    "Authorization",
    "proxyAuthorization",
    "X-Amz-Security-Token",
    "aws_session_token",
    "AWS_SECRET_ACCESS_KEY",
    "Set-Cookie",
    "subscriptionKey",
    "masterKey",
    "adminKey",
    "rootPassword",
    "upload_token",
    "accountKey",
    "AccountKey",
    "SharedAccessKey",
    "cookie_secret",
    "secret_key_base",
    "django_secret",
    "decryptionKey",
    "walletKey",
    "mnemonic",
    "api_auth",
    "http_password",
    "ftp_password",
    "smtp_password",
    "proxy_password",
    "keystore_password",
    "token_secret",
    "refreshtoken",
    "accesstoken",
    "clientsecret",
    "authtoken",
    "apisecret",
)
MORE_FORMS = (
    "AccountName=fox;AccountKey=SeCr3tV4lue99+9f8e7d6c5b4a39281706aabb==",
    "CFG=api_key=Ab3+SeCr3tV4lue99",
    "--header=x-api-key:Ab3+SeCr3tV4lue99",
    "<https://cdn.x.example/f.png?X-Amz-Signature=9f8e7d6c5b4a39281706aabb>; rel=next",
    "<https://cdn.x.example/f.png?token=9f8e7d6c5b4a39281706aabb|fox> is ready",
    "<think>so</think> Authorization: Bearer 9f8e7d6c5b4a39281706aabb",
    "<request> had api_key=swordfish",
    "<!-- api_key=swordfish --><r/>",
    "<p>wrong<br>api_key=swordfish</p>",
    "<img src=https://x.example/z.png?sig=9f8e7d6c5b4a39281706aabb>",
    "<r><d>{&quot;api_key&quot;:&quot;swordfish&quot;}</d></r>",
    "{&quot;api_key&quot;:&quot;swordfish&quot;}",
    "{&amp;quot;passphrase&amp;quot;:&amp;quot;swordfish&amp;quot;}",
    "{&quot;passphrase&quot;:&quot;swordfish&quot;}",
    "name,passphrase\nfox,SeCr3tV4lue99\n",
    "<r><credentials><a/></b><value>9f8e7d6c5b4a39281706aabb</value></credentials></r>",
    "error: <Error><SignatureProvided>9f8e7d6c5b4a39281706aabb</SignatureProvided></Error>",
    "client_secret '9f8e7d6c5b4a39281706aabb' mismatch",
    "ApiKey 9f8e7d6c5b4a39281706aabb",
    "AccessKey 9f8e7d6c5b4a39281706aabb",
    "access key id 9f8e7d6c5b4a39281706aabb",
    "Ocp-Apim-Subscription-Key 9f8e7d6c5b4a39281706aabb",
    "token was 9f8e7d6c5b4a39281706aabb",
    "token is: 9f8e7d6c5b4a39281706aabb",
    "session id: 9f8e7d6c5b4a39281706aabb",
    "api_key -> 9f8e7d6c5b4a39281706aabb",
    "https://x.example/f.png?w=1&sv_sig=9f8e7d6c5b4a39281706aabb",
    "https://x.example/f.png?w=1&edgetoken=9f8e7d6c5b4a39281706aabb",
    "https://x.example/f.png?w=1&csrf=9f8e7d6c5b4a39281706aabb",
    "https://x.example/f.png?w=1&tk=9f8e7d6c5b4a39281706aabb",
    "https://x.example/f.png?w=1&h=9f8e7d6c5b4a39281706aabb",
    "https://x.example/f.png?w=1&hash=9f8e7d6c5b4a39281706aabb9f8e7d6c5b4a39281706aabb",
    "https://x.example/f;jsessionid=9f8e7d6c5b4a39281706aabb/x.png",
    "https://x.example/token=9f8e7d6c5b4a39281706aabb/x.png",
    "https://hc-ping.com/9f8e7d6c5b4a39281706aabb",
    "https://i.x.example/SeCr3tV4lue99SeCr3tV4lue997=/300x200/f.png",
    "https://i.x.example/SeCr3tV4lue99SeCr3tV4lue99SeCr3tV4lue99abcd/rs:fill:300/aHR0.png",
    "https://mainnet.infura.io/v3/9f8e7d6c5b4a39281706aabb12345678",
    "https://eth.x.example/v2/SeCr3tV4lue99SeCr3tV4lue99abcdef",
    "/x/AKIA9F8E7D6C5B4A3928/y?sig=9f8e7d6c5b4a39281706aabb",
    'name,"api_key"\nfox,9f8e7d6c5b4a39281706aabb\n"a fox","SeCr3tV4lue99"\n',
    '{"title": "X-Api-Key", "value": "swordfish"}',
    '{"default": "9f8e7d6c5b4a39281706aabb", "name": "api_key"}',
    '{"keys": {"9f8e7d6c5b4a39281706aabb": {"active": true}}}',
    "X-Api-Key: swordfish\r\nPrompt: a fox\r\n",
    "api_key: swordfish\nprompt: a fox\n",
    "password=swordfish",
    "--api-key SeCr3tV4lue99",
    "--api-key=swordfish",
    "--token 9f8e7d6c5b4a39281706aabb",
    "token=9f8e7d6c5b4a39281706aabb;x",
    "(api_key=swordfish)",
    "[api_key=swordfish]",
    "api_key = swordfish",
    "api_key => swordfish",
    '"api_key" = "swordfish"',
    "api_key: 'swordfish'",
    "?api_key=swordfish",
    "{api_key: swordfish, n: 1}",
    "Bearer: SeCr3tV4lue997aa8bb99",
    "Authorization Bearer 9f8e7d6c5b4a39281706aabb",
    "authorization=Bearer swordfish",
    "authorization=Bearer%20swordfish",
    "<Authorization>Bearer swordfish</Authorization>",
    "key: 9f8e7d6c5b4a39281706aabb",
    "Token token=9f8e7d6c5b4a39281706aabb",
    'Authorization: Token token="9f8e7d6c5b4a39281706aabb"',
    "with token '9f8e7d6c5b4a39281706aabb'",
    "invalid key 9f8e7d6c5b4a39281706aabb",
    "secret swordfish1a2b3c4d5e",
    "\\u0026sig=swordfish",
    "a\\u0026sig=swordfish\\u0026b=1",
    "&amp;sig=swordfish&amp;b",
    "%26sig%3Dswordfish%26b",
    "%2526sig%253Dswordfish%2526",
    "sig=swordfish",
    "x;sig=swordfish",
    "GET /a?sig=swordfish HTTP/1.1",
    "/a?x=1&sig=swordfish",
    "redis://:swordfish@h:6379/0",
    "mongodb+srv://u:swordfish@h/x",
    "amqp://u:swordfish@h",
    "https://u:swordfish@h",
    "ws://u:swordfish@h",
    "jdbc:postgresql://h/db?user=x&password=swordfish",
    "Server=h;Database=d;User Id=u;Password=swordfish;",
    "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=swordfish;EndpointSuffix=x",
    "Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey=swordfish",
    'data: {"api_key": "swordfish"}\r\rdata: x\r\r',
    ": comment api_key=swordfish\n\ndata: x\n\n",
    'data:{"api_key":"swordfish"}\n\n',
    "id: 1\nevent: x\ndata: api_key=swordfish\n\n",
    'callback({"api_key": "swordfish"})',
    '\ufeff{"api_key": "swordfish"}',
    '// c\n{"api_key": "swordfish"}',
    '{"api_key" : \n "swordfish"}',
    "{'api_key':'swordfish'}",
    '{\\"api_key\\": \\"swordfish\\"}',
    '{"query": "mutation { login(password: \\"swordfish\\") }"}',
    '{"query": "{ a(apiKey: \\"swordfish\\") }"}',
    "https://a/?data=%7B%22api_key%22%3A%22swordfish%22%7D",
    "payload=%7B%22api_key%22%3A%22swordfish%22%7D",
    "https://a/#access_token=swordfish&x",
    "https://a/;jsessionid=9f8e7d6c5b4a39281706aabb",
    "https://a/p;token=9f8e7d6c5b4a39281706aabb/x",
    '<input type="password" name="password" value="swordfish">',
    '<meta name="csrf-token" content="swordfish">',
    "<a:Password Type='x'>swordfish</a:Password>",
    "<wsse:Security><wsse:Password>\n swordfish\n</wsse:Password></wsse:Security>",
    "<Credentials><SecretAccessKey>swordfish</SecretAccessKey></Credentials>",
    "<x api-key='swordfish' />",
    "<secret>swordfish",
    "<api_key>swordfish</api_key >",
    '["--api-key", "9f8e7d6c5b4a39281706aabb"]',
    '[["Authorization", "Bearer 9f8e7d6c5b4a39281706aabb"]]',
    '{"headers": {"Authorization": ["Bearer swordfish"]}}',
    '{"header": "Authorization: Bearer swordfish"}',
    '{"headers": ["X-Api-Key: swordfish"]}',
    '{"Name": "x-api-key", "Value": "swordfish"}',
    '{"key": "api_key", "value": "swordfish", "type": "text"}',
    '{"id": "password", "val": "swordfish"}',
    '{"k":"token","v":"9f8e7d6c5b4a39281706aabb"}',
    '{"api_key": {"value": "swordfish"}}',
    '{"name":"password","values":["swordfish"]}',
    '{"name":"password","value":{"string":"swordfish"}}',
    '{"api\\u005fkey":"swordfish"}',
    '{"\\u0061pi_key":"swordfish"}',
    '{"a":"{\\u0022api_key\\u0022:\\u0022swordfish\\u0022}"}',
    '{"api_key":"swordfish',
    'i_key":"x","api_key":"swordfish"}',
    '{"secret": [["swordfish"]]}',
    '{"password": [{"a": "swordfish"}]}',
    "a=1&b=password%3Dswordfish",
    "a=%7B%27api_key%27%3A+%27swordfish%27%7D",
    "api%255Fkey=swordfish&a=b",
    "api.key=swordfish&a=1",
    "api-key=swordfish&a=1",
    "user[password]=swordfish&x=1",
    "user%5Bpassword%5D=swordfish",
    "credentials[0][password]=swordfish",
    "password[]=swordfish&a=1",
)
"""Each holds `swordfish`, or one of the two that look like a secret."""
SECRETS_OF_FORMS = ("swordfish", "SeCr3tV4lue99", "9f8e7d6c5b4a39281706aabb")
