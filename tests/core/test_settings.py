"""Settings: the environment wins, a wrong word is told, and a password is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.core.settings import Settings, SettingsError, read_settings, without_password

SECRET = "pa55:w/o@rd"  # noqa: S105 - planted, to be looked for


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    return tmp_path / "upheld.toml"


def test_the_environment_wins_over_the_file(file: Path) -> None:
    """A setting comes from the environment, else from the file, else it is the default."""
    file.write_text('database = "sqlite:///from-file.db"\npolicy = "policy.md"\n')
    told = read_settings(file, {"UPHELD_DATABASE": "sqlite:///from-there.db"})
    assert told.database == "sqlite:///from-there.db"
    assert told.policy == file.parent / "policy.md"
    assert read_settings(None, {}) == Settings()


def test_paths_are_taken_from_the_files_own_folder(file: Path) -> None:
    """A relative path in the file leads from its folder, an absolute one stays."""
    file.write_text('database = "sqlite:///a.db"\nkeyring = "keys"\nkey_file = "/run/key"\n')
    told = read_settings(None, {"UPHELD_SETTINGS": str(file)})
    assert told.database == f"sqlite:///{file.parent}/a.db"
    assert (told.keyring, told.key_file) == (file.parent / "keys", Path("/run/key"))


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ('databse = "x"', "has a setting `databse`, which is not known", "did you mean `database`"),
        ("[zzz]\na = 1", "`zzz`, which is not known", "known are database, keyring"),
        ("database = 7", r"Expected `str`, got `int` - at `\$\.database`", ""),
        (f'database = "{SECRET}', r"is not TOML \(at end of document\)", "write"),
        ('key_file = "a"\npassphrase_file = "b"', "key_file and passphrase_file", "one of them"),
    ],
)
def test_a_mistake_is_told_without_the_value(file: Path, text: str, said: str, hint: str) -> None:
    """Each mistake is told with what to do, and no value is repeated."""
    file.write_text(text)
    with pytest.raises(SettingsError, match=said) as caught:
        read_settings(file, {})
    assert hint in caught.value.hint
    assert SECRET not in str(caught.value)


def test_a_variable_that_looks_like_a_setting_is_told() -> None:
    """A mistyped variable is an error, and one of another making is left alone."""
    with pytest.raises(SettingsError, match="UPHELD_DATABSE") as caught:
        read_settings(None, {"UPHELD_DATABSE": "x"})
    assert caught.value.hint == "did you mean `UPHELD_DATABASE`?"
    assert read_settings(None, {"UPHELD_SERVICE_HOST": "x", "HOME": "/"}) == Settings()


def test_a_file_with_a_password_must_be_its_owners_alone(file: Path) -> None:
    """A password in a file that others may read is refused, and shown nowhere when it is taken."""
    file.write_text(f'database = "postgresql://ann:{SECRET}@localhost/upheld"')
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="others than its owner") as caught:
        read_settings(file, {})
    assert caught.value.code == "permissions"
    file.chmod(0o600)
    told = read_settings(file, {})
    assert SECRET in told.database
    assert "postgresql://ann:***@localhost/upheld" in repr(told)


def test_a_file_that_cannot_be_read_is_told(file: Path) -> None:
    """A missing file, a folder and a file that is no text are each told."""
    with pytest.raises(SettingsError, match="No such file"):
        read_settings(file, {})
    with pytest.raises(SettingsError, match="Is a directory"):
        read_settings(file.parent, {})
    file.write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="is not UTF-8"):
        read_settings(file, {})


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1))
def test_no_password_is_ever_shown(password: str) -> None:
    """Whatever a password is made of, and in whichever of its places, it is not shown."""
    for url in (f"postgresql://u:q{password}q@h/d", f"postgresql://h/d?a=b&password=q{password}q"):
        assert f"q{password}q" not in without_password(url)
    assert without_password("sqlite:///a:b@c.db") == "sqlite:///a:b@c.db"


GOOD = {
    "UPHELD_URL": "https://accounts.example/",
    "UPHELD_MAIL_SERVER": "smtps://a:b@mail.example:465",
    "UPHELD_MAIL_FROM": "accounts@larch.example",
    "UPHELD_CONTACT": "help@larch.example",
    "UPHELD_WEBMAIL": "https://webmail.example/inbox?x=1",
}


def test_the_environment_can_name_files() -> None:
    """Where keyring, passphrase and policy are can be said by variables, without a file."""
    names = ("keyring", "passphrase_file", "policy", "log_key", "roles")
    settings = read_settings(None, {f"UPHELD_{each.upper()}": f"a/{each}" for each in names})
    assert [getattr(settings, each) for each in names] == [Path("a") / each for each in names]


def test_settings_of_links_and_mail_are_read_at_the_start() -> None:
    """Whole ones are taken, and the address has no slash at its end, so that paths can follow."""
    assert read_settings(None, GOOD).url == "https://accounts.example"
    local = read_settings(None, {"UPHELD_URL": "http://[::1]:8765"})
    assert local.url == "http://[::1]:8765"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("url", "accounts.example"),
        ("url", "ftp://accounts.example"),
        ("url", "https://"),
        ("url", "https://a.example/path"),
        ("url", "https://a.example?x=1"),
        ("url", "https://a.example:port"),
        ("url", "https://a.example:99999"),
        ("url", f"https://ann:{SECRET}@a.example"),
        ("url", "https://b\u00fccher.example"),
        ("url", "https://a.example\r\nbcc: x"),
        ("url", "https://" + "a" * 300 + ".example"),
        ("webmail", "javascript:alert(1)"),
        ("webmail", "webmail.example"),
        ("mail_server", "mail.example:25"),
        ("mail_server", "https://mail.example"),
        ("mail_server", "smtp://"),
        ("mail_server", "smtp://mail.example:smtp"),
        ("mail_server", "smtp://mail.example/x"),
        ("mail_from", "accounts"),
        ("mail_from", "Us <us@larch.example>"),
        ("mail_from", "a@larch.example, b@larch.example"),
        ("mail_from", "=?utf-8?q?=0a?=@larch.example"),
        ("contact", "mailto:help@larch.example"),
        ("contact", "help@larch.example\nbcc: x@larch.example"),
    ],
)
def test_a_wrong_setting_of_links_or_mail_is_told_at_the_start(name: str, value: str) -> None:
    """It is named, with what to write, and its value is not repeated."""
    with pytest.raises(SettingsError, match=f"`{name}` cannot be used") as caught:
        read_settings(None, {**GOOD, f"UPHELD_{name.upper()}": value})
    assert caught.value.hint.startswith("write ")
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    ("without", "said"),
    [(["url"], "`url` is not"), (["mail_from", "contact"], "neither `mail_from` nor `contact`")],
)
def test_a_mail_server_needs_an_address_of_ours_and_somebody_who_writes(
    without: list[str], said: str
) -> None:
    """Without them each message would fail, or have links that lead nowhere."""
    told = {k: v for k, v in GOOD.items() if k.removeprefix("UPHELD_").lower() not in without}
    with pytest.raises(SettingsError, match=said):
        read_settings(None, told)
