"""vodozemac's Olm v1 sessions, spoken by our ratchet with Olm's parameters: 3DH, and no signed prekey."""

from base64 import b64encode
from random import Random
from typing import Final

import vodozemac as olm

from onebar.crypto.double_ratchet import Ratchet, RatchetState
from onebar.crypto.primitives import agree, public_of
from onebar.crypto.values import KEY_BYTES
from onebar.errors import DecryptionError
from tests.interop.conversation import RefusedError, Side
from tests.interop.foreign_suites import OLM_VERSION, fields, olm_3dh, olm_v1, read_fields
from tests.interop.our_side import OurSide

PACKAGE = "vodozemac"
"""Its name in the registry."""

NUMBER_TAG_AT: Final = 1 + 2 + KEY_BYTES
"""Where the tag of the number stands in a message: behind the version and the ratchet key."""

_PREKEY, _NORMAL = b"\0", b"\1"
"""Olm tells the two kinds of message apart outside the message; here by a first byte."""


class Chains:
    """How long their chains are, read off their messages as they are sealed: Olm's messages do not say it."""

    def __init__(self) -> None:
        self.previous_counts: dict[bytes, int] = {}
        self._last = b""
        self._sent = 0

    def saw(self, message: bytes) -> None:
        """Look at their next message, in the order in which they are sealed."""
        ratchet_key = read_fields(message[1:-8])[0][1]
        if ratchet_key != self._last:
            self.previous_counts[ratchet_key] = self._sent
            self._last, self._sent = ratchet_key, 0
        self._sent += 1


class TheirSide:
    """Their end of a session."""

    def __init__(self, account: olm.Account, session: olm.Session | None, our_identity: bytes, chains: Chains) -> None:
        self._account, self._session, self._our_identity, self._chains = account, session, our_identity, chains

    def seal(self, plain: bytes) -> bytes:
        """Seal with their session."""
        assert self._session is not None
        kind, message = self._session.encrypt(plain).to_parts()
        inner = message if kind else read_fields(message[1:])[0][4]
        self._chains.saw(inner)
        return (_NORMAL if kind else _PREKEY) + message

    def open(self, envelope: bytes) -> bytes:
        """Open with their session, or make one of the first message that opens."""
        try:
            message = olm.AnyOlmMessage.from_parts(envelope[0], envelope[1:])
            if self._session is not None:
                return self._session.decrypt(message)
            first = olm.PreKeyMessage.from_base64(b64encode(envelope[1:]).rstrip(b"=").decode())
            sender = olm.Curve25519PublicKey.from_bytes(self._our_identity)
            self._session, plain = self._account.create_inbound_session(sender, first)
        except ValueError as error:
            raise RefusedError(str(error)) from error
        return plain

    def authenticated(self, envelope: bytes) -> list[int]:
        """Olm authenticates the message, not the keys that stand around it.

        vodozemac verifies the fields as it would write them, not the bytes that came: a field that it does not know in
        the place of the number reads as the number 0.
        """
        places = _message_at(envelope)
        return [at for at in places if at != places.start + NUMBER_TAG_AT]


class OurOlm(OurSide):
    """Our end: puts Olm's handshake around messages until it is answered."""

    def __init__(self, dice: Random, identity: bytes, once: bytes, chains: Chains, their_identity: bytes) -> None:
        super().__init__(olm_v1(chains.previous_counts), dice)
        self.previous_counts = chains.previous_counts
        self._identity, self._once, self._their_identity = identity, once, their_identity
        self._handshake: bytes | None = None

    def begin(self, their_once: bytes) -> None:
        """Start as the side that speaks first: its first chain comes from the handshake, without a step of the root."""
        base, ratchet = self.dice.randbytes(KEY_BYTES), self.dice.randbytes(KEY_BYTES)
        root_key, chain_key = olm_3dh(
            agree(self._identity, their_once), agree(base, self._their_identity), agree(base, their_once)
        )
        state = RatchetState(root_key, ratchet, public_of(ratchet), None, chain_key, 0, 0, None, 0, {})
        self.start(Ratchet(self.suite, state))
        self._handshake = OLM_VERSION + fields((1, their_once), (2, public_of(base)), (3, public_of(self._identity)))

    def seal(self, plain: bytes) -> bytes:
        """Seal; with the handshake until they have answered."""
        message = super().seal(plain)
        if self._handshake is None:
            return _NORMAL + message
        return _PREKEY + self._handshake + fields((4, message))

    def open(self, envelope: bytes) -> bytes:
        """Open; the first message starts the session."""
        message = envelope[_message_at(envelope).start :]
        if not self.started:
            return self.open_first(self._respond(read_fields(envelope[2:])[0], message), message)
        plain = super().open(message)
        self._handshake = None
        return plain

    def authenticated(self, envelope: bytes) -> range:
        """Olm authenticates the message, not the keys that stand around it."""
        return _message_at(envelope)

    def _respond(self, handshake: dict[int, bytes], message: bytes) -> Ratchet:
        """Return the state after the handshake: their chain has begun, and ours with a first ratchet key."""
        base, identity, ratchet = handshake[2], handshake[3], self.dice.randbytes(KEY_BYTES)
        root_key, receiving_key = olm_3dh(
            agree(self._once, identity), agree(self._identity, base), agree(self._once, base)
        )
        try:
            their_public = self.suite.parse(message)[0].ratchet_public
            root_key, sending_key = self.suite.root_step(root_key, agree(ratchet, their_public))
        except DecryptionError as error:
            raise RefusedError(str(error)) from error
        state = RatchetState(
            root_key, ratchet, public_of(ratchet), their_public, sending_key, 0, 0, receiving_key, 0, {}
        )
        return Ratchet(self.suite, state)


def pair(dice: Random, we_begin: bool) -> tuple[OurSide, tuple[Side, Side]]:
    """Return our side, and both in the order in which they speak."""
    identity, once, account, chains = dice.randbytes(KEY_BYTES), dice.randbytes(KEY_BYTES), olm.Account(), Chains()
    ours = OurOlm(dice, identity, once, chains, account.curve25519_key.to_bytes())
    if we_begin:
        account.generate_one_time_keys(1)
        (their_once,) = account.one_time_keys.values()
        ours.begin(their_once.to_bytes())
        return ours, (ours, TheirSide(account, None, public_of(identity), chains))
    our_keys = (olm.Curve25519PublicKey.from_bytes(public_of(secret)) for secret in (identity, once))
    session = account.create_outbound_session(*our_keys)
    return ours, (TheirSide(account, session, public_of(identity), chains), ours)


def _message_at(envelope: bytes) -> range:
    """Return where the message is: behind the kind, or behind the handshake."""
    length = len(envelope) - 1 if envelope[:1] == _NORMAL else len(read_fields(envelope[2:])[0][4])
    return range(len(envelope) - length, len(envelope))
