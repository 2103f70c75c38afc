"""Log-shaped lines from a seed: with one secret each, by kind and carrier; and clean ones that look like secrets.

Nothing here is a real credential: every value is drawn. Markers are put together at run time, so that scanners of
repositories find nothing in this file either.
"""

import base64
import json
import random
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

ALNUM = string.ascii_letters + string.digits
BASE64 = ALNUM + "+/"
URLSAFE = ALNUM + "-_"
HEX = "0123456789abcdef"
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

Rng = random.Random
Maker = Callable[[Rng], str]


@dataclass(frozen=True)
class Planted:
    """`secret` must not be readable in the redacted `line`. `is_hard`: nothing in the line says what it is."""

    kind: str
    line: str
    secret: str
    is_hard: bool = False


def draw(rng: Rng, alphabet: str, length: int) -> str:
    return "".join(rng.choice(alphabet) for _ in range(length))


def mixed(rng: Rng, alphabet: str, length: int) -> str:
    """Of upper and lower case and with a digit, as every key that is drawn at random and long."""
    own = [rng.choice(string.ascii_uppercase), rng.choice(string.ascii_lowercase), rng.choice(string.digits)]
    own += [rng.choice(alphabet) for _ in range(length - 4)]
    rng.shuffle(own)
    return rng.choice(ALNUM) + "".join(own)


def card(rng: Rng) -> str:
    prefix, length = rng.choice([("4", 16), ("53", 16), ("37", 15), ("6011", 16), ("36", 14), ("2400", 16)])
    digits = [int(c) for c in prefix + draw(rng, string.digits, length - len(prefix) - 1)]
    doubled = [sum(divmod(2 * d, 10)) if i % 2 == 0 else d for i, d in enumerate(reversed(digits))]
    number = "".join(map(str, digits)) + str(-sum(doubled) % 10)
    return number if rng.random() < 0.5 or length != 16 else " ".join(number[i : i + 4] for i in range(0, 16, 4))


def private_key(rng: Rng) -> str:
    kind = rng.choice(["RSA ", "EC ", "OPENSSH ", "", "ENCRYPTED "])
    body = "\n".join(draw(rng, BASE64, 64) for _ in range(rng.randint(2, 6)))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----"


def jwt(rng: Rng) -> str:
    parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": draw(rng, ALNUM, 12), "exp": rng.randint(10**9, 2 * 10**9)}]
    encoded = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts]
    return ".".join([*encoded, draw(rng, URLSAFE, 43)])


def password(rng: Rng) -> str:
    return rng.choice([draw(rng, string.ascii_lowercase, 9), draw(rng, ALNUM + "!#%*_.-", 14), mixed(rng, ALNUM, 20)])


SECRETS: Mapping[str, Maker] = {
    "aws-key": lambda rng: rng.choice(["AKIA", "ASIA"]) + draw(rng, string.ascii_uppercase + "234567", 16),
    "aws-secret": lambda rng: mixed(rng, BASE64, 40),
    "private-key": private_key,
    "jwt": jwt,
    "bearer": lambda rng: mixed(rng, URLSAFE, rng.choice([24, 40, 64])),
    "basic": lambda rng: base64.b64encode(f"{draw(rng, ALNUM, 6)}:{draw(rng, ALNUM, 10)}".encode()).decode(),
    "password": password,
    "url-password": lambda rng: draw(rng, ALNUM + "%-_.!$", rng.randint(6, 24)),
    "slack-token": lambda rng: f"xox{rng.choice('abp')}-{draw(rng, string.digits, 12)}-{draw(rng, ALNUM, 24)}",
    "github-token": lambda rng: rng.choice(["ghp_", "gho_", "ghs_"]) + draw(rng, ALNUM, 36),
    "pagerduty-key": lambda rng: rng.choice([draw(rng, HEX, 32), mixed(rng, URLSAFE, 20)]),
    "openai-key": lambda rng: "sk-" + rng.choice(["", "proj-", "ant-api03-"]) + mixed(rng, ALNUM, 40),
    "stripe-key": lambda rng: rng.choice(["sk", "rk"]) + rng.choice(["_live_", "_test_"]) + draw(rng, ALNUM, 24),
    "google-key": lambda rng: "AIza" + draw(rng, URLSAFE, 35),
    "card": card,
    "email": lambda rng: f"{draw(rng, string.ascii_lowercase, 6)}.{draw(rng, string.ascii_lowercase, 5)}@example.com",
    "cookie": lambda rng: mixed(rng, ALNUM, 32),
}  # fmt: skip

