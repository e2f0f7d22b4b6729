"""The queue before a turn: who goes in, who waits, and who is told what came of it."""

import asyncio

import pytest

from onebar.core.turn import Input, LinkConnected, LinkInput, LinkLost, MessageArrived, NetworkChanged, Poked, Send
from onebar.drivers.inputs import INPUTS_PER_TURN_MAX, INPUTS_WAITING_MAX, InputQueue
from onebar.errors import InputError, OnebarError


class Queue(InputQueue):
    """A queue that counts how often it woke its driver."""

    def __init__(self) -> None:
        self.wakes = 0
        super().__init__(self._woken)

    def _woken(self) -> None:
        self.wakes += 1

    def submit(self, item: Input) -> asyncio.Future[object]:
        caller: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.add(item, caller)
        return caller


def send(number: int) -> Send:
    return Send("+12025550102", f"{number}")


def mail(number: int, link_no: int = 1) -> MessageArrived:
    return MessageArrived(link_no, b"%d" % number)


def every(item: LinkInput) -> bool:
    return True


async def steps() -> None:
    """Let every task that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_inputs_go_in_the_order_in_which_they_came() -> None:
    queue = Queue()
    came: list[Input] = [send(1), LinkConnected(1), mail(1), NetworkChanged(), LinkLost(1, "cut"), send(2)]
    for item in came:
        queue.add(item)
    assert queue.wakes == len(came)
    assert queue.take(every) == came
    assert queue.take(every) == []


def test_one_poke_at_a_time_is_enough() -> None:
    queue = Queue()
    for _ in range(3):
        queue.add(Poked())
    assert queue.wakes == 1
    assert queue.take(every) == [Poked()]
    queue.add(Poked())
    assert queue.take(every) == [Poked()], "the first one is in its turn by now"


async def test_a_poke_that_somebody_waits_for_is_never_left_out() -> None:
    queue = Queue()
    queue.add(Poked())
    caller = queue.submit(Poked())
    assert queue.take(every) == [Poked(), Poked()]
    queue.settle([None, "looked"])
    assert await caller == "looked"


def test_r19_a_turn_takes_its_share_and_the_driver_is_woken_for_the_rest() -> None:
    queue = Queue()
    for number in range(INPUTS_PER_TURN_MAX + 2):
        queue.add(send(number))
    before = queue.wakes
    assert queue.take(every) == [send(number) for number in range(INPUTS_PER_TURN_MAX)]
    assert queue.wakes == before + 1
    assert queue.take(every) == [send(INPUTS_PER_TURN_MAX), send(INPUTS_PER_TURN_MAX + 1)]
    assert queue.wakes == before + 1


def test_nothing_is_heard_of_a_link_that_was_hung_up() -> None:
    queue = Queue()
    for item in (mail(1, 1), mail(1, 2), send(1), LinkLost(1, "cut"), mail(2, 2)):
        queue.add(item)
    assert queue.take(lambda item: item.link_no == 2) == [mail(1, 2), send(1), mail(2, 2)]
    assert queue.take(every) == []


def test_without_links_app_inputs_go_and_link_inputs_stay_in_order() -> None:
    queue = Queue()
    for number in range(3):
        queue.add(mail(number))
        queue.add(send(number))
    before = queue.wakes
    assert queue.take(every, links=False) == [send(0), send(1), send(2)]
    assert queue.wakes == before + 1, "what stays must not be forgotten"
    queue.add(mail(3))
    queue.add(send(3))
    assert queue.take(every, links=False) == [send(3)]
    assert queue.take(every) == [mail(0), mail(1), mail(2), mail(3)]


def test_without_links_nobody_is_asked_whether_one_still_counts() -> None:
    """The answer changes who counts: a LinkLost that stays must find its link when its turn comes."""
    queue, asked = Queue(), list[LinkInput]()

    def heard(item: LinkInput) -> bool:
        asked.append(item)
        return True

    queue.add(LinkLost(1, "cut"))
    assert queue.take(heard, links=False) == []
    assert asked == []
    assert queue.take(heard) == [LinkLost(1, "cut")]
    assert asked == [LinkLost(1, "cut")]


def test_without_links_a_full_turn_leaves_the_rest_behind_the_link_inputs() -> None:
    queue = Queue()
    queue.add(mail(1))
    for number in range(INPUTS_PER_TURN_MAX):
        queue.add(send(number))
    queue.add(mail(2))
    queue.add(send(INPUTS_PER_TURN_MAX))
    assert len(queue.take(every, links=False)) == INPUTS_PER_TURN_MAX
    assert queue.take(every) == [mail(1), mail(2), send(INPUTS_PER_TURN_MAX)]


async def test_a_link_is_held_up_while_too_much_waits() -> None:
    queue = Queue()

    async def talk() -> None:
        for number in range(INPUTS_WAITING_MAX + 10):
            await queue.hear(mail(number))

    talking = asyncio.create_task(talk())
    await steps()
    queue.add(send(1))
    assert queue.take(every, links=False) == [send(1)], "the app is not held up"
    await steps()
    assert not talking.done()
    taken = queue.take(every)
    assert taken == [mail(number) for number in range(INPUTS_WAITING_MAX)]
    await talking
    assert queue.take(every) == [mail(number) for number in range(INPUTS_WAITING_MAX, INPUTS_WAITING_MAX + 10)]


async def test_links_that_are_held_up_go_on_when_it_is_closed() -> None:
    queue = Queue()
    for number in range(INPUTS_WAITING_MAX):
        queue.add(mail(number))
    talking = asyncio.create_task(queue.hear(mail(INPUTS_WAITING_MAX)))
    await steps()
    assert not talking.done()
    queue.close(OnebarError("closed"))
    await talking


async def test_results_are_matched_in_the_order_in_which_inputs_went() -> None:
    queue = Queue()
    first = queue.submit(send(1))
    queue.add(mail(1))
    queue.add(NetworkChanged())
    second = queue.submit(send(2))
    assert len(queue.take(every)) == 4
    third = queue.submit(send(3))
    assert queue.take(every) == [send(3)]
    queue.settle(["one", None])  # mail has no result; the hint has one that nobody waits for
    assert await first == "one"
    assert not second.done()
    queue.settle(["two", "three"])
    assert [await second, await third] == ["two", "three"]


async def test_results_are_matched_although_link_inputs_stayed() -> None:
    queue = Queue()
    queue.add(mail(1))
    first = queue.submit(send(1))
    queue.add(mail(2))
    second = queue.submit(send(2))
    queue.take(every, links=False)
    queue.settle(["one", "two"])
    assert [await first, await second] == ["one", "two"]


async def test_an_exception_is_raised_at_its_caller_alone() -> None:
    queue = Queue()
    bad, good = queue.submit(send(1)), queue.submit(send(2))
    queue.take(every)
    queue.settle([InputError("no"), "yes"])
    with pytest.raises(InputError, match="no"):
        await bad
    assert await good == "yes"


@pytest.mark.parametrize("links", [True, False])
async def test_a_cancelled_caller_takes_its_input_back(links: bool) -> None:
    queue = Queue()
    queue.submit(send(1)).cancel()
    kept = queue.submit(send(2))
    assert queue.take(every, links=links) == [send(2)]
    queue.settle(["two"])
    assert await kept == "two"


async def test_a_caller_that_is_cancelled_too_late_disturbs_no_other() -> None:
    queue = Queue()
    late, kept = queue.submit(send(1)), queue.submit(send(2))
    queue.take(every)
    late.cancel()
    queue.settle(["one", "two"])
    assert late.cancelled()
    assert await kept == "two"


async def test_close_tells_everybody_who_waits() -> None:
    queue = Queue()
    begun, done = queue.submit(send(1)), queue.submit(send(2))
    queue.take(every)
    done.cancel()
    waiting = queue.submit(send(3))
    queue.add(NetworkChanged())
    queue.add(mail(1))
    queue.close(OnebarError("closed"))
    for caller in (begun, waiting):
        with pytest.raises(OnebarError, match="closed"):
            await caller
    assert queue.take(every) == []
