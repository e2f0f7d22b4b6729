"""The account that a device belongs to: its profile, its PIN, its devices' names, whom it has blocked, and its end."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Final

from onebar.chats import ABOUT_CHARS_MAX, NAME_CHARS_MAX, PHOTO_BYTES_MAX, Profile, check_line
from onebar.core.profiles import OWN
from onebar.core.questions import (
    TOTP_BYTES,
    DeleteAccount,
    FindBlocks,
    FindDeviceNames,
    FindProtection,
    NameDevice,
    Order,
    SetPin,
    SetTotp,
)
from onebar.core.records import Status
from onebar.core.turn import PlaceOrder, SetProfile
from onebar.crypto.pins import check_totp, stretch_pin
from onebar.drivers.home import Home
from onebar.errors import NotRegisteredError, RefusedError, WaitTimeoutError
from onebar.media.offload import Stop
from onebar.media.portraits import prepare_portrait
from onebar.models import Protection, Totp, check_device_name
from onebar.store import SqliteStore

ORDER_S: Final = 60.0
"""How long to wait for the server unless told otherwise: longer than any retry pause (DESIGN D8)."""


class Account:
    """This device's account, at the server. All but the profile needs a network, and waits for one."""

    def __init__(self, home: Home[SqliteStore]) -> None:
        self._home = home

    def __repr__(self) -> str:
        """Show no number."""
        return "<Account>"

    async def profile(self) -> Profile:
        """Return what this account says of itself; empty if it has said nothing."""
        said = await self._home.read(lambda store: store.profiles.get(OWN))
        return Profile() if said is None else Profile(said.name, said.about, said.photo)

    async def set_profile(
        self, *, name: str | None = None, about: str | None = None, photo: str | PathLike[str] | bytes | None = None
    ) -> None:
        """Say something of oneself; what is None stays as it was.

        It needs no network: it returns once that is committed. It goes end-to-end encrypted to those you write to or
        whose requests you accept, and to nobody else; at once where there is a session, else with the next message.

        Args:
            name: One line of at most 64 characters; empty: none.
            about: One line of at most 140 characters; empty: none.
            photo: A picture's path, or its bytes: its middle is made small, without its metadata. b"": none.

        Raises:
            InputError: The name or the sentence is not valid.
            MediaError: It is no picture that can be used; the subclass says why.
            NotRegisteredError: This device has no account.
            OSError: The picture cannot be read.
            OnebarError: Another process has the database open and must do it.
        """
        line = check_line("name", name, NAME_CHARS_MAX)
        sentence = check_line("about", about, ABOUT_CHARS_MAX)
        small = b"" if photo == b"" else None if photo is None else await asyncio.to_thread(_small, photo)
        await self._home.submit(SetProfile(line, sentence, small))

    async def set_pin(self, pin: str, timeout_s: float | None = ORDER_S) -> None:
        """Protect this account's phone number: who registers it anew needs the SMS and this PIN.

        A PIN that was set before is replaced. It is asked for while a device of the account has been heard of within
        the last seven days; a number that was given up for longer is free. Nobody can tell it to you again: remind your
        users of it from time to time.

        Args:
            pin: 4 to 20 digits. Only what Argon2id makes of it leaves the device.
            timeout_s: Longest wait for the server, in seconds; None waits for ever.

        Raises:
            InputError: It is no PIN.
            NotRegisteredError: This device has no account.
            RefusedError: The server will not have it.
            WaitTimeoutError: The server could not be reached in time; whether it is set is unknown, so set it again.
            OnebarError: Another process has the database open and must do it.
        """
        device = self._home.device
        if device is None or not device.phone:
            raise NotRegisteredError("this device has no account: call `Client.register` first")
        await carry_out(self._home, SetPin(await asyncio.to_thread(stretch_pin, pin, device.phone)), timeout_s)

    async def remove_pin(self, timeout_s: float | None = ORDER_S) -> None:
        """Let the SMS be enough again; see `set_pin` for what it raises."""
        await carry_out(self._home, SetPin(b""), timeout_s)

    def new_totp(self) -> Totp:
        """Make a secret for an authenticator app; nothing is set before `set_totp`.

        Raises:
            NotRegisteredError: This device has no account.
        """
        device = self._home.device
        if device is None or not device.phone:
            raise NotRegisteredError("this device has no account: call `Client.register` first")
        return Totp(device.phone, os.urandom(TOTP_BYTES))

    async def set_totp(self, totp: Totp, code: str, timeout_s: float | None = ORDER_S) -> None:
        """Protect this account's phone number by one-time passwords: who registers it anew needs one.

        It is asked for beside the PIN, or in its place. What is said of `set_pin` holds here as well. The server keeps
        the secret as it is, since it has to make the same passwords of it.

        Args:
            totp: What `new_totp` made, and the user's authenticator app has read.
            code: The six digits that the app shows.
            timeout_s: Longest wait for the server, in seconds; None waits for ever.

        Raises:
            InputError: The code is not six digits.
            NotRegisteredError: This device has no account.
            RefusedError: The code is another one (`wrong_totp`): nothing has changed.
            WaitTimeoutError: The server could not be reached in time; it may be set, so set it again.
            OnebarError: Another process has the database open and must do it.
        """
        await carry_out(self._home, SetTotp(totp.secret, check_totp(code)), timeout_s)

    async def remove_totp(self, timeout_s: float | None = ORDER_S) -> None:
        """Ask for no one-time password any more; see `set_totp` for what it raises."""
        await carry_out(self._home, SetTotp(b""), timeout_s)

    async def protection(self, timeout_s: float | None = ORDER_S) -> Protection | None:
        """Ask the server what protects this account's phone number; None: it is too old to say.

        Raises:
            NotRegisteredError: This device has no account.
            WaitTimeoutError: The server could not be reached in time; `last_protection` has what it said before.
            OnebarError: Another process has the database open and must do it.
        """
        try:
            await carry_out(self._home, FindProtection(), timeout_s)
        except RefusedError as error:
            if error.reason != "unknown_method":
                raise
            return None
        return await self.last_protection()

    async def last_protection(self) -> Protection | None:
        """Return what protects the number as the server said last, without a network; None: it never did.

        What this device has changed since then is in it; what another device of the account has changed is not.
        """
        return await self._home.read(lambda store: store.contacts.protection())

    async def blocked(self, timeout_s: float | None = ORDER_S) -> Sequence[str]:
        """Return the phone numbers that this account has blocked, on whatever device.

        Raises:
            NotRegisteredError: This device has no account.
            WaitTimeoutError: The server could not be reached in time.
            OnebarError: Another process has the database open and must do it.
        """
        await carry_out(self._home, FindBlocks(), timeout_s)
        return await self._home.read(lambda store: store.standings.blocked())

    async def name_device(self, number: int, name: str, timeout_s: float | None = ORDER_S) -> None:
        """Call a device of this account by another name; any of its devices may.

        The server keeps the names, and can read them; of other accounts nobody sees them.

        Args:
            number: `AccountDevice.number`.
            name: One line of at most 64 characters; empty for none.
            timeout_s: Longest wait for the server, in seconds; None waits for ever.

        Raises:
            InputError: It is too long, or not one line.
            NotRegisteredError: This device has no account.
            RefusedError: The account has no such device (`bad_request`).
            WaitTimeoutError: The server could not be reached in time; it may know the name, so try again.
            OnebarError: Another process has the database open and must do it.
        """
        await carry_out(self._home, NameDevice(number, check_device_name(name)), timeout_s)

    async def device_names(self, timeout_s: float | None = ORDER_S) -> Mapping[int, str]:
        """Ask the server what the devices of this account are called; `Client.devices` shows it from then on.

        Raises:
            NotRegisteredError: This device has no account.
            WaitTimeoutError: The server could not be reached in time.
            OnebarError: Another process has the database open and must do it.
        """
        await carry_out(self._home, FindDeviceNames(), timeout_s)
        return await self._home.read(lambda store: store.contacts.device_names())

    async def delete(self, timeout_s: float | None = ORDER_S) -> None:
        """Delete the account: its devices, keys, waiting mail, PIN and block list at the server, for good.

        Its devices tell their apps by `DeviceRemoved` (`account_gone`); whoever writes to the number hears that it has
        no account. The messages on this device stay: delete its database for them. Registering the number again makes
        another account.

        Raises:
            NotRegisteredError: This device has no account.
            WaitTimeoutError: The server could not be reached in time; whether it is deleted is unknown, so try again.
            OnebarError: Another process has the database open and must do it.
        """
        await carry_out(self._home, DeleteAccount(), timeout_s)


def _small(photo: str | PathLike[str] | bytes) -> bytes:
    return prepare_portrait(Stop(), photo if isinstance(photo, bytes) else Path(photo), PHOTO_BYTES_MAX)


async def carry_out(home: Home[SqliteStore], order: Order, timeout_s: float | None) -> None:
    """Give the server an order and wait until it is done.

    Raises:
        NotRegisteredError: This device has no account, or lost it meanwhile.
        RefusedError: The server refuses it.
        WaitTimeoutError: There was no answer in time.
        OnebarError: Another process has the database open.
    """
    await home.submit(PlaceOrder(order))
    try:
        async with asyncio.timeout(timeout_s):
            while (error := home.holder_engine().order(order)) is None:
                news = home.news()
                if home.holder_engine().order(order) is None:
                    await news.wait()
    except TimeoutError as late:
        raise WaitTimeoutError(f"the server did not answer within {timeout_s} s; ask again") from late
    device = home.device
    if error and device is not None and device.status is Status.REMOVED:
        raise NotRegisteredError(f"this device was removed from its account ({error}): call `Client.register`")
    if error:
        raise RefusedError(error)
