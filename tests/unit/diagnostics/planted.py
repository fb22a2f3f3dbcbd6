"""Sixty secrets planted where secrets turn up: half of them behind a name or in a telling form, half known by value."""

import base64
import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Plant:
    """One secret, the text it was planted in, and whether ATT holds it, so that it is known by value."""

    value: str
    text: str
    held: bool


def plants() -> list[Plant]:
    """Return the sixty; each value begins with its number, so that a leak tells whose it is."""
    return [*_named(), *_telling(), *_held()]


def everything(found: list[Plant]) -> str:
    """Return one text with all of them, and harmless lines between."""
    return "\n".join(f"line {at}: all is well\n{one.text}" for at, one in enumerate(found)) + "\nthe end\n"


def _value(number: int, letters: str = "") -> str:
    return f"{number:02}q{letters or 'Zr7'}x{number * 7919 % 100_000:05}Kw{number * 104_729 % 1_000_000:06}{letters}"


def _named() -> Iterator[Plant]:
    forms = [
        "api_key: {}",
        "  password: {} with words behind it",
        'client_secret = "{}"',
        "DATABASE_PASSWORD={}",
        "export HF_TOKEN={}",
        '{{"openai_api_key": "{}", "model": "gpt"}}',
        "2026-11-22T10:00:00+0000 att att-api[7]: retry with token={} in 3 s",
        "python serve.py --api-key {} --port 80",
        "argv: ['nat', 'serve', '--token', '{}']",
        "ExecStart=/usr/bin/app --password={} --verbose",
        "secrets:\n  openai: {}\n  other: 1",
        "llms:\n  one:\n    _type: openai\n    api_key: {}\n    model_name: m",
        '{{"event": "call", "headers": "{{\\"x-api-key\\": \\"{}\\"}}"}}',
        "SecretKey: !vault |\n    {}\nnext: 1",
        "env['APP_SECRET'] = '{}'",
        "- name: SIGNING_KEY\n  value: {}",
        "<password>{}</password>",
        "GET /v1/x?access_token={}&page=2",
        "ValueError: cannot connect: Connection(host='db', password='{}')",
        "aws_secret_access_key = {}",
        'passphrase: "{}\n  and more"',
        '"privateKey": [\n  "{}"\n]',
    ]
    for number, form in enumerate(forms):
        value = _value(number)
        yield Plant(value, form.format(value), held=False)


def _telling() -> Iterator[Plant]:
    pem = "\n".join(textwrap.wrap("MC4CAQAwBQYDK2VwBCIEI" + _value(22) * 4, 64))
    key = _value(30)
    signature = base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")
    yield Plant(_value(22), f"-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----", held=False)
    yield Plant(_value(23), f"Authorization: Digest username=bob, response={_value(23)}", held=False)
    yield Plant(_value(24), f"curl -H 'Authorization: Bearer {_value(24)}' https://example.org", held=False)
    yield Plant(_value(25), f'{{"cookie": "session={_value(25)}; theme=dark"}}', held=False)
    yield Plant(_value(26), f"(b'authorization', b'Basic {_value(26)}')", held=False)
    yield Plant(_value(27), f"fatal: cannot read from https://bob:{_value(27)}@git.example.org/x.git", held=False)
    yield Plant(_value(28), f"remote: https://{_value(28)}@git.example.org/x.git", held=False)
    yield Plant(_value(29), f"redis url is redis://:{_value(29)}@localhost:6379/0", held=False)
    yield Plant(signature, f"sent eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJib2IifQ.{signature}", held=False)
    yield Plant(_value(31), f"signed in with att_{_value(31) * 3}"[:64], held=False)
    yield Plant(_value(32), f"the app has att1.eyJwdXJwb3NlIjoicm91dGVyIn0.{_value(32)}", held=False)
    yield Plant(_value(33), f"calls nvapi-{_value(33)} now", held=False)


def _held() -> Iterator[Plant]:
    def one(number: int, how: str, letters: str = "") -> Plant:
        value = _value(number, letters)
        raw = value.encode()
        stamped = "\n2026-11-22T10:00:00+0000 att app[12]: "
        text = {
            "bare": f"connected with {value} to it",
            "glued": f"x{value}y",
            "base64": f"body {base64.b64encode(raw).decode()} end",
            "base64 1": f"body {base64.b64encode(b'u' + raw + b'tail').decode()} end",
            "base64 2": f"body {base64.b64encode(b'u:' + raw + b'tail').decode()} end",
            "urlsafe": f"body {base64.urlsafe_b64encode(b'??>' + raw).decode().rstrip('=')} end",
            "hex": f"dump {raw.hex()} end",
            "HEX": f"dump {raw.hex(':').upper()} end",
            "percent": f"GET /?q={quote(value, safe='')} end",
            "all percent": f"GET /?q={''.join(f'%{byte:02x}' for byte in raw)} end",
            "json": f"told {json.dumps({'m': value})} end",
            "json in json": f"told {json.dumps(json.dumps({'m': value}))} end",
            "unicode": "told " + "".join(f"\\u{ord(letter):04x}" for letter in value) + " end",
            "lines": f"told {value[:9]}\n   {value[9:]} end",
            "stamped": f"told {value[:9]}{stamped}{value[9:]} end",
            "literals": f'told "{value[:9]}"\n    "{value[9:]}" end',
            "escaped break": f"told {value[:9]}\\n{value[9:]} end",
            "base64 lines": "body\n" + "\n".join(textwrap.wrap(base64.b64encode(b"some" + raw * 3).decode(), 16)),
            "hex lines": "dump\n" + "\n    ".join(textwrap.wrap(raw.hex(" "), 15)),
            "trace": f"Traceback:\n  File 'a.py', line 3, in f\n    login('{value}')\nE: no {value}",
            "trailing slash": f"told {value[:9]}\\\n{value[9:]} end",
            "repr": f"told {value!r} end",
            "listed": f"told ['{value[:9]}',\n '{value[9:]}'] end",
        }[how]
        return Plant(value, text, held=True)

    odd = '"ü\\/%&+ ='
    yield one(34, "bare")
    yield one(35, "glued")
    yield one(36, "base64")
    yield one(37, "base64 1")
    yield one(38, "base64 2")
    yield one(39, "urlsafe", "??>>")
    yield one(40, "hex")
    yield one(41, "HEX")
    yield one(42, "percent", odd)
    yield one(43, "all percent")
    yield one(44, "json", odd)
    yield one(45, "json in json", odd)
    yield one(46, "unicode")
    yield one(47, "lines")
    yield one(48, "stamped")
    yield one(49, "literals")
    yield one(50, "escaped break")
    yield one(51, "base64 lines")
    yield one(52, "hex lines")
    yield one(53, "trace")
    yield one(54, "trailing slash")
    yield one(55, "repr", odd)
    yield one(56, "listed")
    yield one(57, "base64 1", odd)
    yield one(58, "bare", odd)
    yield one(59, "stamped", odd)
