"""Redaction: what is secret becomes a tag, what only looks so stays, and no text makes it slow, or change its mind."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilibot.runtime import redact
from resilibot.runtime.redact import TOO_DEEP, Redactor
from resilibot.runtime.secret_forms import TAG, scan
from resilibot.runtime.secret_names import kind_of
from tests.support.seeded_secrets import ALNUM, clean, is_readable, planted

KEYED = Redactor(lambda: b"incident")
KEY_ID = "AKIA" + "ABCDEFGHIJKLMNOP"


def test_equal_values_have_equal_tags_within_an_incident_and_others_elsewhere() -> None:
    first, second = (TAG.findall(text) and text for text in map(KEYED.text, (f"a {KEY_ID}", f"b={KEY_ID}, again")))
    tag = first.removeprefix("a ")
    assert second == f"b={tag}, again"
    assert Redactor(lambda: b"another").text(KEY_ID) != tag
    assert Redactor().text(KEY_ID) == "[aws-key]"


def test_a_value_has_the_same_digits_whatever_says_that_it_is_secret() -> None:
    value = "ghp_" + ALNUM[:36]
    texts = [f"token={value}", f'{{"password": "{value}"}}', f"Authorization: Bearer {value}", value]
    assert len({TAG.search(KEYED.text(text))[0] for text in texts}) == 1  # type: ignore[index]


def test_the_key_is_asked_for_only_when_there_is_something_to_redact_and_once() -> None:
    asked: list[None] = []
    redactor = Redactor(lambda: asked.append(None) or b"k")  # type: ignore[func-returns-value]
    redactor.value({"summary": "all is well", "n": [1, 2.5, None, True]})
    assert asked == []
    redactor.text(f"{KEY_ID} and password=x1")
    redactor.text(KEY_ID)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("password=hunter2 next", "password=[password] next"),
        ("Password: correct-horse9!", "Password: [password]"),
        ("db:\n  password: hunter\n  host: db", "db:\n  password: [password]\n  host: db"),
        ("redis://:s3cr3t@cache:6379/0", "redis://:[password]@cache:6379/0"),
        ("https://ci:p@ss@git.example.com/x", "https://ci:[password]@git.example.com/x"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic [basic]"),
        ("--api-key abc --verbose", "--api-key [secret] --verbose"),
        ("Cookie: a=1; b=2", "Cookie: [cookie]"),
        ('say \\"token\\": \\"abc\\" twice', 'say \\"token\\": \\"[token]\\" twice'),
        ('x {"a": {"apiKey": 12345}} y', 'x {"a": {"apiKey": "[secret]"}} y'),
        ("paid with 4111 1111 1111 1111.", "paid with [card]."),
        ("mail to ann.b@example.org.", "mail to [email]."),
        ("-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY----- after", "[private-key] after"),
        ("cut off -----BEGIN PRIVATE KEY-----\nMIIE", "cut off [private-key]"),
        ('{"user":"app","password":"hunter2', '{"user":"app","password":"[password]'),
        ("password='correct horse battery\nhost=db", "password='[password]\nhost=db"),
        ('{\\"token\\":\\"abc and so on"} next', '{\\"token\\":\\"[token]"} next'),
        ("//registry.example.com/:_authToken=abc123", "//registry.example.com/:_authToken=[token]"),
        ("__password = hunter2", "__password = [password]"),
        ("password            =        hunter2", "password            =        [password]"),
        ("password\t\t\t\t\t:\t\t\t\t\thunter2x", "password\t\t\t\t\t:\t\t\t\t\t[password]"),
        (f"{'SPRING_' * 12}PASSWORD=hunter2", f"{'SPRING_' * 12}PASSWORD=[password]"),
        ('Cookie: lang="de"; sid=Zm9vYmFy; x=1\nHost: a', "Cookie: [cookie]\nHost: a"),
        ('{"a": "password=hunter2", "a": "ok"}', '{"a": "password=[password]", "a": "ok"}'),
        ('{"secret": "hunter2", "secret": null} end', '{"secret": "[secret]", "secret": null} end'),
        (f'{{"password": "<{KEY_ID}>"}}', '{"password": "<[aws-key]>"}'),
        (f'{{"secret": "arn:aws:x:{KEY_ID} y"}}', '{"secret": "arn:aws:x:[aws-key] y"}'),
        ("<password>x</password>", "<password>[password]</password>"),
        ("<pwd>x</pwd>", "<pwd>[password]</pwd>"),
        ("<ns:DbPassword a='b'>\n  x y \n</ns:DbPassword>", "<ns:DbPassword a='b'>\n  [password]\n</ns:DbPassword>"),
        ("a <secret><![CDATA[x<y]]></secret>", "a <secret><![CDATA[x<y]]></secret>"),
        ("<apiKey><![CDATA[x>y]]></apiKey>", "<apiKey><![CDATA[[secret]]]></apiKey>"),
        ("&lt;password&gt;hunter2&lt;/password&gt;", "&lt;password&gt;[password]&lt;/password&gt;"),
        ("<password> <![CDATA[hunter2]]></password>", "<password> <![CDATA[[password]]]></password>"),
        ("&#60;password&#x3E;hunter2&#60;/password&#62;", "&#60;password&#x3E;[password]&#60;/password&#62;"),
        ("&amp;lt;pwd&amp;gt;hunter2&amp;lt;/pwd&amp;gt;", "&amp;lt;pwd&amp;gt;[password]&amp;lt;/pwd&amp;gt;"),
        ("\\u003cpwd\\u003ehunter2\\u003c/pwd\\u003e", "\\u003cpwd\\u003e[password]\\u003c/pwd\\u003e"),
        ("%3Cpwd%3Ehunter2%3C%2Fpwd%3E", "%3Cpwd%3E[password]%3C%2Fpwd%3E"),
        ('<add key="Password" value="hunter2"/>', '<add key="Password" value="[password]"/>'),
        ("<property name='db.password'  value='a b'/>", "<property name='db.password'  value='[password]'/>"),
        ('<entry key="api_key">hunter2</entry>', '<entry key="api_key">[secret]</entry>'),
        ('{"a": "<p name=\\"token\\" value=\\"abc\\"/>"}', '{"a": "<p name=\\"token\\" value=\\"[token]\\"/>"}'),
        ("<user>app</user><password>hunter2", "<user>app</user><password>[password]"),
        (f"<name>{KEY_ID}</name>", "<name>[aws-key]</name>"),
        ('{"body": "<token>abc</token>"}', '{"body": "<token>[token]</token>"}'),
        ('{"pan": 4111111111111111, "n": 3}', '{"pan": "[card]", "n": 3}'),
        ('{"pans": [4111111111111111]}', '{"pans": ["[card]"]}'),
        (f"x.{KEY_ID}: y", "x.[aws-key]: y"),
        (f"cache.{KEY_ID}.hits=1", "cache.[aws-key].hits=1"),
        (f"x.{KEY_ID}.password=hunter2", "x.[aws-key].password=[password]"),
        (f"x.y.ghp_{'a1' * 18}=1", "x.y.[github-token]=1"),
    ],
)
def test_secrets_are_replaced_and_what_stands_around_them_stays(text: str, shown: str) -> None:
    assert Redactor().text(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "password=",
        "password=********",
        "password=${DB_PASSWORD} token=$TOKEN secret=<none> pwd=null",
        "unexpected token: foo",
        "password: wrong, try again",
        "nextToken=abc123 max_tokens=4096 clientToken=1f2e",
        "sort_key=orders/1 key=value routing_key=orders.created",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf",
        "shop@db.cluster-x.eu-west-1.rds.amazonaws.com and getty@tty1.service and git@github.com:a/b.git",
        "4111 1111 1111 1112 and 1700000000000000 are no cards",
        "https://sha1:8080/path?mail=a and http://host:80/a@b",
        "enc:v1:0123456789abcdef0123456789abcdef:cGFzc3dvcmQ9aHVudGVyMg== did it",
        "[aws-key:3f2a] password=[password:9c41] [card]",
        "usage: login <user> <password> now",
        "usage: login [--token <token>] [--password ${PASSWORD}], or (--api-key <key>)",
        "&lt;password&gt; or &lt;token&gt; is needed",
        "<password/><token></token><secret>  </secret>",
        "<NextToken>abc123</NextToken><Key>orders/1</Key><password>${DB_PASSWORD}</password>",
        "<secret><name>db</name></secret>",
        '<add key="password" value="${DB_PASSWORD}"/> <entry key="region">eu</entry> <x name="token"> <y/></x>',
        '{"pan": 4111111111111112, "at_us": 1700000000000000, "order": 41111111111111111111, "n": -4111111111111111}',
        "page.token=abc123 max.tokens: 4096",
    ],
)
def test_what_only_looks_so_stays_as_it_is(text: str) -> None:
    assert Redactor().text(text) is text


@pytest.mark.parametrize("size", [500, 513, 900, 4095, 4096, 4097, 9000])
@pytest.mark.parametrize(
    "carrier",
    [
        'export AWS_SESSION_TOKEN="{v}" # of the role',
        "'client_secret': '{v}', next",
        "AWS_SESSION_TOKEN={v} AWS_REGION=eu-west-1",
        "X-Auth-Token: {v}",
        "curl --token {v} https://example.com",
        'cut {{"token": "{v}',
        '{{"token": "{v}"}}',
    ],
)
def test_no_secret_is_too_long_to_be_one(carrier: str, size: int) -> None:
    """Session tokens of AWS have some thousand characters."""
    value = (LONG * (size // len(LONG) + 1))[:size]
    shown = Redactor().text(carrier.format(v=value))
    assert shown == carrier.format(v="[secret]" if "client_secret" in carrier else "[token]")


def test_keys_say_what_a_value_is_at_any_depth_and_in_json_within_a_string() -> None:
    inner = json.dumps({"deep": [{"client_secret": "abc"}]})
    told = {
        "a": [{"Password": "x", "note": "ok"}],
        "inner": inner,
        "environment": [{"name": "DB_PASSWORD", "value": "y"}, {"name": "MODE", "value": "z"}],
        "secret": {"secretName": "tls", "data": {"crt": "w"}},
        "cookies": ["u", "v"],
    }
    assert Redactor().value(told) == {
        "a": [{"Password": "[password]", "note": "ok"}],
        "inner": '{"deep": [{"client_secret": "[secret]"}]}',
        "environment": [{"name": "DB_PASSWORD", "value": "[password]"}, {"name": "MODE", "value": "z"}],
        "secret": {"secretName": "tls", "data": {"crt": "[secret]"}},
        "cookies": ["[cookie]", "[cookie]"],
    }


def test_what_is_no_string_changes_only_under_a_key_that_says_it_is_secret() -> None:
    told = {"n": 1, "f": 2.5, "t": True, "none": None, "password": None, "token": False, "pin_token": 7, "l": [1, "x"]}
    assert Redactor().value(told) == {**told, "pin_token": "[token]"}


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("DB_PASSWORD", "password"),
        ("dbPassword2", "password"),
        ("X-Api-Key", "secret"),
        ("SecretAccessKey", "secret"),
        ("PGPASSWORD", "password"),
        ("Set-Cookie", "cookie"),
        ("X-Amz-Signature", "token"),
        ("secretName", ""),
        ("password_policy", ""),
        ("tokens", ""),
        ("NextToken", ""),
        ("partition_key", ""),
        ("key", ""),
        ("", ""),
    ],
)
def test_which_names_say_that_their_value_is_secret(key: str, kind: str) -> None:
    assert kind_of(key) == kind


def test_every_kind_is_found_in_the_lines_that_say_what_it_is() -> None:
    readable = [one.line for one in planted(3, 24) if not one.is_hard and is_readable(one.secret, KEYED.text(one.line))]
    assert readable == []


def test_redacting_twice_is_as_once() -> None:
    for one in planted(4, 24):
        once = KEYED.text(one.line)
        assert KEYED.text(once) is once


PIECES = st.sampled_from(
    [
        *("password=", "token: ", '{"secret":', '"', "'", "}", "[", "]", "\\", "\n", " ", ";", "@", "://", "u:p@h.com"),
        *(KEY_ID, "eyJhbGciOiJI.eyJzdWIiOiIx.abc", "Bearer abc12345", "Basic dXNlcjpwYXNz", "Cookie: a=b", "=", ":"),
        *(
            "-----BEGIN PRIVATE KEY-----",
            "-----END PRIVATE KEY-----",
            "[password:ab12]",
            "[aws-key",
            "4111111111111111",
        ),
        *(
            "--password ",
            "wJalrXUtnFEMI7K7MDENGAbPxRfiCYzzzzzzzKEY",
            "a.b@example.com",
            "enc:v1:",
            "${X}",
            "***",
            "AKIA",
        ),
        *("<token>", "</token>", "<pwd a='b'>", "&lt;secret&gt;", "&lt;/", "<![CDATA[", "]]>", f"x.{KEY_ID}:", "&gt;"),
        *("_authToken=", '"password":"', '\\"token\\":\\"', "Cookie: a=", "     =     ", '{"a":1,"a":', "\t"),
    ]
)
HOSTILE = st.lists(PIECES | st.text(max_size=8), max_size=24).map("".join)


@settings(max_examples=400, deadline=None)
@given(HOSTILE)
def test_no_text_makes_it_raise_or_change_its_mind(text: str) -> None:
    once = KEYED.text(text)
    assert KEYED.text(once) == once
    assert Redactor().text(Redactor().text(text)) == Redactor().text(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | HOSTILE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("ab") | HOSTILE, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_data_keep_their_shape(data: Any) -> None:
    shown = KEYED.value({"data": data})["data"]
    assert _shape(shown, data)
    assert KEYED.value(shown) == shown


def _shape(shown: Any, data: Any) -> bool:
    if isinstance(data, dict):
        return len(shown) == len(data) and all(map(_shape, shown.values(), data.values()))
    if isinstance(data, list):
        return len(shown) == len(data) and all(map(_shape, shown, data))
    return type(shown) is type(data) or (isinstance(shown, str) and TAG.fullmatch(shown) is not None)


N = 60_000
UNITS = ("a", "eyJ-", "eyJaaaaaaaa.", "password=", 'password="', "a@", "a.", "a://", "aa://b:c", "1234 ", '{"', '["[')
UNITS += ("--password ", "\\", "a:b@", "AKIA", "xoxb-", "sk-", "pagerduty ", "basic ", "token: a ", " ", "=" * 7 + "a")
UNITS += (
    "password='",
    "token: '",
    'a_token=\\"',
    "password='[card] ",
    "_a=",
    "password  ",
    'cookie: a="b',
    "Cookie: [card] ",
)
UNITS += (
    "<token>",
    "<token>a",
    "<a ",
    "&lt;token&gt;",
    "&lt;token&gt;a ",
    "%3Cpwd%3Ex",
    ' name="token" value="x',
    "&lt;a ",
    "<token>\n",
    "<token>a]]",
    "a.b=",
    "a.AKIA:",
    "<token> ",
)
UNITS += ("-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----END ", f"{KEY_ID} ", "Bearer ", "4111-", "a\n")


@pytest.mark.parametrize("unit", UNITS)
def test_hostile_repetition_takes_time_in_proportion_to_its_length(unit: str) -> None:
    def cost(length: int) -> float:
        text, started = unit * (length // len(unit)), time.process_time()
        KEYED.text(text)
        return time.process_time() - started

    cost(1000)
    short, long = min(cost(N // 4) for _ in range(2)), min(cost(N) for _ in range(2))
    assert long < 0.5 or long < 8 * short  # four times as long; sixteen would be quadratic


def test_what_is_nested_deeper_than_any_evidence_is_cut_and_does_not_raise() -> None:
    deep: Any = "x"
    for _ in range(2000):
        deep = {"a": deep}
    assert TOO_DEEP in json.dumps(Redactor().value(deep))
    text = '{"a":' * 5000 + '"password=x1"' + "}" * 5000
    assert "x1" not in Redactor().text(text)


def test_the_quick_look_misses_nothing_that_the_scan_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [one.line for one in planted(5, 12)] + list(clean(5, 300))
    quick = [Redactor().text(line) for line in lines]
    monkeypatch.setattr(redact, "scan_for", lambda text: scan())
    assert [Redactor().text(line) for line in lines] == quick


@settings(max_examples=400, deadline=None)
@given(HOSTILE)
def test_a_scan_without_what_cannot_fit_finds_the_same(text: str) -> None:
    quick = KEYED.text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redact, "scan_for", lambda text: scan())
        patch.setattr(redact, "is_nothing", lambda text: False)
        assert KEYED.text(text) == quick


def test_addresses_stay_where_the_owner_wants_them() -> None:
    text = f"ask ann@example.org about {KEY_ID}"
    assert Redactor(emails=False).text(text) == "ask ann@example.org about [aws-key]"


LONG = "Ab3dEf6hIj9lMn2pQr5tUv8xYz1CdEf4hIj7lMn0pQr3tUv6xYz9"  # as drawn at random, of both cases and with digits
FORMS = [
    *(f"{mark}{'A' * 16}" for mark in ("AKIA", "ASIA", "ABIA", "ACCA")),
    *(f"{mark}{LONG[:36]}" for mark in ("ghp_", "gho_", "ghs_", "ghu_", "ghr_", "npm_", "sk-", "glpat-", "GOCSPX-")),
    *(f"{mark}{LONG[:30]}" for mark in ("hvs.", "hvb.", "hvr.", "ya29.", "xoxb-", "xapp-1-", "whsec_", "github_pat_")),
    *(f"{mark}{LONG[:24]}" for mark in ("sk_live_", "rk_live_", "pk_test_", "SG.abcdefghijklmnop.", "pduk+")),
    *("AIza" + LONG[:35], "pypi-" + LONG, "dop_v1_" + "0a" * 32, "SK" + "0a" * 16, "-----BEGIN PRIVATE KEY-----\nMII"),
    "hooks.slack.com/services/T00000000/B00000000/" + LONG[:24],
]


@pytest.mark.parametrize("value", FORMS)
def test_what_has_a_form_of_its_own_is_found_where_nothing_else_speaks_of_it(value: str) -> None:
    assert TAG.search(Redactor().text(f"x {value}"))
    assert not is_readable(value, Redactor().text(f"x {value}"))


def test_what_one_replacement_uncovers_is_found_too() -> None:
    """With the key in it the text is no JSON, for a string holds no line break; without it, it is."""
    key = "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----"
    shown = Redactor().text(f'{{"authorization": ["abc"], "key": "{key}"}}')
    assert shown == '{"authorization": ["[secret]"], "key": "[private-key]"}'
