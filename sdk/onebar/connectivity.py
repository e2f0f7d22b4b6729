"""What an app sees of the connection, and what it says about the network and about who looks."""

from abc import ABC, abstractmethod

from onebar import draining
from onebar.core.questions import RegisterPush
from onebar.core.turn import Attention, NetworkChanged, SetPush
from onebar.drivers.home import Home
from onebar.drivers.link_watch import LinkChanges
from onebar.errors import InputError
from onebar.models import Drained, LinkStatus, check_network
from onebar.store import SqliteStore


class Connectivity(ABC):
    """The part of a `Client` that is about its connection."""

    _network = ""
    _looked_at = False

    @abstractmethod
    def _opened(self) -> Home[SqliteStore]:
        """Return the database; raise if it is not open."""

    @property
    def link(self) -> LinkStatus:
        """What to show of the connection: its state, since when, why not, and when the next try comes.

        `link.sentence(now_ms)` is a line for a screen. In a process that is not `holding` the state is `elsewhere`.
        """
        return self._opened().link

    def link_changes(self) -> LinkChanges:
        """Return `link` as it is now and then at each change: an endless `async for`.

        Who is slow gets the newest status only. The loop ends when the client is closed.
        """
        return LinkChanges(self._opened())

    def network_changed(self, network: str | None = "", *, metered: bool | None = None) -> None:
        """Say that the phone has another network, or none: it connects at once. From any thread.

        Does nothing where another process talks to the server; nor do the other hints.

        Args:
            network: Always the same name for the same network, such as a hash of the Wi-Fi's name, at most 128
                characters: how long it lets a connection be silent is learned by it. Empty: which one is not known.
                None: there is no network; it is tried rarely, because the phone may be wrong, until there is.
            metered: Whether it is paid by the byte, so that only files up to `Config.download_bytes_max_metered` come
                by themselves. None: as before; at first it is not.

        Raises:
            InputError: The name is too long.
        """
        home = self._opened()
        self._network = "" if network is None else check_network(network)
        home.tell_from_any_thread(NetworkChanged(self._network, network is None, metered))

    def try_now(self) -> None:
        """Connect at once instead of at `link.next_try_ms`: the "try now" button. From any thread."""
        self._opened().tell_from_any_thread(NetworkChanged(self._network))

    def foreground(self) -> None:
        """Say that somebody looks at the app: it connects at once and stays connected. From any thread."""
        home = self._opened()
        self._looked_at = True
        home.tell_from_any_thread(Attention(foreground=True))

    def background(self) -> None:
        """Say that nobody looks at the app: it disconnects once nothing waits on either side. From any thread.

        It connects again for what the app sends, for `drain`, and in the foreground.
        """
        home = self._opened()
        self._looked_at = False
        home.tell_from_any_thread(Attention(foreground=False))

    async def drain(self, timeout_s: float = draining.DRAIN_S) -> Drained:
        """Connect, fetch everything that waits, send everything that waits: for a push, or a task in the background.

        Args:
            timeout_s: Longest time for it, in seconds. What is left then comes next time; nothing is lost.

        Raises:
            NotRegisteredError: This device has no account.
            OnebarError: Another process has the database open, and is connected itself.
        """
        return await draining.drain(self._opened(), NetworkChanged(self._network), timeout_s)

    async def register_push(self, kind: str, token: str) -> None:
        """Let the server wake this device by a push when there is mail and it is not connected.

        Returns when the token is kept on this device. The server is told when there is a network, and told again after
        a new registration, a restored phone or a restored server; until this device has an account, the token waits.
        Call it at each start of the app with what the system gives: tokens change, and the server drops one that its
        gateway does not know any more. A push has no content: answer it with `handle_push`.

        Args:
            kind: `apns` (iOS) or `fcm` (Android).
            token: The device token: for `apns` in hexadecimal digits.

        Raises:
            InputError: There is no such kind, or the token is none of it.
            OnebarError: Another process has the database open and must do it.
        """
        await self._set_push(kind, token.lower() if kind == "apns" else token)

    async def unregister_push(self) -> None:
        """Let the server not wake this device any more; it is told when there is a network.

        Raises:
            OnebarError: Another process has the database open and must do it.
        """
        await self._set_push("", "")

    async def handle_push(self, timeout_s: float = draining.DRAIN_S) -> Drained:
        """Answer a push: connect, fetch everything that waits, send everything that waits, and sleep again.

        It sleeps as `background` does, unless the app has said `foreground` and not `background` since. Several pushes
        at once do no harm, nor does one after which nothing waits.

        Args:
            timeout_s: Longest time for it, in seconds. What is left then comes next time; nothing is lost.

        Raises:
            NotRegisteredError: This device has no account.
            OnebarError: Another process has the database open, and is connected itself.
        """
        home = self._opened()
        try:
            return await self.drain(timeout_s)
        finally:
            if not self._looked_at:
                home.tell_from_any_thread(Attention(foreground=False))

    async def _set_push(self, kind: str, token: str) -> None:
        try:
            wanted = RegisterPush(kind, token)
        except ValueError as error:
            raise InputError(str(error)) from error
        await self._opened().submit(SetPush(wanted.kind, wanted.token))
