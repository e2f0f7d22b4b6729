"""Two-step verification: the right PIN, wrong ones, and the lock that lapses."""

import base64

import pyotp

from onebar.core.frames import decode_as
from onebar.core.questions import (
    PIN_BYTES,
    TOTP_BYTES,
    Block,
    FindBlocks,
    FindProtection,
    ProtectionInfo,
    SetPin,
    SetTotp,
)
from onebar_mockserver.limits import CODE_LIFE_S, CODE_RESEND_S, DAY_S, PIN_LOCK_S, PIN_TRIES, SEEN_EVERY_S
from onebar_mockserver.ports import PinError, RateLimitedError, Registered, RegistrationError
from onebar_mockserver.sqlite import codes, registry
from tests.mockserver.sqlite.setting import CODE_KEY, Setting, keys

PHONE = "+4915112345678"
RIGHT, WRONG = b"r" * PIN_BYTES, b"w" * PIN_BYTES
BEGIN_MS = 1_790_000_000_000


def attempt(setting: Setting, number: int, pin: bytes = b"", totp: str = "") -> Registered | RegistrationError:
    """Register with the right code, a new one if the last one has had its time."""
    setting.run(lambda batch: codes.issue(batch.connection, CODE_KEY, PHONE, b"seed", setting.now_ms))
    code = codes.code_of(CODE_KEY, PHONE, b"seed")
    return setting.run(
        lambda batch: registry.register(
            batch.connection, CODE_KEY, PHONE, code, keys(number), setting.now_ms, pin, totp
        )
    )


def protected(setting: Setting) -> Registered:
    setting.now_ms = BEGIN_MS
    phone = setting.register(PHONE, 1)
    assert not setting.ask(phone, SetPin(RIGHT)).error
    return phone


def test_a_pin_is_asked_for_behind_the_right_code_which_stays_good(setting: Setting) -> None:
    phone = protected(setting)
    error = attempt(setting, 2)
    assert isinstance(error, PinError)
    assert (error.name, error.tries_left, error.lapses_at_ms) == (
        "pin_required",
        PIN_TRIES,
        BEGIN_MS + PIN_LOCK_S * 1000,
    )
    error = attempt(setting, 2, WRONG)
    assert isinstance(error, PinError)
    assert (error.name, error.tries_left) == ("wrong_pin", PIN_TRIES - 1)
    assert f"{PIN_TRIES - 1} tries left" in str(error)
    answer = attempt(setting, 2, RIGHT)
    assert isinstance(answer, Registered)
    assert answer.removed == (phone.device,)
    error = attempt(setting, 3)
    assert isinstance(error, PinError)
    assert error.tries_left == PIN_TRIES, "the right one gives the tries back; and the PIN goes on"


def test_without_the_code_nobody_learns_of_the_pin_or_spends_its_tries(setting: Setting) -> None:
    protected(setting)
    setting.run(lambda batch: codes.issue(batch.connection, CODE_KEY, PHONE, b"seed", setting.now_ms))
    answer = setting.run(
        lambda batch: registry.register(batch.connection, CODE_KEY, PHONE, "", keys(2), setting.now_ms, WRONG)
    )
    assert isinstance(answer, RegistrationError)
    assert answer.name == "wrong_code"
    error = attempt(setting, 2)
    assert isinstance(error, PinError)
    assert error.tries_left == PIN_TRIES


def test_tries_are_counted_for_a_day_whatever_the_code(setting: Setting) -> None:
    phone = protected(setting)
    for _ in range(PIN_TRIES):
        setting.now_ms += CODE_LIFE_S * 6 * 1000
        assert isinstance(attempt(setting, 2, WRONG), PinError)
    error = attempt(setting, 2, RIGHT)
    assert isinstance(error, RateLimitedError)
    assert (error.limit, error.retry_after_s) == ("pins", DAY_S - (PIN_TRIES - 1) * 3600)
    setting.now_ms += round(error.retry_after_s * 1000)
    setting.ask(phone, FindBlocks())
    error = attempt(setting, 2)
    assert isinstance(error, PinError)
    assert error.tries_left == PIN_TRIES


def test_the_lock_lapses_when_the_account_was_not_heard_of(setting: Setting) -> None:
    phone = protected(setting)
    setting.ask(phone, Block("+491", blocked=True))
    setting.now_ms += PIN_LOCK_S * 1000 - 1
    assert isinstance(attempt(setting, 2), PinError)
    setting.attached(phone.device)
    setting.now_ms += SEEN_EVERY_S * 1000
    setting.ask(phone, FindBlocks())
    setting.now_ms += PIN_LOCK_S * 1000 - 1
    assert isinstance(attempt(setting, 2), PinError), "a link and a question show that it is not given up"
    setting.now_ms += 1
    new = attempt(setting, 2)
    assert isinstance(new, Registered)
    assert setting.ask(new, FindBlocks()).result == b"\x91\x90", "whoever has the number now blocks nobody"
    assert isinstance(attempt(setting, 3), Registered), "and has no PIN"


