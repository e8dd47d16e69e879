"""What a running provider is told: where its database, keys and policy are.

From a TOML file and from the environment, where `UPHELD_DATABASE` wins over `database` in the file.
A path in the file is taken from the file's own folder. A word that is not known is an error that
names the nearest one; a file with a password in it must be its owner's alone, and no password is
ever shown.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from upheld.core.errors import UpheldError, nearest
from upheld.core.files import open_to_others, read_file

PREFIX: Final = "UPHELD_"
FILE: Final = "UPHELD_SETTINGS"
_PASSWORD: Final = re.compile(r"(?<=://)([^:@/]*):.*@|((?<=[?&])(?:ssl)?password)=[^&]*")
_SQLITE: Final = "sqlite:///"


class SettingsError(UpheldError):
    """Settings that cannot be read, with an unknown word, or a value of the wrong kind."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings; what is left out is None, or the default.

    `zone` is where days are counted, such as America/Los_Angeles; `country` is where a phone number
    without a country code is. `url` is the address at which
    people reach the provider; `place` is where its data lie, a word of the policy's; `phone`,
    `contact` and `postal_address` stand on every page, `privacy_officer` is the e-mail address of
    who answers for privacy, if that is not `contact`;
    `agreement` is the text of which the policy is a part; `mail_server` is `smtp://HOST:PORT` or
    `smtps://…`, `mail_from` who writes, `help_address` to where customers reply by
    mail; `plans` is a TOML file of the plans on offer, `roles` one
    of what each role of staff works on; `stories` is what `upheld mutate --json` found;
    `record_visits` says that visits of our own pages are recorded, as the policy lets us.
    """

    database: str = "sqlite:///upheld.db"
    keyring: Path | None = None
    key_file: Path | None = None
    passphrase_file: Path | None = None
    key_program: Path | None = None
    policy: Path | None = None
    agreement: Path | None = None
    plans: Path | None = None
    url: str = ""
    zone: str = "UTC"
    country: str = "US"
    place: str = ""
    phone: str = ""
    contact: str = ""
    privacy_officer: str = ""
    postal_address: str = ""
    webmail: str = ""
    mail_server: str = ""
    mail_from: str = ""
    help_address: str = ""
    roles: Path | None = None
    stories: Path | None = None
    escrow: Path | None = None
    backup_days: int = 30
    log_key: Path | None = None
    log_origin: str = ""
    record_visits: bool = False

    @property
    def timezone(self) -> tzinfo:
        """The zone in which days, ages, months and due dates are counted."""
        return UTC if self.zone == "UTC" else ZoneInfo(self.zone)

    def __repr__(self) -> str:
        public = msgspec.structs.replace(
            self,
            database=without_password(self.database),
            mail_server=without_password(self.mail_server),
        )
        fields = [f"{name}={getattr(public, name)!r}" for name in self.__struct_fields__]
        return f"Settings({', '.join(fields)})"


PATHS: Final = frozenset(
    each.name for each in msgspec.structs.fields(Settings) if each.type == Path | None
)


def without_password(url: str) -> str:
    """An address of a database as it may be shown."""
    return _PASSWORD.sub(lambda m: f"{m[2]}=***" if m[2] else f"{m[1]}:***@", url)


def read_settings(
    path: Path | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """The settings of a file, or of the one that UPHELD_SETTINGS names, and of the environment.

    SettingsError tells the first mistake: an unknown word with the nearest known one, a value of
    the wrong kind, a file that others may read although it has a password.
    """
    variables = os.environ if environment is None else environment
    if path is None and variables.get(FILE):
        path = Path(variables[FILE])
    values: dict[str, Any] = {} if path is None else _from_file(path)
    values.update(_from_environment(variables))
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:  # it names the setting, and never the value
        raise SettingsError(
            f"the settings: {error}",
            code="settings",
            hint="docs/commands.md lists every setting and what it may be",
        ) from None
    _refuse_unknown_country(settings.country)
    _refuse_unknown_zone(settings.zone)
    settings = _reachable(settings)
    masters = ("key_file", "passphrase_file", "key_program")
    if len(masters_named := [name for name in masters if getattr(settings, name)]) > 1:
        raise SettingsError(
            f"the settings have {' and '.join(masters_named)}",
            code="settings",
            hint="give one of them",
        )
    return settings


def _reachable(settings: Settings) -> Settings:
    """The settings with `url` as links begin; SettingsError where mail or links could not work."""
    names = (
        *("url", "webmail", "mail_server", "mail_from", "contact", "privacy_officer"),
        "help_address",
    )
    values = {name: getattr(settings, name) for name in names}
    if not any(values.values()):
        return settings
    from upheld.core import reach  # noqa: PLC0415 - it loads what reads addresses, which most commands do without

    if wrong := reach.mistake(values):
        raise SettingsError(f"the settings: {wrong.what}", code="settings", hint=wrong.hint)
    return msgspec.structs.replace(settings, url=settings.url.rstrip("/"))


def _refuse_unknown_zone(zone: str) -> None:
    """SettingsError unless days can be counted in a zone."""
    if zone == Settings().zone:
        return
    zones = available_timezones()
    if zone not in zones:
        near = nearest(zone, zones)
        raise SettingsError(
            f"the settings: `zone` is `{zone}`, which is not a time zone",
            code="settings",
            hint=f"did you mean `{near}`?" if near else "write it as in Europe/Berlin",
        )


def _refuse_unknown_country(country: str) -> None:
    """SettingsError unless phone numbers of a country can be read."""
    if country == Settings().country:
        return
    import phonenumbers  # noqa: PLC0415 - takes some milliseconds, and most settings name no other country

    if country not in phonenumbers.SUPPORTED_REGIONS:
        raise SettingsError(
            "the settings: `country` is not a country",
            code="settings",
            hint="write its two capital letters, such as US or GB",
        )


def _from_file(path: Path) -> dict[str, Any]:
    raw, private = read_file(path, error=SettingsError)
    try:
        values = tomllib.loads(raw.decode())
    except UnicodeDecodeError:
        raise SettingsError(
            f"{path} is not UTF-8", code="settings", hint="save it as UTF-8, in TOML"
        ) from None
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at .*\)$", str(error))  # the rest may quote a value
        raise SettingsError(
            f"{path} is not TOML {place[0] if place else ''}".rstrip(),
            code="settings",
            hint='write `name = "value"` lines',
        ) from None
    fields = Settings.__struct_fields__
    for word in values:
        if word not in fields:
            raise _unknown(f"{path} has a setting `{word}`", nearest(word, fields))
    for address in (values.get("database"), values.get("mail_server")):
        if isinstance(address, str) and without_password(address) != address and not private:
            raise open_to_others(path, SettingsError)
    database = values.get("database")
    if isinstance(database, str) and database.startswith(_SQLITE):
        values["database"] = _SQLITE + str(path.parent / database.removeprefix(_SQLITE))
    for word in PATHS & set(values):
        if isinstance(values[word], str):
            values[word] = path.parent / values[word]
    return values


def _from_environment(variables: Mapping[str, str]) -> dict[str, Any]:
    """The variables that are settings.

    Another UPHELD_ variable is a mistake only where it looks like a setting: service managers set
    names of their own making, after the name of the service.
    """
    fields = Settings.__struct_fields__
    values: dict[str, Any] = {}
    for name, value in variables.items():
        if not name.startswith(PREFIX) or name == FILE or not value:
            continue
        word = name.removeprefix(PREFIX).lower()
        if word in fields:
            values[word] = Path(value) if word in PATHS else value
        elif near := nearest(word, fields):
            raise _unknown(f"there is a variable {name}", PREFIX + near.upper())
    return values


def _unknown(what: str, near: str) -> SettingsError:
    fields = ", ".join(Settings.__struct_fields__)
    return SettingsError(
        f"{what}, which is not known",
        code="settings",
        hint=f"did you mean `{near}`?" if near else f"known are {fields}",
    )
