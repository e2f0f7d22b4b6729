"""Traffic for a server that is recorded: senders with a window, readers that acknowledge late, links dialed anew."""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Final

from onebar.core.frames import Accepted, Ack, Deliver
from tests.mockserver.rawclient import Line, Phone, submit, to
from tests.mockserver.test_main import register

WINDOW: Final = 4
"""Messages of a sender under way: so that some commits hold several, and some one."""

ACK_SHARE: Final = 0.3
"""Share of the deliveries after which the reader acknowledges; the others wait in the mailbox meanwhile."""

REDIAL_EVERY: Final = 40
"""Messages after which both ends of a pair dial anew."""


@dataclass
class Load:
    """Pairs of devices that talk to one server."""

    url: str
    dice: random.Random
    devices: dict[int, int] = field(default_factory=dict)
    """The device behind each port that was used."""

    async def run(self, pairs: int, messages: int) -> None:
        """Let each pair's sender send so many messages."""
        await asyncio.gather(*[self._pair(number, messages) for number in range(pairs)])

    async def _pair(self, number: int, messages: int) -> None:
        sender, reader = [await register(self.url, f"+1202555{2 * number + end:04d}") for end in (0, 1)]
        cursor, sent = 0, 0
        while sent < messages:
            upto = min(messages, sent + REDIAL_EVERY)
            out, back = await self._dial(sender), await self._dial(reader, cursor=cursor)
            reading = asyncio.create_task(self._read(back, upto, cursor))
            await self._send(out, reader, sent, upto)
            cursor = await reading
            sent = upto
            await asyncio.gather(out.close(), back.close())

    async def _send(self, line: Line, reader: Phone, mark: int, upto: int) -> None:
        out_no = mark
        while mark < upto:
            while out_no < min(upto, mark + WINDOW):
                out_no += 1
                await line.send(submit(out_no, to(reader, self.dice.randbytes(self.dice.randrange(20, 400)))))
            mark = (await line.until(Accepted)).mark

    async def _read(self, line: Line, upto: int, cursor: int) -> int:
        """Read up to the sender's number; return the last cursor that was acknowledged."""
        while True:
            frame = await line.next()
            if isinstance(frame, Deliver):
                if frame.out_no == upto or self.dice.random() < ACK_SHARE:
                    cursor = frame.seq
                    await line.send(Ack(1, cursor))
                if frame.out_no == upto:
                    return cursor

    async def _dial(self, phone: Phone, cursor: int = 0) -> Line:
        line = await phone.dial(cursor=cursor)
        self.devices[line.websocket.local_address[1]] = phone.device
        return line