ANYWHERE = (
    "{v}",
    "2026-11-24T12:00:00.123Z ERROR [exec-3] upload failed for {v}: AccessDenied",
    "level=warn msg=retrying credential={v} attempt=3",
    '{{"level":"info","context":{{"given":"{v}","n":3}}}}',
    "Traceback (most recent call last): File \"app.py\", line 3, in f\nValueError: invalid value '{v}'",
    "GET /callback?state=1&x={v}&y=2 HTTP/1.1 401",
)
CARRIERS: Mapping[str, tuple[str, ...]] = {
    "aws-key": (*ANYWHERE, "cache.{v}: evicted", "quota.{v}.used=3"),
    "aws-secret": (
        "aws_secret_access_key = {v}",
        "AWS_SECRET_ACCESS_KEY={v}",
        '{{"SecretAccessKey": "{v}", "Expiration": "2026-11-24T12:00:00Z"}}',
        "signing with secret {v} failed",
        "credentials AKIAABCDEFGHIJKLMNOP / {v}",
        "export AWS_SECRET_ACCESS_KEY='{v}'",
    ),
    "bearer": (
        "Authorization: Bearer {v}",
        "> authorization: bearer {v}",
        '{{"headers": {{"Authorization": "Bearer {v}", "Accept": "*/*"}}}}',
        "curl -H 'Authorization: Bearer {v}' https://api.example.com/v1",
        "access_token={v}&expires_in=3600",
        "X-Auth-Token: {v}",
    ),
    "basic": (
        "Authorization: Basic {v}",
        "proxy-authorization: basic {v}",
        '{{"authorization":"Basic {v}"}}',
        "upstream refused 'Basic {v}'",
    ),
    "password": (
        "password={v}",
        "DB_PASSWORD={v} DB_HOST=db",
        "spring.datasource.password: {v}",
        '{{"user": "app", "password": "{v}"}}',
        '{{"event": "{{\\"user\\": \\"app\\", \\"dbPassword\\": \\"{v}\\"}}"}}',
        "Server=db;Database=shop;User Id=sa;Password={v};Encrypt=true",
        "mysqldump --user app --password {v} shop",
        "login failed, user=app pwd={v}, retrying",
        '[{{"name": "MYSQL_ROOT_PASSWORD", "value": "{v}"}}]',
        "jdbc:postgresql://db/shop?user=app&password={v}&ssl=true",
        "client_secret => {v}",
        "'api_key': '{v}'",
        "<password>{v}</password>",
        '<db:Password type="plain">{v}</db:Password><db:User>app</db:User>',
        "request was &lt;user&gt;app&lt;/user&gt;&lt;password&gt;{v}&lt;/password&gt;",
    ),
    "url-password": (
        "cannot connect to postgres://shop:{v}@db.internal:5432/shop",
        "redis://:{v}@cache:6379/0 refused",
        "DATABASE_URL=mysql2://root:{v}@10.0.0.5/shop?pool=5",
        "fetching https://ci:{v}@git.example.com/shop.git",
        '{{"broker": "amqp://guest:{v}@mq:5672//"}}',
    ),
    "pagerduty-key": (
        "pagerduty integration key {v} rejected",
        '{{"routing_key": "{v}", "event_action": "trigger"}}',
        "Authorization: Token token={v}",
        "PAGERDUTY_TOKEN={v}",
        "PAGERDUTY_ROUTING_KEY={v}",
    ),
    "cookie": (
        "Cookie: session={v}; theme=dark",
        "Set-Cookie: sid={v}; Path=/; HttpOnly",
        '{{"headers": {{"cookie": "sid={v}"}}}}',
        "< set-cookie: AWSALB={v}; Expires=Tue",
    ),
    "private-key": (
        "{v}",
        "loaded key:\n{v}\nfor user deploy",
        "key pasted into the ticket: {v}",
    ),
    "card": (
        "charge declined for {v}",
        "pan={v} exp=12/29",
        '{{"amount": 12.5, "pan": "{v}"}}',
        '{{"amount": 12.5, "pan": {v}}}',
    ),
}
HARD: Mapping[str, tuple[str, ...]] = {
    "aws-secret": ("{v}", "retrying with {v}"),
    "password": ("the password is {v}", "login {v} refused", "IDENTIFIED BY '{v}'"),
    "pagerduty-key": ("using {v}",),
    "cookie": ("session {v} expired",),
    "bearer": ("got {v} from the vault",),
}


