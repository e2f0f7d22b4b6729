"""The product in a small world: a real client, a real server, and the wires between them, event by event.

`Product.seen` is the abstraction: which state of the model a state of the product stands for. By design they differ:

* The server takes many frames in a turn and answers once; here it takes one (the finest interleaving). That more of
  them do the same is a test of its own. The client numbers its links; here a link is known by its place.
* A flight is one message of Hello and envelopes; here it arrives frame by frame, so that it can also be cut in two.
* The end of a link is an event of its own in the product (LinkLost, Ended); here each end hears of it behind the last
  frame that still arrives. The client that gives up a silent link does the same as one that hears of its end.
* An older link is fenced by what follows a newer Hello, and one whose own Hello comes after a newer one is refused;
  the model drops both at once, and so what they carry is given to the server at once here, and must have no effect.
  A flight fences nobody in the product, where the server takes it at once; here its envelopes come one by one.
* The database forgets the devices of settled envelopes. `client.py` remembers for whom each was sealed.
* The model knows of no keys: before it begins, the sender has published its own and fetched the recipient's.
* Rejected is what finds all mailboxes full. CaughtUp needs nothing and is left out. Nobody reads the mailboxes.
"""

from typing import NamedTuple

from onebar.core.turn import Input, LinkConnected, LinkLost, MessageArrived, NetworkChanged
from tests.simulation.model.client import Client, ClientSaid, Item, frame_of
from tests.simulation.model.rules import FAULTS, Event, Kind
from tests.simulation.model.server import Part, Server, ServerSaid, is_refusal
from tests.simulation.model.state import Link, Scope, State


class Wire(NamedTuple):
    """One connection: what is on its way. `link` is the client's number for it."""

    link: int
    up: tuple[Item, ...] = ()
    down: tuple[bytes, ...] = ()
    whole: bool = True


class World(NamedTuple):
    """A state of the product: both sides by the numbers of their states, and what is between them."""

    client: int
    server: int
    faults: int
    rejects: int
    second_since: int | None = None
    wires: tuple[Wire, ...] = ()

    def put(self, wire: Wire) -> "World":
        """Return this world with a wire in the place of that link's older one."""
        return self._replace(wires=tuple(wire if other.link == wire.link else other for other in self.wires))

    def wire(self, link: int) -> Wire | None:
        """Return the wire of a link, if there is one still."""
        return next((wire for wire in self.wires if wire.link == link), None)


