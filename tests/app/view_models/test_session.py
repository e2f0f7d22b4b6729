"""What happens in a client is told, and errors in the background are."""

from onebar import Client, Event, InputError
from onebar.events import MessageReceived
from onebar.models import Reach
from onebar_app.view_models.session import Session
from tests.app.view_models.conftest import ALICE, BOB
from tests.app.view_models.waiting import until


async def test_events_and_the_link_are_told(session: Session, bob: Client) -> None:
    await until(session, lambda: session.link.state is Reach.OPEN)
    heard: list[Event] = []

    def hear(event: Event) -> None:
        heard.append(event)
        session.changed()

    leave = session.on_event(hear)
    await bob.chat(ALICE).send("hello")
    await until(session, lambda: any(isinstance(event, MessageReceived) for event in heard))
    leave()
    assert session.name(BOB) == "+1\u00a0202\u00a0555\u00a00102"
    session.try_now()
    assert session.link_history


async def test_what_fails_in_the_background_is_told(session: Session) -> None:
    async def fail() -> None:
        raise InputError("the name is too long")

    session.run(fail())
    await until(session, lambda: session.failure)
    assert session.failure == "the name is too long"