def planted(seed: int, each: int) -> Iterator[Planted]:
    """`each` lines of every kind in carriers that say what it is, and as many in those that do not."""
    rng = random.Random(seed)
    for kind, make in SECRETS.items():
        for is_hard, carriers in ((False, CARRIERS.get(kind, ANYWHERE)), (True, HARD.get(kind, ()))):
            for number in range(each if carriers else 0):
                secret = make(rng)
                carrier = carriers[number % len(carriers)]
                inside = json.dumps(secret)[1:-1] if carrier.startswith(("{{", "[{{")) else secret
                yield Planted(kind, carrier.format(v=inside), secret, is_hard)


def is_readable(secret: str, text: str) -> bool:
    """A part of the secret long enough to matter is still there: 12 characters, or the whole of a shorter one."""
    size = min(12, len(secret))
    lines = [part for part in secret.split("\n") if len(part) >= size and not part.startswith("-----")]
    return any(line[i : i + size] in text for line in lines for i in range(len(line) - size + 1))


CLEAN = (
    "2026-11-24T12:00:00.123+01:00 INFO [exec-{n}] c.e.shop.Orders request_id={uuid} user={n} status=200 in {n} ms",
    "pulled 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop@sha256:{sha256} for task {uuid}",
    "deployed commit {sha1} (was {sha1}) by pipeline {ulid}",
    "Root=1-{hex8}-{hex24} Self=1-{hex8}-{hex24} sampled=1 trace={hex32} span={hex16}",
    "arn:aws:iam::123456789012:role/shop-task assumed, principal AROA{upper17}:i-{hex17}",
    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-{alnum6} not found",
    "User: arn:aws:sts::123456789012:assumed-role/ci/i-{hex17} is not authorized to perform: ssm:GetParameter",
    "PutObject s3://shop-logs/2026/11/24/{uuid}.gz etag={hex32} size={n}",
    "event {ulid} of stream incident#{ulid} hash={sha256} prev={sha256}",
    "invalid token: expected ')' but found end of input at line {n}",
    "password authentication failed for user \"shop\" from 10.0.{n}.5",
    "authorization failed: token expired {n} s ago, retrying without it",
    "max_tokens={n} prompt_tokens={n} next_token=page{n} tokens: {n}",
    'Pod "shop-{alnum6}" failed: secret "db-credentials" not found',
    "secretKeyRef name=db key=password; optional=false",
    "kubelet: MountVolume.SetUp failed for volume \"token-{alnum6}\" : secret is not registered",
    "started getty@tty1.service and postgresql@14-main.service",
    "epoch {ms} {us} {ns} seq {digits19} order {digits12}",
    "SELECT * FROM orders WHERE key = 'orders:{n}' AND account = 123456789012 took {n} ms",
    'at com.example.auth.TokenService.verify(TokenService.java:{n}) ~[app.jar!/:1.{n}.0]',
    "sha512-{b64_88} integrity ok for lodash 4.17.{n}",
    "GET https://api.example.com:8443/v1/orders/{uuid}?page={n}&sort_key=created 200",
    "partition_key=orders-{n} sort_key={uuid} cache_key={hex32} routing_key=orders.created",
    '{{"level":"info","ts":{ms},"request_id":"{uuid}","path":"/v1/tokens","tokens":{n},"ok":true}}',
    "ssh: connect to host ip-10-0-{n}-5.eu-west-1.compute.internal port 22: Connection refused",
    "-----BEGIN CERTIFICATE----- chain of 3 loaded, fingerprint {fingerprint}",
    "basic health check passed; bearer realm unchanged; cookie jar empty; credentials: none",
    "gc pause {n}ms heap 0x{hex16} [0x{hex16}-0x{hex16}] key rotation in {n} days",
    "git clone git@github.com:example/shop.git at {sha1}",
    "X-Amzn-Trace-Id: Root=1-{hex8}-{hex24}; x-amz-request-id: {upper16}; x-amz-id-2 omitted",
    "user 'app'@'10.0.0.{n}' (using password: YES) denied",
    "usage: login <user> <password> [--token <token>] on host {n}",
    "<Error><Code>NoSuchKey</Code><Key>orders/{uuid}</Key><RequestId>{upper16}</RequestId></Error>",
    "<ListResult><NextToken>{alnum6}</NextToken><IsTruncated>true</IsTruncated><MaxKeys>{n}</MaxKeys></ListResult>",
    '{{"at_us": {us}, "at_ns": {ns}, "order": {digits19}, "account": {digits12}, "bytes": {n}}}',
    "pool.orders.{alnum6}: {n} idle, cache.tokens.size={n}",
    "passwordless login on; pass {n} of 5; token bucket refilled to {n}; keys scanned: {n}",
)  # fmt: skip


