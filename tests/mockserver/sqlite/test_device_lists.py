"""Which devices an account has is what its newest signed list says; a further one waits until it is in one."""

from collections.abc import Callable

import pytest

from onebar.core.frames import FLAG_TOP_UP, Note, Stock, decode_as
from onebar.core.questions import AddDevice, DeviceNames, FindBundle, FindDevice, FindDeviceNames, NameDevice, Publish
from onebar.crypto.certificates import DEVICES_MAX, AccountKey
from onebar.crypto.keys import DeviceKeys
from onebar_mockserver.limits import CODE_RESEND_S, PENDING_S
from onebar_mockserver.ports import Kind, Refusal, Registered, RegistrationError
from onebar_mockserver.sqlite import registry
from tests.mockserver.rawclient import submit
from tests.mockserver.signer import Signer
from tests.mockserver.sqlite.setting import CODE_KEY, Setting, family, keys


@pytest.fixture
def alice(setting: Setting) -> Registered:
    return setting.register("+491", 1)


@pytest.fixture
def bob(setting: Setting) -> Registered:
    return setting.register("+492", 2)


@pytest.fixture
def signer(setting: Setting, bob: Registered) -> Signer:
    """Bob's, who has published a list of his one device."""
    made = Signer(bob.account)
    assert setting.publish(bob, Publish(devices=made.sign({bob.device: keys(2)}))) == Stock(1)
    return made


def link(setting: Setting, signer: Signer, bob: Registered, number: int = 3) -> Registered:
    """Give Bob a second device."""
    second = setting.add(bob, number)
    setting.publish(bob, Publish(devices=signer.sign({bob.device: keys(2), second.device: keys(number)})))
    return second


def error(setting: Setting, by: Registered, devices: bytes) -> str:
    answer = setting.ask(by, Publish(devices=devices))
    assert answer.removed == ()
    return answer.error


def test_a_list_and_its_certificates_are_for_everybody(setting: Setting, bob: Registered, signer: Signer) -> None:
    signed = setting.info(bob).devices
    assert signed
    assert setting.info(bob).certificate == signer.certificate(bob.device, keys(2))
    second = link(setting, signer, bob)
    assert setting.info(second).certificate == signer.certificate(second.device, keys(3))
    assert setting.info(bob).devices == setting.info(second).devices != signed


def test_the_same_list_again_is_fine(setting: Setting, bob: Registered, signer: Signer) -> None:
    signed = setting.info(bob).devices
    assert setting.ask(bob, Publish(devices=signed)) == setting.ask(bob, Publish())
    assert setting.info(bob).devices == signed


def test_the_same_list_again_is_fine_even_if_a_device_in_it_was_replaced_meanwhile(
    setting: Setting, bob: Registered, signer: Signer
) -> None:
    second = link(setting, signer, bob)
    signed = setting.info(bob).devices
    setting.replace(second, 4)
    assert setting.publish(bob, Publish(devices=signed)) == Stock(2)
    assert setting.info(second).removed


def test_an_older_list_is_not_taken(setting: Setting, bob: Registered, signer: Signer) -> None:
    first = setting.info(bob).devices
    fork = Signer(bob.account, last=signer.last)
    second = link(setting, signer, bob)
    assert error(setting, bob, first) == "old_list"
    assert error(setting, bob, fork.sign({bob.device: keys(2)})) == "old_list", "another one of the same number"
    assert not setting.info(second).removed


def by_another_key(signer: Signer, bob: Registered, alice: Registered) -> bytes:
    return Signer(bob.account, AccountKey(b"o" * 32), signer.last).sign({bob.device: keys(2)})


def of_another_account(signer: Signer, bob: Registered, alice: Registered) -> bytes:
    return Signer(alice.account, signer.key, signer.last).sign({bob.device: keys(2)})


def without_the_asking_device(signer: Signer, bob: Registered, alice: Registered) -> bytes:
    return signer.sign({})


def with_other_keys(signer: Signer, bob: Registered, alice: Registered) -> bytes:
    return signer.sign({bob.device: keys(9)})


def with_anothers_device(signer: Signer, bob: Registered, alice: Registered) -> bytes:
    return signer.sign({bob.device: keys(2), alice.device: keys(1)})


def with_a_device_that_never_was(signer: Signer, bob: Registered, alice: Registered) -> bytes:
    return signer.sign({bob.device: keys(2), 99: keys(9)})


def forged(signer: Signer, bob: Registered, alice: Registered) -> bytes:
    signed = signer.sign({bob.device: keys(2)})
    return signed[:-1] + bytes([signed[-1] ^ 1])


def nonsense(signer: Signer, bob: Registered, alice: Registered) -> bytes:
    return b"\1\x90"


