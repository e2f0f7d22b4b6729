"""Accounts and devices."""

from onebar_mockserver.limits import DAY_S, REPLACEMENTS_PER_DAY
from onebar_mockserver.ports import Identity, Registered, RegistrationError
from onebar_mockserver.sqlite import codes, registry
from tests.mockserver.sqlite.setting import CODE_KEY, Setting, keys

PHONE = "+4915112345678"


def issue(setting: Setting) -> None:
    setting.run(lambda batch: codes.issue(batch.connection, CODE_KEY, PHONE, b"seed", setting.now_ms))


def attempt(setting: Setting, number: int = 1, code: str = "") -> Registered | RegistrationError:
    """Register, with the right code unless it is another one."""
    code = code or codes.code_of(CODE_KEY, PHONE, b"seed")
    return setting.run(
        lambda batch: registry.register(batch.connection, CODE_KEY, PHONE, code, keys(number), setting.now_ms)
    )


def replace(setting: Setting, device: int, number: int) -> Registered | RegistrationError:
    return setting.run(lambda batch: registry.replace(batch.connection, 1, device, keys(number), setting.now_ms))


def failure(answer: Registered | RegistrationError) -> str:
    assert isinstance(answer, RegistrationError)
    return answer.name


def test_a_lost_answer_is_given_again_whatever_the_code(setting: Setting) -> None:
    issue(setting)
    first = attempt(setting)
    assert attempt(setting, code="none") == first


def test_registering_anew_removes_the_older_device_and_ids_are_never_reused(setting: Setting) -> None:
    issue(setting)
    attempt(setting, 1)
    issue(setting)
    assert attempt(setting, 2) == Registered(1, 2, (1,))
    issue(setting)
    assert attempt(setting, 1) == Registered(1, 3, (2,)), "an old key is a new device"


def test_replacing_is_limited_each_day_and_asking_again_is_free(setting: Setting) -> None:
    device = setting.register(PHONE, 1).device
    for number in range(2, REPLACEMENTS_PER_DAY + 2):
        answer = replace(setting, device, number)
        assert isinstance(answer, Registered)
        assert replace(setting, device, number) == answer._replace(removed=())
        device = answer.device
    assert failure(replace(setting, device, 1000)) == "rate_limited"
    assert str(REPLACEMENTS_PER_DAY) in str(replace(setting, device, 1000))
    assert isinstance(setting.register(PHONE, 999), Registered), "a code from an SMS still helps"
    device = setting.register(PHONE, 998).device
    assert failure(replace(setting, device, 1000)) == "rate_limited"
    setting.now_ms += DAY_S * 1000
    assert isinstance(replace(setting, device, 1000), Registered)


def test_a_restored_database_gives_no_number_again(setting: Setting) -> None:
    setting.now_ms = 1_790_000_000_000
    setting.register(PHONE, 1)
    image = setting.image()
    lost = [setting.register(f"+49{number}", number) for number in range(2, 5)]
    setting.use(image)
    setting.now_ms += 1_000
    new = [setting.register(f"+48{number}", number) for number in range(5, 8)]
    assert not {phone.device for phone in lost} & {phone.device for phone in new}
    assert not {phone.account for phone in lost} & {phone.account for phone in new}
    assert all(phone.device < 2**32 for phone in new), "five bytes on the wire"


def test_numbers_rise_even_if_the_clock_does_not(setting: Setting) -> None:
    setting.now_ms = 1_790_000_000_000
    first = setting.register("+491", 1)
    setting.now_ms = 0
    second = setting.register("+492", 2)
    assert (second.account, second.device) == (first.account + 1, first.device + 1)


def test_replace_is_idempotent_by_key(setting: Setting) -> None:
    setting.register(PHONE, 1)
    assert replace(setting, 1, 2) == Registered(1, 2, (1,))
    assert replace(setting, 1, 2) == Registered(1, 2)
    assert failure(replace(setting, 1, 3)) == "device_removed"


def test_replace_of_a_device_that_was_removed_otherwise(setting: Setting) -> None:
    setting.register(PHONE, 1)
    setting.register(PHONE, 2)
    assert failure(replace(setting, 1, 3)) == "device_removed"
    assert failure(replace(setting, 99, 3)) == "not_found"


def test_replacement_that_is_removed_itself_is_not_given_again(setting: Setting) -> None:
    setting.register(PHONE, 1)
    replace(setting, 1, 2)
    setting.register(PHONE, 3)
    assert failure(replace(setting, 1, 2)) == "device_removed"


def test_identities(setting: Setting) -> None:
    setting.register(PHONE, 1)
    assert registry.identities(setting.connection, [1, 2]) == {1: Identity(1, keys(1).identity_key)}
