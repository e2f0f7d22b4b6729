"""What has to wait because its sender did too much of it (docs/protocol.md §8)."""

from onebar.core import frames
from onebar.core.frames import FLAG_SILENT, Submit
from onebar.core.questions import AddDevice, FindBundle, FindPhone, Limited, Publish, Question
from onebar.core.rates import Rate
from onebar_mockserver.buckets import Buckets
from onebar_mockserver.ports import Answer, Asked, Registered, Slowed
from onebar_mockserver.sqlite import verdicts
from onebar_mockserver.sqlite.admission import answer_admitted
from tests.mockserver.rawclient import submit
from tests.mockserver.signer import Signer
from tests.mockserver.sqlite.setting import Setting, keys, row_of


class Rated(Setting):
    def rate(self, **rates: Rate) -> None:
        self.buckets = Buckets(rates)

    def try_(self, by: Registered, frame: Submit) -> Slowed | None:
        judged = self.run(lambda batch: verdicts.judge(batch, row_of(batch, by.device), frame))
        return judged if isinstance(judged, Slowed) else None

    def question(self, by: Registered, question: Question) -> Answer:
        return self.run(lambda batch: answer_admitted(batch, Asked(by.account, by.device, question)))


def people(count: int) -> tuple[Rated, list[Registered]]:
    setting = Rated()
    return setting, [setting.register(f"+4915112345{600 + number}", number + 1) for number in range(count)]


def to(*readers: Registered) -> list[tuple[int, list[tuple[int, bytes]]]]:
    return [(reader.account, [(reader.device, b"x")]) for reader in readers]


def limited(answer: Answer) -> Limited:
    assert answer.error == "rate_limited"
    return frames.decode_as(Limited, answer.result)


def test_a_number_that_is_put_off_gets_no_verdict_and_later_its_own() -> None:
    setting, (alice, bob, carol) = people(3)
    setting.rate(messages=Rate(2, 5.0))
    for out_no in (1, 2):
        assert setting.try_(alice, submit(out_no, *to(bob), flags=FLAG_SILENT)) is None
    assert setting.try_(alice, submit(3, *to(bob))) == Slowed(3, "messages", 5.0)
    assert setting.row(alice.device).position.mark == 2
    assert setting.judge(alice.device, submit(4, *to(carol))).answered is False, "the next one waits in the row"
    assert len(setting.mail(bob.device)) == 2
    assert setting.try_(carol, submit(1, *to(bob))) is None, "each pair has its own"
    assert setting.try_(bob, submit(1, *to(alice))) is None, "and each way"
    assert setting.try_(alice, submit(2, *to(bob))) is None, "what has a verdict is answered"
    setting.now_ms += 5000
    assert setting.try_(alice, submit(3, *to(bob))) is None
    assert setting.row(alice.device).position.mark == 3
    assert setting.buckets.refused == {"messages": 1}


def test_a_message_to_several_accounts_goes_to_all_of_them_or_waits() -> None:
    setting, (alice, bob, carol) = people(3)
    setting.rate(messages=Rate(1, 5.0))
    assert setting.try_(alice, submit(1, *to(bob))) is None
    assert setting.try_(alice, submit(2, *to(bob, carol))) == Slowed(2, "messages", 5.0)
    setting.now_ms += 5000
    assert setting.try_(alice, submit(2, *to(bob, carol))) is None
    assert len(setting.mail(carol.device)) == 1


def test_first_contacts_count_once_and_answers_do_not() -> None:
    setting, (alice, bob, carol, dora, eve) = people(5)
    setting.rate(first_contacts=Rate(2, 900.0))
    assert setting.try_(eve, submit(1, *to(alice))) is None
    for out_no, reader in enumerate((bob, bob, carol, carol, eve), 1):
        assert setting.try_(alice, submit(out_no, *to(reader))) is None
    assert setting.try_(alice, submit(6, *to(dora))) == Slowed(6, "first_contacts", 900.0)


def test_keys_of_a_stranger_wait_like_the_message_to_it_would() -> None:
    setting, (alice, bob, carol) = people(3)
    setting.rate(first_contacts=Rate(1, 900.0))
    for reader in (bob, carol):
        setting.publish(reader, Publish(signed=b"signed", bundle_ms=1))
    assert not setting.question(alice, FindBundle(*bob[:2])).error
    assert limited(setting.question(alice, FindBundle(*carol[:2]))) == Limited("first_contacts", 900_000)
    assert setting.try_(alice, submit(1, *to(bob))) is None, "it was counted with its keys"


def test_prekeys_are_limited_for_each_device_and_in_all() -> None:
    setting, (alice, bob, carol) = people(3)
    setting.rate(prekeys=Rate(2, 600.0), bundles=Rate(3, 10.0))
    for reader in (bob, carol):
        setting.publish(reader, Publish(signed=b"signed", bundle_ms=1, one_time=tuple((n, b"k") for n in range(9))))
    of_bob, of_carol = FindBundle(*bob[:2]), FindBundle(*carol[:2])
    assert [setting.question(alice, of_bob).error for _ in range(2)] == ["", ""]
    assert limited(setting.question(alice, of_bob)) == Limited("prekeys", 600_000)
    assert setting.question(carol, of_bob).error == ""
    assert setting.question(alice, of_carol).error == ""
    assert limited(setting.question(alice, of_carol)) == Limited("bundles", 10_000)


def test_prekeys_that_are_not_there_yet_cost_nothing() -> None:
    setting, (alice, bob) = people(2)
    setting.rate(prekeys=Rate(1, 600.0))
    assert [setting.question(alice, FindBundle(*bob[:2])).error for _ in range(3)] == ["no_bundle"] * 3
    setting.publish(bob, Publish(signed=b"signed", bundle_ms=1))
    assert setting.question(alice, FindBundle(*bob[:2])).error == ""


def test_looking_people_up_and_adding_devices_is_limited() -> None:
    setting, (alice, bob) = people(2)
    setting.publish(alice, Publish(devices=Signer(alice.account).sign({alice.device: keys(1)})))
    setting.rate(lookups=Rate(1, 10.0), devices=Rate(1, 120.0))
    assert setting.question(alice, FindPhone("+4915112345699")).error == "no_account"
    assert limited(setting.question(alice, FindPhone("+4915112345698"))) == Limited("lookups", 10_000)
    assert setting.question(alice, AddDevice(*keys(8))).error == ""
    assert limited(setting.question(alice, AddDevice(*keys(9)))) == Limited("devices", 120_000)
    assert setting.question(bob, FindPhone("+4915112345698")).error == "no_account"