def clean(seed: int, count: int) -> Iterator[str]:
    """Lines in which nothing is secret, full of what looks so: ids, hashes, digests, ARNs, and prose about secrets."""
    rng = random.Random(seed)
    for number in range(count):
        yield CLEAN[number % len(CLEAN)].format_map(_Drawn(rng))


class _Drawn(dict[str, str]):
    """Every placeholder is drawn anew."""

    def __init__(self, rng: Rng) -> None:
        super().__init__()
        self._rng = rng

    def __missing__(self, name: str) -> str:
        rng = self._rng
        makers: dict[str, Callable[[], str]] = {
            "n": lambda: str(rng.randint(1, 254)),
            "uuid": lambda: "-".join(draw(rng, HEX, size) for size in (8, 4, 4, 4, 12)),
            "ulid": lambda: "01" + draw(rng, CROCKFORD, 24),
            "sha1": lambda: draw(rng, HEX, 40),
            "sha256": lambda: draw(rng, HEX, 64),
            "alnum6": lambda: draw(rng, ALNUM, 6),
            "upper16": lambda: "R" + draw(rng, CROCKFORD, 15),
            "upper17": lambda: draw(rng, CROCKFORD, 17),
            "b64_88": lambda: draw(rng, BASE64, 86) + "==",
            "ms": lambda: str(rng.randint(1_700_000_000_000, 1_800_000_000_000)),
            "us": lambda: str(rng.randint(1_700_000_000_000_000, 1_800_000_000_000_000)),
            "ns": lambda: str(rng.randint(1_700_000_000_000_000_000, 1_800_000_000_000_000_000)),
            "digits19": lambda: draw(rng, string.digits[1:], 19),
            "digits12": lambda: draw(rng, string.digits[1:], 12),
            "fingerprint": lambda: ":".join(draw(rng, HEX, 2).upper() for _ in range(20)),
        }
        if name.startswith("hex"):
            return draw(rng, HEX, int(name[3:]))
        return makers[name]()
