"""The configured providers: one file in the router's own state, each key sealed with a key that lies beside it."""

import contextlib
import re
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from att.effects import sealing_keys
from att.effects.filesystem import write_atomically
from att.kernel.errors import Conflict, Failed, InvalidInput, NotFound
from att.router.address import checked_base_url

FILE = "providers.json"
STATE_FOLDER, _, KEY_FILE = sealing_keys.PROVIDERS_FILE.partition("/")
PROVIDERS_MAX = 64
MODELS_MAX = 256
KEY_CHARS_MAX = 4096
_NONCE_BYTES = 12
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}")
_SECRET = re.compile(r"[\x21-\x7e]+")


class Provider(msgspec.Struct, frozen=True):
    """One provider as it is kept; `sealed` is its key, None where it needs none."""

    name: str
    base_url: str
    models: tuple[str, ...]
    sealed: bytes | None = None

    def public(self) -> dict[str, object]:
        """Return what may be shown: never the key."""
        return {
            "name": self.name,
            "base_url": self.base_url,
            "models": list(self.models),
            "has_key": self.sealed is not None,
        }


class Providers:
    """Adds, finds and removes providers; every change is on disk before it counts."""

    def __init__(self, folder: Path) -> None:
        """Read what is there; raises Failed(internal) for a file that cannot be read, rather than lose it."""
        self._folder = folder
        self._ciphers = tuple(map(ChaCha20Poly1305, _sealing_keys(folder / KEY_FILE)))
        self._all = {provider.name: provider for provider in _read(folder / FILE)}

    def all(self) -> list[Provider]:
        """Return every provider by name."""
        return [self._all[name] for name in sorted(self._all)]

    def get(self, name: str) -> Provider:
        """Return one; raises NotFound(provider_unknown)."""
        try:
            return self._all[name]
        except KeyError:
            raise NotFound("provider_unknown", f"cannot find the provider {name[:64]!r}") from None

    def add(self, name: str, base_url: str, models: Sequence[str], key: str | None) -> Provider:
        """Keep a new provider; raises InvalidInput(invalid_input), Conflict(name_taken)."""
        _check(name, models, key)
        url = checked_base_url(base_url)
        if name in self._all:
            raise Conflict("name_taken", f"cannot add the provider {name}: there is one of that name")
        if len(self._all) >= PROVIDERS_MAX:
            raise InvalidInput("invalid_input", f"cannot add the provider {name}: {PROVIDERS_MAX} are there already")
        made = Provider(name, url, tuple(dict.fromkeys(models)), self._seal(name, url, key) if key else None)
        self._write({**self._all, name: made})
        return made

    def remove(self, name: str) -> Provider:
        """Forget one; raises NotFound(provider_unknown)."""
        found = self.get(name)
        self._write({kept: provider for kept, provider in self._all.items() if kept != name})
        return found

    def key(self, provider: Provider) -> str | None:
        """Return the provider's key; raises Failed(sealed_broken) when it was not sealed here for this address."""
        if provider.sealed is None:
            return None
        nonce, text = provider.sealed[:_NONCE_BYTES], provider.sealed[_NONCE_BYTES:]
        for cipher in self._ciphers:
            with contextlib.suppress(InvalidTag, ValueError):
                return cipher.decrypt(nonce, text, _bound(provider.name, provider.base_url)).decode()
        raise Failed(
            "sealed_broken",
            f"cannot open the key of the provider {provider.name}: it was not sealed here for this address",
            hint="remove the provider and add it again",
        )

    def end_rotation(self) -> None:
        """Where another key takes the place of the present one: seal everything with it, then forget the former.

        A provider whose key does not open stays as it is. A disk that takes nothing leaves all for the next start.
        """
        if len(self._ciphers) < 2:
            return
        with contextlib.suppress(OSError):
            self._write({provider.name: self._sealed_again(provider) for provider in self.all()})
            sealing_keys.end(self._folder / KEY_FILE)
            self._ciphers = self._ciphers[:1]

    def _sealed_again(self, provider: Provider) -> Provider:
        with contextlib.suppress(Failed):
            key = self.key(provider)
            sealed = self._seal(provider.name, provider.base_url, key) if key else None
            return msgspec.structs.replace(provider, sealed=sealed)
        return provider

    def of_model(self, model: str) -> tuple[Provider, str] | None:
        """Return who serves `provider/model`, or a model's bare name where one provider alone has it."""
        name, _, rest = model.partition("/")
        provider = self._all.get(name)
        if provider is not None and rest in provider.models:
            return provider, rest
        having = [provider for provider in self._all.values() if model in provider.models]
        return (having[0], model) if len(having) == 1 else None

    def models(self) -> Iterator[tuple[str, str]]:
        """Yield (public name, provider) of every model."""
        for provider in self.all():
            for model in provider.models:
                yield f"{provider.name}/{model}", provider.name

    def _seal(self, name: str, base_url: str, key: str) -> bytes:
        # Bound to the address: whoever could edit the file cannot have the key sent elsewhere.
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._ciphers[0].encrypt(nonce, key.encode(), _bound(name, base_url))

    def _write(self, providers: dict[str, Provider]) -> None:
        write_atomically(self._folder / FILE, msgspec.json.encode(list(providers.values())), mode=0o600)
        self._all = providers


def keys_of(folder: Path) -> Iterator[str]:
    """Yield every provider's key of a router's folder, for who must know them to keep them out of a text.

    One that does not open is told, with what `Providers.key` raises, after all the others.
    """
    if not (folder / KEY_FILE).exists():
        return
    providers, broken = Providers(folder), list[Failed]()
    for provider in providers.all():
        try:
            key = providers.key(provider)
        except Failed as error:
            broken.append(error)
            continue
        if key:
            yield key
    if broken:
        raise broken[0]


def _bound(name: str, base_url: str) -> bytes:
    return f"{name}\n{base_url}".encode()


def _check(name: str, models: Sequence[str], key: str | None) -> None:
    if not _NAME.fullmatch(name):
        raise _invalid("name", "a name is at most 32 small letters, digits and dashes, and begins with a letter")
    if not models or len(models) > MODELS_MAX or not all(_MODEL.fullmatch(model) for model in models):
        raise _invalid("models", f"name 1 to {MODELS_MAX} models, each without spaces")
    if key is not None and (len(key) > KEY_CHARS_MAX or not _SECRET.fullmatch(key)):
        raise _invalid("key", f"a key is one line of at most {KEY_CHARS_MAX} printable characters")


def _invalid(field: str, why: str) -> InvalidInput:
    return InvalidInput("invalid_input", f"cannot add the provider: {why}", field=field)


def _read(path: Path) -> list[Provider]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Provider])
    except FileNotFoundError:
        return []
    except (OSError, msgspec.MsgspecError) as error:
        raise Failed("internal", f"cannot read the providers in {path}: {error}") from error


def _sealing_keys(path: Path) -> tuple[bytes, ...]:
    sealing_keys.make(path)
    try:
        return sealing_keys.read(path)
    except sealing_keys.NoKey as error:
        raise Failed("internal", f"cannot use the key {path}: {error}") from error