def test_removing_a_pin(setting: Setting) -> None:
    phone = protected(setting)
    setting.ask(phone, SetPin(b""))
    assert isinstance(attempt(setting, 2), Registered)


def test_the_database_holds_no_pin(setting: Setting) -> None:
    protected(setting)
    [(stored,)] = setting.connection.execute("SELECT hash FROM pins").fetchall()
    assert RIGHT not in stored


SECRET = b"s" * TOTP_BYTES


def shown(setting: Setting, later_s: int = 0) -> str:
    """What an authenticator app shows."""
    return pyotp.TOTP(base64.b32encode(SECRET).decode()).at(setting.now_ms // 1000 + later_s)


def reason(answer: Registered | RegistrationError) -> str:
    return answer.name if isinstance(answer, RegistrationError) else "registered"


def test_a_one_time_password_is_asked_for_beside_the_pin_or_alone(setting: Setting) -> None:
    phone = protected(setting)
    assert setting.ask(phone, SetTotp(SECRET, "000000" if shown(setting) != "000000" else "1")).error == "wrong_totp"
    assert not setting.ask(phone, SetTotp(SECRET, shown(setting))).error
    assert reason(attempt(setting, 2)) == "pin_required"
    assert reason(attempt(setting, 2, RIGHT)) == "totp_required"
    assert reason(attempt(setting, 2, RIGHT, shown(setting))) == "wrong_totp", "it was used when it was set"
    setting.now_ms += 30_000
    assert reason(attempt(setting, 2, WRONG, shown(setting))) == "wrong_pin"
    assert reason(attempt(setting, 2, RIGHT, shown(setting, 90))) == "wrong_totp"
    new = attempt(setting, 2, RIGHT, shown(setting))
    assert isinstance(new, Registered)
    setting.now_ms += CODE_RESEND_S[0] * 1000
    assert not setting.ask(new, SetPin(b"")).error
    assert reason(attempt(setting, 3)) == "totp_required", "removing the PIN leaves it"
    answer = attempt(setting, 3, totp=shown(setting, -30))
    assert isinstance(answer, Registered), "one that is a little late"
    setting.now_ms += CODE_RESEND_S[1] * 1000
    assert not setting.ask(answer, SetTotp(b"")).error
    assert setting.connection.execute("SELECT count(*) FROM pins").fetchone() == (0,)
    assert reason(attempt(setting, 4)) == "registered"


def test_a_device_of_the_account_is_told_what_protects_it(setting: Setting) -> None:
    def told(of: Registered) -> ProtectionInfo:
        return decode_as(ProtectionInfo, setting.ask(of, FindProtection()).result)

    phone, other = protected(setting), setting.register("+4915112345679", 7)
    assert (told(phone), told(other)) == (ProtectionInfo(True, False), ProtectionInfo(False, False))
    assert not setting.ask(phone, SetTotp(SECRET, shown(setting))).error
    assert not setting.ask(phone, SetPin(b"")).error
    assert (told(phone), told(other)) == (ProtectionInfo(False, True), ProtectionInfo(False, False))


def test_a_one_time_password_is_good_once(setting: Setting) -> None:
    setting.now_ms = BEGIN_MS
    phone = setting.register(PHONE, 1)
    assert not setting.ask(phone, SetTotp(SECRET, shown(setting))).error
    setting.now_ms += CODE_RESEND_S[0] * 1000
    used = shown(setting)
    assert reason(attempt(setting, 2, totp=used)) == "registered"
    assert reason(attempt(setting, 2, totp=used)) == "registered", "the answer was lost: the same device again"
    assert reason(attempt(setting, 3, totp=used)) == "wrong_totp"


def test_tries_of_both_are_counted_together(setting: Setting) -> None:
    phone = protected(setting)
    assert not setting.ask(phone, SetTotp(SECRET, shown(setting))).error
    wrong = "000000" if shown(setting) != "000000" else "000001"
    for number in range(PIN_TRIES):
        setting.now_ms += CODE_LIFE_S * 6 * 1000
        answer = attempt(setting, 2, *((WRONG, shown(setting)) if number % 2 else (RIGHT, wrong)))
        assert isinstance(answer, PinError)
    error = attempt(setting, 2, RIGHT, shown(setting))
    assert isinstance(error, RateLimitedError)
    assert error.limit == "pins"
