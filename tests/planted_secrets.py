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