class Product:
    """Client, server and network of a scope. Worlds are values; `after` leads from one to the next."""

    def __init__(self, scope: Scope) -> None:
        assert len(set(scope.chats)) == 1, "the product's small worlds have one chat"
        self.client, self.server = Client(scope.window), Server()
        ids = [self.client.message_id(message) for message in range(len(scope.chats))]
        server = self.server.begin(self.client.phone.public_keys(), ids)
        client = self.client.begin(self.server.sender, self.server.peer.account, self.server.devices)
        self.start = self._published(World(client, server, scope.faults, scope.rejects))

    def _published(self, world: World) -> World:
        """Let the sender publish its device list and prekeys, and both sides start anew: the model knows of no keys."""
        world = self._client_turn(world, NetworkChanged())
        while busy := next((wire for wire in world.wires if wire.up or wire.down), None):
            world = self._serve(world, busy) if busy.up else self._hear(world, busy)
        for event in (Event(Kind.CLIENT_DIES), Event(Kind.SERVER_DIES)):
            world = self._tidy(self._happened(world, event))
        return world

    def close(self) -> None:
        """Close the databases of both sides."""
        self.client.close()
        self.server.close()

    def forget(self) -> None:
        """Try everything anew from now on."""
        self.client.forget()
        self.server.forget()

    @property
    def turns(self) -> int:
        """How many turns of either side were run for real; all others are known from those."""
        return self.client.tried + self.server.tried

    def after(self, world: World, event: Event) -> World:
        """Let something happen, and both ends hear of what ended by it."""
        if event.kind in FAULTS:
            world = world._replace(faults=world.faults - 1)
        return self._tidy(self._happened(world, event))

    def _happened(self, world: World, event: Event) -> World:
        wire = world.wires[event.place] if world.wires else Wire(0)
        match event.kind:
            case Kind.OPENS | Kind.BESIDE:
                return self._client_turn(world, NetworkChanged())
            case Kind.WRITES:
                return self._client_turn(world, self.client.send(world.client))
            case Kind.HEARS:
                return self._hear(world, wire)
            case Kind.SERVES:
                return self._serve(world, wire)
            case Kind.REJECTS:
                return self._serve(world._replace(rejects=world.rejects - 1), wire, full=True)
            case _:
                return self._broken(world, wire, event)

    def _broken(self, world: World, wire: Wire, event: Event) -> World:
        match event.kind:
            case Kind.CUTS:
                return world.put(wire._replace(whole=False))
            case Kind.LOSES_UP:
                return world.put(wire._replace(up=()))
            case Kind.LOSES_DOWN:
                return world.put(wire._replace(down=()))
            case Kind.CLIENT_DIES:
                down = tuple(wire._replace(whole=False, down=()) for wire in world.wires)
                return world._replace(client=self.client.die(world.client), wires=down)
            case Kind.SERVER_DIES:
                down = tuple(wire._replace(whole=False, up=()) for wire in world.wires)
                return world._replace(server=self.server.die(world.server), wires=down)
            case Kind.APPEARS:
                since = len(self.server.view(world.server).boxes[0])
                return world._replace(server=self.server.second_appears(world.server), second_since=since)
        raise AssertionError(f"the product does this by itself: {event}")

    def seen(self, world: World) -> tuple[State, dict[int, str], int]:
        """Return the model's state for this world, what the app is shown, and the client's settled floor."""
        ours, theirs = self.client.view(world.client), self.server.view(world.server)
        state = State(
            world.faults,
            world.rejects,
            ours.written,
            ours.outbox,
            ours.due,
            ours.knows_second,
            ours.confirmed,
            theirs.mark,
            theirs.floor,
            theirs.notes,
            theirs.boxes,
            world.second_since,
            tuple(self._link(world, wire) for wire in world.wires),
        )
        return state, ours.shown, ours.settled

    def _link(self, world: World, wire: Wire) -> Link:
        up = tuple(frame_of(item) for item in wire.up)
        down = tuple(self.server.frame(message) for message in wire.down)
        held = self.client.view(world.client).links.get(wire.link)
        if held is None:
            return Link(up, down, wire.whole)
        return Link(up, down, wire.whole, held.welcomed, held.position, held.asking)

    def _client_turn(self, world: World, *inputs: Input) -> World:
        client, said = self.client.step(world.client, *inputs)
        world = world._replace(client=client)
        for words in said:
            world = self._client_said(world, words)
        return world

    @staticmethod
    def _client_said(world: World, said: ClientSaid) -> World:
        wire = world.wire(said.link)
        if wire is None:
            dials = bool(said.items) and said.items[0].flight
            return world._replace(wires=(*world.wires, Wire(said.link, said.items))) if dials else world
        if said.hangs:
            return world.put(wire._replace(whole=False, down=()))
        if wire.whole:
            return world.put(wire._replace(up=wire.up + said.items))
        return world  # what is sent on a broken link is lost

    def _hear(self, world: World, wire: Wire) -> World:
        link = self.client.view(world.client).links.get(wire.link)
        message = MessageArrived(wire.link, wire.down[0])
        inputs = [message] if link is not None and link.connected else [LinkConnected(wire.link), message]
        return self._client_turn(world.put(wire._replace(down=wire.down[1:])), *inputs)

    def _serve(self, world: World, wire: Wire, *, full: bool = False) -> World:
        item = wire.up[0]
        world = self._server_turn(world.put(wire._replace(up=wire.up[1:])), wire.link, item, full=full)
        for older in [older for older in world.wires if older.link < wire.link and older.up]:
            if not item.flight or older.up[0].flight:
                for late in older.up:
                    world = self._server_turn(world, older.link, late)
                world = world.put((world.wire(older.link) or older)._replace(up=()))
        return world

    def _server_turn(self, world: World, link: int, item: Item | None, *, full: bool = False) -> World:
        server, said = self.server.step(world.server, Part(link, item), full=full)
        world = world._replace(server=server)
        for words in said:
            world = self._server_said(world, words)
        return world

    @staticmethod
    def _server_said(world: World, said: ServerSaid) -> World:
        wire = world.wire(said.link)
        if wire is None or not wire.whole:
            return world
        return world.put(wire._replace(down=wire.down + said.messages, whole=not said.closes))

    def _tidy(self, world: World) -> World:
        """Let each end hear of the links that are over, behind the last frame that arrives there."""
        for wire in world.wires:
            if wire.whole:
                continue
            if wire.down and is_refusal(wire.down[0]):
                return self._tidy(self._hear(world, wire))
            if not wire.down and wire.link in self.client.view(world.client).links:
                return self._tidy(self._client_turn(world, LinkLost(wire.link, "it broke")))
            if not wire.up and wire.link in self.server.view(world.server).links:
                return self._tidy(self._server_turn(world, wire.link, None))
        return world._replace(wires=tuple(wire for wire in world.wires if wire.whole or wire.up or wire.down))
