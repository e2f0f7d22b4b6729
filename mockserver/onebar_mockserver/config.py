"""The server's settings: one frozen struct from a TOML file, the environment and flags, each value checked by name.

A later source wins over an earlier one: defaults, the file, the environment, flags. A key `tls.key` of the file is
`ONEBAR_TLS_KEY` in the environment. A name that nobody knows is an error: a misspelt `ONEBAR_PRODUCTION` would open the
development pages to everybody.
"""

import difflib
import ipaddress
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, get_type_hints

import msgspec

from onebar_mockserver.limits import RATE_SIZE_MAX, RATES, TIMES_S_MAX, ServerLimits
from onebar_mockserver.push.settings import PushSettings
from onebar_mockserver.sms import CODE_TEXT, HttpSms

PREFIX: Final = "ONEBAR_"
"""Begins the name of every setting in the environment."""

CLIENT_VARIABLES: Final = frozenset({"ONEBAR_HOME", "ONEBAR_SERVER", "ONEBAR_PASSPHRASE"})
"""Variables of the `onebar` command, which may be set on the same machine."""

DRAIN_S_MAX: Final = 3600
"""Longest drain: systemd and Kubernetes kill what takes longer anyway, and no slot is later than 30 s."""

SECRETS: Final = frozenset({"sms.token"})
"""Settings whose values no error shows."""

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class ConfigError(Exception):
    """A setting cannot be used; the text names its source, key, value and limit, and the way out."""


class TlsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The certificate that the server shows, and its key; both or neither."""

    certificate: Path | None = None
    key: Path | None = None


class AdminSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where Prometheus reads `/metrics`: an address that the internet does not reach. Off without a port."""

    host: str = "127.0.0.1"
    port: Port | None = None


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the log looks: `auto` is JSON in production, and readable otherwise."""

    format: Literal["auto", "json", "text"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class SmsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Who sends text messages with codes; without a URL nobody does. See `sms.HttpSms`."""

    url: str = ""
    body: str = '{"to": "{phone}", "text": "{text}"}'
    """What is posted: a JSON object of strings."""
    token: str = ""
    text: str = CODE_TEXT

    def __repr__(self) -> str:
        """Show no token."""
        return f"<SmsSettings {self.url}>"

    @property
    def gateway(self) -> HttpSms | None:
        """Return who sends them.

        Raises:
            ValueError: `url`, `body` or `token` cannot be used; see `HttpSms`.
        """
        if not self.url:
            return None
        try:
            body = msgspec.json.decode(self.body, type=dict[str, str])
        except msgspec.DecodeError as error:
            raise ValueError(f"sms.body is no JSON object of strings: {error}") from error
        return HttpSms(self.url, body, token=self.token, text=self.text)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that an operator decides."""

    host: str = "127.0.0.1"
    port: Port = 8440
    data: Path = Path("onebar-data")
    production: bool = False
    drain_s: Annotated[float, msgspec.Meta(ge=0, le=DRAIN_S_MAX)] = 0
    """Longest wait for links to leave after SIGTERM. 0: the links close at once, and come back in their slots."""
    rated: bool = True
    """Whether anything is limited by rate. False is for load tests of your own server."""
    tls: TlsSettings = TlsSettings()
    admin: AdminSettings = AdminSettings()
    log: LogSettings = LogSettings()
    sms: SmsSettings = SmsSettings()
    push: PushSettings = PushSettings()
    limits: ServerLimits = ServerLimits()

    @property
    def certificate_files(self) -> tuple[Path, Path] | None:
        """Return the files of the certificate and its key, or None without TLS."""
        if self.tls.certificate is None or self.tls.key is None:
            return None
        return self.tls.certificate, self.tls.key


class Given(NamedTuple):
    """A value, where it comes from in words, and whether it is text that stands for something else."""

    value: object
    source: str
    text: bool


def load(file: Path | None, environment: Mapping[str, str], flags: Mapping[str, object]) -> Settings:
    """Return the settings; `flags` has dotted keys as in the file, without those that were not given.

    Raises:
        ConfigError: The file cannot be read, a name is unknown, or a value cannot be used.
    """
    known = dict(_keys(Settings, ""))
    given: dict[str, Given] = {}
    if file is not None:
        given |= _from_file(file, known)
    given |= _from_environment(environment, known)
    given |= {key: Given(value, "the command line", True) for key, value in flags.items()}
    values: dict[str, Any] = {}
    for key, one in given.items():
        section, _, name = key.rpartition(".")
        (values.setdefault(section, {}) if section else values)[name] = _value(key, one, known[key])
    return _consistent(_build(values), given)


def _keys(kind: Any, section: str) -> Iterator[tuple[str, Any]]:
    """Yield every key with its type, `limits.window` and the like for those of a section."""
    for name, hint in get_type_hints(kind, include_extras=True).items():
        if _is_section(hint):
            yield from _keys(hint, f"{name}.")
        else:
            yield section + name, hint


def _is_section(hint: Any) -> bool:
    return isinstance(hint, type) and (issubclass(hint, msgspec.Struct) or is_dataclass(hint))


def _from_file(file: Path, known: Mapping[str, Any]) -> dict[str, Given]:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the configuration {file} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the configuration {file} is not TOML: {error}") from error
    given = {}
    for key, value in _flat(table, ""):
        if key not in known:
            raise ConfigError(f"{file}: there is no setting {key}{_meant(key, known)}")
        if known[key] in {Path, Path | None} and isinstance(value, str):
            value = str(file.parent / value)  # beside the file, wherever the server was started
        given[key] = Given(value, str(file), False)
    return given


def _flat(table: Mapping[str, object], section: str) -> Iterator[tuple[str, object]]:
    for name, value in table.items():
        if isinstance(value, dict) and not section:
            yield from _flat(value, f"{name}.")
        else:
            yield section + name, value


def _from_environment(environment: Mapping[str, str], known: Mapping[str, Any]) -> dict[str, Given]:
    names = {PREFIX + key.replace(".", "_").upper(): key for key in known}
    given = {}
    for name, text in environment.items():
        if name in names:
            given[names[name]] = Given(text, f"the environment variable {name}", True)
        elif name.startswith(PREFIX) and name not in CLIENT_VARIABLES:
            raise ConfigError(f"the environment: there is no setting {name}{_meant(name, names)}")
    return given


def _meant(name: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {close[0]}?" if close else "; docs/operations.md lists them all"


def _value(key: str, given: Given, hint: Any) -> Any:
    try:
        value = msgspec.convert(given.value, hint, strict=not given.text, dec_hook=_path)
    except msgspec.ValidationError as error:
        limit = str(error).replace("Expected", "expected", 1)
        shown = "…" if key in SECRETS else repr(given.value)
        raise ConfigError(
            f"{given.source}: {key} = {shown} cannot be used ({limit}); correct it, or leave it out for the default"
        ) from error
    return value


def _path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise msgspec.ValidationError(f"Expected `{kind.__name__.lower()}`, got `{type(value).__name__}`")


def _build(values: dict[str, Any]) -> Settings:
    for name, hint in get_type_hints(Settings).items():
        if _is_section(hint) and name in values:
            values[name] = hint(**values[name])
    return Settings(**values)


def _consistent(settings: Settings, given: Mapping[str, Given]) -> Settings:
    """Check what no value can say alone."""
    tls = settings.tls
    if (tls.certificate is None) != (tls.key is None):
        there, absent = ("tls.certificate", "tls.key") if tls.key is None else ("tls.key", "tls.certificate")
        raise ConfigError(f"{given[there].source}: {there} needs {absent}: they belong together; give both or neither")
    try:
        settings.sms.gateway  # noqa: B018 - so that a wrong template is found now, not with the first user
    except ValueError as error:
        raise ConfigError(f"the settings of sms cannot be used: {error}") from error
    try:
        settings.push.gateways()  # so that a wrong key is found now, not when the first phone is to be woken
    except ValueError as error:
        raise ConfigError(f"the settings of push cannot be used: {error}") from None
    if settings.admin.port is not None and not _is_private(settings.admin.host):
        raise ConfigError(
            f"{given['admin.host'].source}: admin.host = {settings.admin.host!r} cannot be used: /metrics is for nobody"
            " on the internet; give 127.0.0.1, or this machine's address in a private network"
        )
    for name, rate in settings.limits.rates.items():
        source = given["limits.rates"].source if "limits.rates" in given else ""
        if name not in RATES:
            raise ConfigError(f"{source}: there is no rate limits.rates.{name}{_meant(name, RATES)}")
        if not (1 <= rate.size <= RATE_SIZE_MAX and 0 <= rate.refill_s <= TIMES_S_MAX):
            raise ConfigError(
                f"{source}: limits.rates.{name} = {list(rate)} cannot be used: give from 1 to {RATE_SIZE_MAX} at once,"
                f" and from 0 to {TIMES_S_MAX} seconds for one more; rated = false is for no limits"
            )
    rates = {**RATES, **settings.limits.rates} if settings.rated else {}
    return msgspec.structs.replace(settings, limits=replace(settings.limits, rates=rates))


def _is_private(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_private and not address.is_unspecified
