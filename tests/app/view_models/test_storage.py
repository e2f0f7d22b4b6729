"""What is on the disk is added up."""

from onebar import Client
from onebar_app.view_models.session import Session
from onebar_app.view_models.storage import measure
from tests.app.view_models.conftest import BOB


async def test_the_database_and_its_files_are_counted(session: Session, bob: Client) -> None:
    await session.client.chat(BOB).send("hello")
    found = await measure(session)
    assert found.messages == 1
    assert found.database_bytes > 4096
