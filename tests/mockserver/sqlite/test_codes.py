"""Registration codes: their life, their tries, and the waits between them."""

from onebar_mockserver.limits import CODE_LIFE_S, CODE_RESEND_S, CODE_TRIES, CODES_FORGOTTEN_S
from onebar_mockserver.ports import Code, RateLimitedError, RegistrationError
from onebar_mockserver.sqlite import codes
from tests.mockserver.sqlite.setting import CODE_KEY, Setting

PHONE = "+4915112345678"


def issue(setting: Setting, fresh: bytes) -> Code | RateLimitedError:
    return setting.run(lambda batch: codes.issue(batch.connection, CODE_KEY, PHONE, fresh, setting.now_ms))


def code_of(seed: bytes) -> str:
    return codes.code_of(CODE_KEY, PHONE, seed)


def attempt(setting: Setting, code: str) -> str:
    error = setting.run(lambda batch: codes.spend_try(batch.connection, CODE_KEY, PHONE, code, setting.now_ms))
    return "right" if error is None else error.name


def refusal(answer: Code | RateLimitedError) -> tuple[str, float]:
    assert isinstance(answer, RateLimitedError)
    return answer.limit, answer.retry_after_s


def test_a_code_stays_the_same_for_its_life(setting: Setting) -> None:
    first = issue(setting, b"1")
    assert isinstance(first, Code)
    setting.now_ms += CODE_RESEND_S[0] * 1000
    assert issue(setting, b"2") == first, "sent again"
    setting.now_ms += CODE_LIFE_S * 1000
    assert attempt(setting, code_of(b"1")) == "code_expired"
    third = issue(setting, b"3")
    assert isinstance(third, Code)
    assert third.code == code_of(b"3") != first.code


def test_each_further_code_has_to_wait_for_longer(setting: Setting) -> None:
    for wait_s in (*CODE_RESEND_S, CODE_RESEND_S[-1]):
        assert isinstance(issue(setting, b"1"), Code)
        limit = "code_resend"
        if wait_s > CODE_LIFE_S:
            setting.now_ms += CODE_LIFE_S * 1000
            wait_s, limit = wait_s - CODE_LIFE_S, "codes"
        assert refusal(issue(setting, b"2")) == (limit, wait_s)
        setting.now_ms += wait_s * 1000 - 1
        assert refusal(issue(setting, b"2"))[1] == 0.001
        setting.now_ms += 1
    setting.now_ms += CODES_FORGOTTEN_S * 1000
    issue(setting, b"3")
    assert refusal(issue(setting, b"4")) == ("code_resend", CODE_RESEND_S[0]), "a day later it begins anew"


def test_a_clock_that_was_put_back_shuts_nobody_out_for_long(setting: Setting) -> None:
    setting.now_ms = 10**12
    issue(setting, b"1")
    setting.now_ms = 0
    assert refusal(issue(setting, b"2"))[1] == CODE_RESEND_S[-1]


def test_a_code_that_could_not_be_sent_costs_no_wait(setting: Setting) -> None:
    issue(setting, b"1")
    setting.run(lambda batch: codes.not_sent(batch.connection, PHONE, setting.now_ms))
    assert isinstance(issue(setting, b"2"), Code)
    assert refusal(issue(setting, b"3"))[1] == CODE_RESEND_S[0]


def test_tries_run_out_and_the_code_that_is_sent_again_has_no_new_ones(setting: Setting) -> None:
    issue(setting, b"1")
    for left in reversed(range(CODE_TRIES)):
        error = setting.run(lambda batch: codes.spend_try(batch.connection, CODE_KEY, PHONE, "none", setting.now_ms))
        assert isinstance(error, RegistrationError)
        assert error.name == "wrong_code"
        assert f"{left} tries left" in str(error)
        if left == 2:
            setting.now_ms += CODE_RESEND_S[0] * 1000
            assert isinstance(issue(setting, b"2"), Code)
    assert attempt(setting, code_of(b"1")) == "code_expired"
    assert refusal(issue(setting, b"3"))[0] == "codes", "the one that is there is of no use"
    setting.now_ms += CODE_RESEND_S[1] * 1000
    issue(setting, b"4")
    assert attempt(setting, code_of(b"4")) == "right"


def test_no_code_is_in_the_database_and_it_follows_from_the_key_the_number_and_the_seed(setting: Setting) -> None:
    answer = issue(setting, b"1")
    assert isinstance(answer, Code)
    assert len(answer.code) == 6
    assert answer.code.isdigit()
    assert answer.code not in "\n".join(setting.connection.iterdump())
    others = {codes.code_of(b"other key", PHONE, b"1"), codes.code_of(CODE_KEY, "+491", b"1"), code_of(b"2")}
    assert answer.code not in others
    assert len(others) == 3
