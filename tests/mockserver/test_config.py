"""Settings: every source, who wins, and errors that name key, value, limit and the way out."""

from pathlib import Path

import pytest

from onebar_mockserver.config import ConfigError, Settings, load
from onebar_mockserver.limits import ServerLimits

EXAMPLE = Path(__file__).parents[2] / "docs" / "onebar-mockserver.toml"


def written(folder: Path, text: str) -> Path:
    file = folder / "onebar.toml"
    file.write_text(text)
    return file


def test_nothing_given_is_the_defaults() -> None:
    assert load(None, {"PATH": "/bin", "ONEBAR_HOME": "/home"}, {}) == Settings()


def test_a_later_source_wins(tmp_path: Path) -> None:
    file = written(tmp_path, 'port = 1\nhost = "::1"\n[limits]\nwindow = 7\n')
    environment = {"ONEBAR_PORT": "2", "ONEBAR_LIMITS_WINDOW": "8", "ONEBAR_PRODUCTION": "true"}
    settings = load(file, environment, {"port": "3"})
    assert settings == Settings(host="::1", port=3, production=True, limits=ServerLimits(window=8))


def test_paths_of_the_file_are_beside_it_and_others_are_as_given(tmp_path: Path) -> None:
    file = written(tmp_path, 'data = "mail"\n[tls]\ncertificate = "/etc/cert.pem"\nkey = "key.pem"\n')
    settings = load(file, {}, {})
    assert settings.data == tmp_path / "mail"
    assert settings.certificate_files == (Path("/etc/cert.pem"), tmp_path / "key.pem")
    assert load(file, {"ONEBAR_DATA": "mail"}, {}).data == Path("mail")


def test_the_example_of_the_docs_is_taken() -> None:
    settings = load(EXAMPLE, {}, {})
    assert settings.production
    assert settings.certificate_files is not None
    assert settings.admin.port is not None
    assert settings.limits == ServerLimits(), "the example shows the defaults"
    assert "sms.example.org" in repr(settings.sms.gateway)
    assert settings.sms.token not in repr(settings)


@pytest.mark.parametrize("body", ["no JSON", '["{phone}"]', '{"to": 1}', '{"to": "{number}"}'])
def test_a_body_of_text_messages_that_cannot_be_sent_is_found_at_the_start(body: str) -> None:
    assert load(None, {"ONEBAR_SMS_BODY": body}, {}).sms.gateway is None, "without a URL nothing is sent"
    with pytest.raises(ConfigError, match="the settings of sms cannot be used"):
        load(None, {"ONEBAR_SMS_URL": "https://a", "ONEBAR_SMS_BODY": body}, {})


def test_keys_of_gateways_are_read_at_the_start(tmp_path: Path) -> None:
    file = written(tmp_path, '[push]\nfcm_service_account = "absent.json"\n')
    said = f"settings of push cannot be used: push.fcm_service_account: {tmp_path / 'absent.json'} cannot be read"
    with pytest.raises(ConfigError, match=said):
        load(file, {}, {})
    with pytest.raises(ConfigError, match=r"push\.apns_key is missing"):
        load(None, {"ONEBAR_PUSH_APNS_TOPIC": "org.example.chat"}, {})


WRONG = [
    ("port = 70000", r"onebar\.toml: port = 70000 cannot be used \(expected `int` <= 65535\); correct it, or leave"),
    ('port = "8440"', r"port = '8440' cannot be used \(expected `int`, got `str`\)"),
    ("drain_s = -1", r"drain_s = -1 cannot be used \(expected `float` >= 0"),
    ("prot = 1", r"onebar\.toml: there is no setting prot; did you mean port\?"),
    ("[limits]\nwindow = 0", r"limits\.window = 0 cannot be used \(expected `int` >= 1\)"),
    ("[limits]\nwindow = 257", r"limits\.window = 257 cannot be used \(expected `int` <= 256\)"),
    ("[limits]\nretention_s = 1000000000", r"retention_s = 1000000000 cannot be used \(expected `int` <= 315360000\)"),
    ("[limits]\nmailbox_bytes_max = 9000000000000000000", r"\(expected `int` <= 1099511627776\)"),
    (
        "[limits.rates]\nmessages = [0, 1.0]",
        r"onebar\.toml: limits\.rates\.messages = \[0, 1\.0\] cannot be used: give",
    ),
    ("[limits.rates]\nmessages = [1, nan]", r"limits\.rates\.messages = \[1, nan\] cannot be used"),
    ("[limits.rates]\nmessages = [1, -1.0]", r"from 0 to 315360000 seconds for one more; rated = false is for no"),
    ("[sms]\ntoken = 123456", r"sms\.token = … cannot be used \(expected `str`, got `int`\)"),
    ('[sms]\nurl = "sms.example.org/send"', r"sms\.url is no URL: give one like https://"),
    ('[sms]\nurl = "https://[::1"', r"sms\.url is no URL"),
    ('[sms]\nurl = "https://a:99999"', r"sms\.url is no URL"),
    ('[sms]\nurl = "https://a"\ntoken = "secret\\n"', r"sms\.token cannot be in a header: give printable"),
    ("[limits]\nwindow = { a = 1 }", r"limits\.window = \{'a': 1\} cannot be used"),
    ("limits = 3", r"there is no setting limits"),
    ('[log]\nformat = "xml"', r"log\.format = 'xml' cannot be used \(Invalid enum value 'xml'\)"),
    ("data = 3", r"data = 3 cannot be used \(expected `path`, got `int`\)"),
    ('[tls]\nkey = "k"', r"onebar\.toml: tls\.key needs tls\.certificate: they belong together"),
    ('[admin]\nhost = "0.0.0.0"\nport = 1', r"admin\.host = '0\.0\.0\.0' cannot be used: /metrics is for nobody"),
    ('[admin]\nhost = "8.8.8.8"\nport = 1', r"give 127\.0\.0\.1, or this machine's address in a private network"),
    ("zebra = 1", r"there is no setting zebra; docs/operations\.md lists them all"),
    ("port =", r"is not TOML: Invalid value"),
]


@pytest.mark.parametrize(("text", "said"), WRONG, ids=[text for text, _ in WRONG])
def test_what_the_file_gets_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(written(tmp_path, text), {}, {})


def test_what_the_others_get_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml cannot be read: No such file"):
        load(tmp_path / "absent.toml", {}, {})
    with pytest.raises(ConfigError, match=r"there is no setting ONEBAR_PRODUCION; did you mean ONEBAR_PRODUCTION\?"):
        load(None, {"ONEBAR_PRODUCION": "true"}, {})
    with pytest.raises(ConfigError, match=r"the environment variable ONEBAR_PORT: port = '-1' cannot be used"):
        load(None, {"ONEBAR_PORT": "-1"}, {})
    with pytest.raises(ConfigError, match=r"the command line: port = 'x' cannot be used"):
        load(None, {}, {"port": "x"})
    with pytest.raises(ConfigError, match=r"the command line: tls\.certificate needs tls\.key"):
        load(None, {}, {"tls.certificate": "c"})


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "10.1.2.3", "fd00::1"])
def test_an_admin_address_that_the_internet_does_not_reach(host: str) -> None:
    assert load(None, {"ONEBAR_ADMIN_HOST": host, "ONEBAR_ADMIN_PORT": "9"}, {}).admin.host == host


def test_an_admin_name_may_lead_anywhere() -> None:
    with pytest.raises(ConfigError, match=r"admin\.host = 'metrics\.example'"):
        load(None, {"ONEBAR_ADMIN_HOST": "metrics.example", "ONEBAR_ADMIN_PORT": "9"}, {})
