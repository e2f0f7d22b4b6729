"""Hostile bytes: valid messages, changed as an enemy or a broken peer would change them; all from a seed."""

import random
from collections.abc import Sequence
from typing import Any, Final

import msgspec

BOMBS: Final = (
    b"\xdd\xff\xff\xff\xff",  # an array of 4 G items
    b"\xdf\xff\xff\xff\xff",  # a map of 4 G pairs
    b"\xc6\xff\xff\xff\xff",  # 4 GB of bytes
    b"\xdb\xff\xff\xff\xff",  # 4 GB of text
    b"\xc9\xff\xff\xff\xff\x01",  # an extension of 4 GB
    b"\x91" * 2000,  # nested too deeply
    b"\x81\xa1a" * 500,
    b"\xc1",  # a code that MessagePack never uses
)
"""Encodings with absurd lengths or depths."""

ODDITIES: Final[tuple[Any, ...]] = (
    *(0, 1, 2, 7, 127, 128, 255, 256, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 2, 2**63 - 1, 2**63, 2**64 - 1),
    *(-1, -(2**63), 1.5, float("nan"), True, False, None),
    *("", "x" * 65, "phone", "internal", "\x00", b"", b"\x00" * 16, b"\xff" * 17_000),
    *([], [[]], [1, 2], {}, {1: 2}),
)
"""Values in place of another one: edges of every type, and the wrong type."""

WHOLES: Final = (0, 1, 2, 3, 63, 64, 65, 127, 128, 1000, 2**32, 2**62, 2**63 - 2, 2**63 - 1)
"""Numbers in place of another one, all valid by themselves."""


class Mutator:
    """Draws mutations of a corpus of valid messages."""

    def __init__(self, dice: random.Random, corpus: Sequence[bytes]) -> None:
        self.dice = dice
        self.corpus = list(corpus)

    def draw(self) -> bytes:
        """Draw a message: usually a valid one that was changed once or a few times, rarely mere noise."""
        dice = self.dice
        if dice.random() < 0.05:
            return dice.randbytes(dice.randrange(200))
        message = dice.choice(self.corpus)
        for _ in range(1 if dice.random() < 0.8 else dice.randint(2, 4)):
            message = self.mutate(message)
        return message

    def mutate(self, message: bytes) -> bytes:
        """Change a message once: one of its values, its frames, or its bytes."""
        kind = self.dice.random()
        if kind < 0.65:
            changed = self._change_value(message)
        elif kind < 0.85:
            changed = self._change_frames(message)
        else:
            changed = None
        return self._change_bytes(message) if changed is None else changed

    def _change_value(self, message: bytes) -> bytes | None:
        """Put an odd value in the place of one inside; None if the message cannot be read any more."""
        try:
            value = msgspec.msgpack.decode(message)
        except (ValueError, RecursionError, msgspec.DecodeError):
            return None
        if not isinstance(value, list):
            return None
        place: list[Any] = value
        while place:
            index = self.dice.randrange(len(place))
            inside = place[index]
            if isinstance(inside, list) and inside and self.dice.random() < 0.9:
                place = inside
                continue
            place[index] = self._odd(inside)
            break
        return _encoded(value)

    def _odd(self, value: Any) -> Any:
        """Return another value, often of the same type, so that it is valid and only wrong."""
        dice = self.dice
        if dice.random() < 0.15:
            return dice.choice(ODDITIES)
        if isinstance(value, int):
            return dice.choice((value + 1, max(0, value - 1), dice.choice(WHOLES)))
        if isinstance(value, bytes) and value:
            place = dice.randrange(len(value))
            return value[:place] + bytes([value[place] ^ 1 << dice.randrange(8)]) + value[place + 1 :]
        return dice.choice(ODDITIES)

    def _change_frames(self, message: bytes) -> bytes | None:
        """Repeat, drop, swap or add whole frames; take some of another message; invent a tag."""
        dice = self.dice
        try:
            frames = msgspec.msgpack.decode(message, type=list[msgspec.Raw])
            other = msgspec.msgpack.decode(dice.choice(self.corpus), type=list[msgspec.Raw])
        except (ValueError, RecursionError, msgspec.DecodeError):
            return None
        match dice.randrange(5):
            case 0:
                frames += frames[: dice.randint(1, 3)] * dice.choice((1, 2, 600))
            case 1:
                dice.shuffle(frames)
            case 2:
                frames = frames[: dice.randrange(len(frames) + 1)]
            case 3:
                frames += other[-2:]
            case _:
                tag = dice.choice((0, 7, 31, 44, 99, 2**40))
                frames.insert(dice.randrange(len(frames) + 1), msgspec.Raw(msgspec.msgpack.encode([tag, "new", {}])))
        return msgspec.msgpack.encode(frames)

    def _change_bytes(self, message: bytes) -> bytes:
        """Flip, cut, repeat or insert bytes."""
        dice = self.dice
        first, last = sorted((dice.randrange(len(message) + 1), dice.randrange(len(message) + 1)))
        match dice.randrange(6):
            case 0 if message:
                place = dice.randrange(len(message))
                return message[:place] + bytes([message[place] ^ 1 << dice.randrange(8)]) + message[place + 1 :]
            case 1:
                return message[:first]
            case 2:
                return message[:first] + message[last:]
            case 3:
                return message[:last] + message[first:]
            case 4:
                return message[:first] + dice.choice(BOMBS) + message[first:]
            case _:
                return message[:first] + dice.randbytes(dice.randint(1, 8)) + message[last:]


def _encoded(value: Any) -> bytes | None:
    try:
        return msgspec.msgpack.encode(value)
    except (OverflowError, ValueError, TypeError):
        return None
