"""Light devices beside real phones, with a real server."""

from dataclasses import replace

from onebar_loadtest.accounting import Ledger
from onebar_mockserver import MockServer
from onebar_mockserver.limits import ServerLimits
from tests.loadtest.test_fleet import QUICK, fleet_of
from tests.sdk.testing.sockets import until


async def test_light_devices_talk_beside_the_phones_and_are_accounted_for() -> None:
    settings = replace(QUICK, crowd=100.0)
    async with MockServer(limits=ServerLimits(rates={})) as server, fleet_of(2, server, settings) as fleet:
        for phone in fleet.phones:
            fleet.take_part(phone)
        await fleet.introduce()
        assert fleet.ledger.tally.sent == 1, "the two have met"
        fleet.measure()
        await until(lambda: fleet._crowd.arrived > 150)
        await until(lambda: fleet.ledger.tally.delivered > 3)
        await fleet.settle()
        tally = fleet.take_record("here").tally()
        assert tally.right
        assert tally.beside == fleet._crowd.said > 150
        assert len(fleet._crowd._pairs) == 5


async def test_a_light_device_that_loses_its_link_fails_the_run(server: MockServer) -> None:
    async with fleet_of(1, server, replace(QUICK, crowd=10.0)) as fleet:
        await fleet.introduce()
        fleet._crowd._pairs[0][1].close()
        await until(lambda: fleet._crowd.wrong)
        assert not fleet._crowd._pairs[0][1].open
    ledger = Ledger()
    ledger.close_beside(said=3, arrived=2, wrong=1)
    assert not ledger.tally.right
    assert ledger.tally.beside_lost == 2
