from onebar.testing import profile
from onebar_loadtest.fleet import Fleet
from onebar_loadtest.settings import Settings
from onebar_mockserver import MockServer
from tests.sdk.testing.sockets import until


async def test_a_phone_lives_without_a_thread_and_remembers_over_a_restart_of_its_app(server: MockServer) -> None:
    fleet = Fleet(Settings(weather="perfect", kem=False, readers=0.0, proxied=0.0), server.url)
    one, other = await fleet.add_phone(), await fleet.add_phone()
    assert one.number not in repr(one)
    await until(lambda: one.online and other.online)
    fleet.say(one, other, "hello")
    await until(lambda: fleet.ledger.tally.delivered == 1)
    before = one.links
    await one.sleep()
    await one.sleep()
    assert not one.awake
    one.hint()
    one.wake()
    one.wake()
    await until(lambda: one.online)
    assert (one.links, one.registered) == (before + 1, True)
    fleet.say(one, other, "hello again")
    await until(lambda: fleet.ledger.tally.delivered == 2)
    assert fleet.ledger.tally.right
    await fleet.close()


async def test_an_outage_ends_with_the_calm(server: MockServer) -> None:
    fleet = Fleet(Settings(weather="perfect", kem=False, readers=0.0, proxied=0.0), server.url)
    one = await fleet.add_phone()
    await until(lambda: one.online)
    before = one.links
    one.blackout(3600.0)
    assert one.dark
    one.calm(profile("wifi"))
    assert not one.dark
    await until(lambda: one.links == before + 1)
    await fleet.close()
