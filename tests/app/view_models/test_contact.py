"""The safety number, and switches."""

from onebar import Client, Trust
from onebar.models import Standing
from onebar_app.view_models.contact import Contact
from onebar_app.view_models.session import Session
from tests.app.view_models.conftest import ALICE, BOB


async def test_the_safety_number_is_the_same_on_both_sides(session: Session, bob: Client) -> None:
    contact = Contact(session, BOB)
    await contact.look()
    assert (contact.digits(), contact.qr()) == ([], ())
    await (await session.client.chat(BOB).send("hello")).delivered(20)
    await contact.look()
    assert "".join(contact.digits()) == (await bob.chat(ALICE).safety_number()).digits
    squares = contact.qr()
    assert len(squares) == len(squares[0]) > 20
    await contact.mark_verified()
    assert contact.trust == Trust.VERIFIED
    await contact.accept_key()
    assert str(contact.trust) == Trust.UNVERIFIED


async def test_names_and_switches_are_kept(session: Session, bob: Client) -> None:
    contact = Contact(session, BOB)
    await contact.rename(" Bob ")
    assert contact.name == "Bob"
    await contact.look()
    assert not contact.begun
    await session.client.chat(BOB).send("hello")
    for what in ("muted", "pinned", "archived"):
        await contact.toggle(what)
    assert (contact.muted, contact.pinned, contact.archived) == (True, True, True)
    await contact.toggle("muted")
    assert not contact.muted
    await contact.toggle_block()
    assert contact.standing == Standing.BLOCKED
    await contact.toggle_block()
    assert str(contact.standing) == Standing.ACCEPTED