@pytest.mark.parametrize(
    "made",
    [
        by_another_key,
        of_another_account,
        without_the_asking_device,
        with_other_keys,
        with_anothers_device,
        with_a_device_that_never_was,
        forged,
        nonsense,
    ],
)
def test_what_is_not_the_accounts_list_is_refused_and_changes_nothing(
    setting: Setting,
    alice: Registered,
    bob: Registered,
    signer: Signer,
    made: Callable[[Signer, Registered, Registered], bytes],
) -> None:
    before = setting.info(bob)
    what = Publish(devices=made(signer, bob, alice), signed=b"bundle", bundle_ms=1, one_time=((1, b"x"),))
    assert setting.ask(bob, what).error == "bad_list"
    assert setting.info(bob) == before
    assert setting.publish(bob, Publish()) == Stock(1)


def test_what_a_list_leaves_out_is_removed_and_stays_so(
    setting: Setting, alice: Registered, bob: Registered, signer: Signer
) -> None:
    second = link(setting, signer, bob)
    setting.publish(second, Publish(signed=b"bundle", bundle_ms=1))
    setting.judge(alice.device, submit(1, (bob.account, [(bob.device, b"x"), (second.device, b"y")])))
    answer = setting.ask(bob, Publish(devices=signer.sign({bob.device: keys(2)})))
    assert (answer.error, answer.removed) == ("", (second.device,))
    info = setting.info(second)
    assert (info.removed, info.certificate) == (True, signer.certificate(second.device, keys(3)))
    assert setting.ask(alice, FindBundle(bob.account, second.device)).error == "no_account"
    assert setting.sweep() == {alice.device}
    [notice] = setting.mail(alice.device)
    assert (notice.kind, notice.device, notice.body) == (Kind.UNDELIVERED, second.device, b"device_removed")
    both = submit(2, (bob.account, [(bob.device, b"x"), (second.device, b"y")]))
    assert setting.judge(alice.device, both).notes == (Note(2, "", (), ((bob.account, second.device),)),)
    assert error(setting, bob, signer.sign({bob.device: keys(2), second.device: keys(3)})) == "bad_list"


def test_a_removed_device_publishes_nothing_more(setting: Setting, bob: Registered, signer: Signer) -> None:
    second = link(setting, signer, bob)
    setting.publish(bob, Publish(devices=signer.sign({bob.device: keys(2)})))
    for question in (Publish(one_time=((1, b"x"),)), AddDevice(*keys(4))):
        assert setting.ask(second, question).error == "device_removed"


def test_a_device_in_neither_list_stays_as_it_is(setting: Setting, bob: Registered, signer: Signer) -> None:
    second = link(setting, signer, bob)
    new = setting.replace(second, 4)
    third = setting.add(bob, 5)
    published = Publish(devices=signer.sign({bob.device: keys(2), third.device: keys(5)}))
    assert setting.ask(bob, published).removed == (), "the replaced one was removed before"
    assert not setting.info(new).removed
    assert setting.info(new).certificate == b""


def test_a_replacement_keeps_the_list_and_is_in_use_at_once(
    setting: Setting, alice: Registered, bob: Registered, signer: Signer
) -> None:
    signed = setting.info(bob).devices
    new = setting.replace(bob, 3)
    assert setting.info(new).devices == signed
    assert setting.judge(alice.device, submit(1, (bob.account, []))).notes == (
        Note(1, "", ((bob.account, new.device),), ()),
    )
    assert setting.attached(new.device).stock == Stock(1)
    answer = setting.ask(new, Publish(devices=signer.sign({new.device: keys(3)})))
    assert (answer.error, answer.removed) == ("", ())
    assert setting.info(bob).certificate == signer.certificate(bob.device, keys(2)), "the last one stays"


def test_registering_anew_forgets_the_list_with_all_its_devices(
    setting: Setting, bob: Registered, signer: Signer
) -> None:
    second = link(setting, signer, bob)
    pending = setting.add(bob, 4)
    new = setting.register("+492", 5)
    assert new.removed == (bob.device, second.device, pending.device)
    info = setting.info(new)
    assert (info.devices, info.certificate, info.removed) == (b"", b"", False)
    other = Signer(bob.account, AccountKey(b"n" * 32))
    assert setting.publish(new, Publish(devices=other.sign({new.device: keys(5)}))) == Stock(1)
    assert setting.info(bob).certificate == signer.certificate(bob.device, keys(2))


def test_a_pending_device_gets_no_mail_and_nobody_misses_it(
    setting: Setting, alice: Registered, bob: Registered, signer: Signer
) -> None:
    pending = setting.add(bob, 3)
    to_both = [(bob.device, b"x"), (pending.device, b"y")]
    note = Note(1, "", (), ((bob.account, pending.device),))
    assert setting.judge(alice.device, submit(1, (bob.account, to_both))).notes == (note,)
    assert setting.judge(alice.device, submit(2, (bob.account, to_both[:1]), floor=1)).notes == ()
    assert setting.mail(pending.device) == []
    assert registry.identities(setting.connection, [pending.device]) == {}
    for question in (FindDevice(bob.account, pending.device), FindBundle(bob.account, pending.device)):
        assert setting.ask(alice, question).error == "no_account"


