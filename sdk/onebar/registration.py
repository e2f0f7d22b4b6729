"""How a device becomes part of the account of a phone number."""

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable
from typing import Final

from onebar import account_devices
from onebar.account import carry_out
from onebar.core.questions import NameDevice
from onebar.core.records import Status
from onebar.core.turn import Registered
from onebar.crypto.pins import check_totp, stretch_pin
from onebar.drivers import http
from onebar.drivers.address import Address
from onebar.drivers.home import Home
from onebar.errors import InputError, RateLimitedError
from onebar.models import Reach, check_device_name
from onebar.sending import REGISTERED
from onebar.store import SqliteStore

PUBLISH_S: Final = 10.0
"""How long `register` waits until the server has the device's keys: on EDGE, a connection with TLS and two answers."""

Code = str | Callable[[], str | Awaitable[str]]
"""A registration code, or a function, plain or async, that gets it: called once the SMS is on its way."""


async def register(
    home: Home[SqliteStore],
    server: Address,
    phone: str,
    code: Code,
    pin: str | None = None,
    name: str = "",
    totp: str | None = None,
) -> None:
    """Register, unless the device is registered already; see `Client.register`."""
    name = check_device_name(name)
    one_time = "" if totp is None else check_totp(totp)
    if _already(home, phone):
        return
    keys = home.holder_engine().public_keys()
    stretched = b"" if pin is None else await asyncio.to_thread(stretch_pin, pin, phone)
    if not isinstance(code, str):
        await _send_code(server, phone)
    account, device = await http.register_device(server, phone, await _ask(code), keys, stretched, one_time)
    await home.submit(Registered(account, device, phone))
    with contextlib.suppress(TimeoutError):  # what is not published now is as soon as there is a network
        async with asyncio.timeout(PUBLISH_S):
            if name:
                await carry_out(home, NameDevice(device, name), None)
            await account_devices.published(home, keys)


async def _send_code(server: Address, phone: str) -> None:
    try:
        await http.request_code(server, phone)
    except RateLimitedError as error:
        if error.limit != "code_resend":  # else the user has an SMS with a code that holds
            raise


def _already(home: Home[SqliteStore], phone: str) -> bool:
    device = home.device
    if device is None or device.status is Status.NEW:
        return False
    if device.phone != phone:
        raise InputError("this database belongs to another number: open another one for this number")
    return device.status in REGISTERED and home.link.state is not Reach.UNKNOWN


async def _ask(code: Code) -> str:
    answer = code if isinstance(code, str) else code()
    text = await answer if inspect.isawaitable(answer) else answer
    if not isinstance(text, str) or not text.strip():
        raise InputError("a code is a text, as it came by SMS")
    return text.strip()
