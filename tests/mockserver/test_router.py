"""What each frame does, seen from the wire."""

from onebar.core import frames
from onebar.core.frames import Accepted, Ack, CaughtUp, Deliver, Delivered, Welcome
from tests.mockserver.rawclient import Phone, submit


async def test_a_message_goes_from_phone_to_phone_and_its_tick_comes_back(alice: Phone, bob: Phone) -> None:
    sender = await alice.dial(submit(1, (bob.account, [(bob.device, b"hi")])))
    welcome = await sender.take(Welcome)
    assert (welcome.mark, welcome.cursor, welcome.connection_no) == (0, 0, 1)
    assert await sender.take(Accepted) == Accepted(1)
    await sender.take(CaughtUp)

    reader = await bob.dial()
    await reader.take(Welcome)
    deliver = await reader.take(Deliver)
    assert (deliver.prev_seq, deliver.seq, deliver.out_no, deliver.ciphertext) == (0, 1, 1, b"hi")
    assert (deliver.account, deliver.device) == (alice.account, alice.device)
    assert await reader.take(CaughtUp) == CaughtUp(1)

    await reader.send(Ack(1, 1))
    assert await sender.take(Delivered) == Delivered(0, 1, bob.account, bob.device, ((1, 1),))
    await sender.send(submit(2, (bob.account, [(bob.device, b"again")])))
    assert (await reader.take(Deliver)).prev_seq == 1
    assert await sender.take(Accepted) == Accepted(2)
    await sender.close()
    await reader.close()
    assert frames.VOID_HASH