def test_its_certificate_makes_it_a_device(
    setting: Setting, alice: Registered, bob: Registered, signer: Signer
) -> None:
    second = link(setting, signer, bob)
    assert set(registry.identities(setting.connection, [second.device])) == {second.device}
    note = Note(1, "", ((bob.account, second.device),), ())
    assert setting.judge(alice.device, submit(1, (bob.account, [(bob.device, b"x")]))).notes == (note,)
    top_up = submit(2, (bob.account, [(second.device, b"x")]), flags=FLAG_TOP_UP, floor=1)
    assert setting.judge(alice.device, top_up).notes == ()


def test_the_same_keys_get_the_same_number(setting: Setting, bob: Registered, signer: Signer) -> None:
    pending = setting.add(bob, 3)
    assert setting.add(bob, 3) == pending
    assert setting.add(bob, 4).device > pending.device
    setting.publish(bob, Publish(devices=signer.sign({bob.device: keys(2), pending.device: keys(3)})))
    assert setting.add(bob, 3) == pending, "also when it is in use"
    other_box = AddDevice(*registered_with_another_box_key(3))
    assert setting.ask(bob, other_box).error == "bad_request"


def registered_with_another_box_key(number: int) -> tuple[bytes, bytes, bytes]:
    made = DeviceKeys(number.to_bytes(32, "big"), b"b" * 32).public()
    return made.identity_key, made.box_key, made.key_signature


def test_only_a_listed_device_adds_one(setting: Setting, alice: Registered, bob: Registered, signer: Signer) -> None:
    assert setting.ask(alice, AddDevice(*keys(3))).error == "bad_list", "no list yet"
    new = setting.replace(bob, 4)
    assert setting.ask(new, AddDevice(*keys(3))).error == "bad_list", "not in it yet"


def test_keys_that_are_not_bound_are_not_added(setting: Setting, bob: Registered, signer: Signer) -> None:
    unbound = keys(3)._replace(box_key=keys(4).box_key)
    assert setting.ask(bob, AddDevice(*unbound)).error == "bad_request"


def test_an_account_has_so_many_devices_with_the_pending_ones(
    setting: Setting, bob: Registered, signer: Signer
) -> None:
    pending = [setting.add(bob, number).device for number in range(10, 9 + DEVICES_MAX)]
    assert setting.ask(bob, AddDevice(*keys(99))).error == "too_many_devices"
    assert setting.add(bob, 10).device == pending[0], "asking again is free"
    setting.now_ms += PENDING_S * 1000 - 1
    assert setting.ask(bob, AddDevice(*keys(99))).error == "too_many_devices"
    setting.now_ms += 1
    assert setting.add(bob, 99).device > max(pending), "no number is given again (R22)"
    assert pending[0] in registry.identities(setting.connection, pending), "so it is told that it was removed"
    assert setting.attach(pending[0]) == Refusal("device_removed", 0)
    late = signer.sign({bob.device: keys(2), pending[0]: keys(10)})
    assert error(setting, bob, late) == "bad_list", "it was forgotten"


def test_a_device_in_use_is_not_forgotten(setting: Setting, bob: Registered, signer: Signer) -> None:
    second = link(setting, signer, bob)
    setting.now_ms += 2 * PENDING_S * 1000
    setting.add(bob, 4)
    assert not setting.info(second).removed
    assert not setting.info(bob).removed


def test_a_pending_device_does_not_register_without_a_code(setting: Setting, bob: Registered, signer: Signer) -> None:
    setting.add(bob, 3)
    answer = setting.run(
        lambda batch: registry.register(batch.connection, CODE_KEY, "+492", "0", keys(3), setting.now_ms)
    )
    assert isinstance(answer, RegistrationError)


def names(setting: Setting, of: Registered) -> dict[int, str]:
    return dict(decode_as(DeviceNames, setting.ask(of, FindDeviceNames()).result).names)


def test_names_are_for_the_devices_of_the_account_and_go_with_them(setting: Setting) -> None:
    alice, other = setting.register("+491", 1), setting.register("+492", 9)
    second = family(setting, alice, 1, 2)
    assert names(setting, alice) == {}
    assert not setting.ask(second, NameDevice(alice.device, "phone")).error
    assert not setting.ask(alice, NameDevice(second.device, "laptop")).error
    assert names(setting, alice) == names(setting, second) == {alice.device: "phone", second.device: "laptop"}
    assert names(setting, other) == {}
    assert setting.ask(other, NameDevice(alice.device, "mine")).error == "bad_request"
    new = setting.replace(alice, 3)
    assert names(setting, new) == {new.device: "phone", second.device: "laptop"}, "a restored phone is the same phone"
    setting.now_ms += CODE_RESEND_S[0] * 1000
    again = setting.register("+491", 4)
    assert names(setting, again) == {}
    assert setting.connection.execute("SELECT count(*) FROM devices WHERE name <> ''").fetchone() == (0,)
