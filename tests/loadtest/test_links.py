"""The SDK's links through a weak network with TLS; without it they are in `test_fleet`."""

import asyncio
from pathlib import Path
from random import Random

import trustme

from onebar.core.turn import Dial, LinkConnected, LinkInput, LinkLost
from onebar.drivers.address import parse_address
from onebar.drivers.tls import Tls
from onebar.testing import WeakNetwork, profile
from onebar_loadtest.links import InsideLink
from onebar_mockserver import MockServer


async def test_a_link_goes_through_with_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.cert_chain_pems[0].write_to_path(files[0])
    certificate.private_key_pem.write_to_path(files[1])
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    heard: asyncio.Queue[LinkInput] = asyncio.Queue()
    async with MockServer(tls=files) as server, WeakNetwork(profile("wifi"), ("127.0.0.1", server.port)) as network:
        address = parse_address(server.url, Tls(ca_file=tmp_path / "ca.pem"))
        link = InsideLink(network, Dial(7, Random(1).randbytes(80)), address, heard.put)
        async with asyncio.timeout(10):
            assert await heard.get() == LinkConnected(7)
            while not isinstance(await heard.get(), LinkLost):  # the server cannot read such a flight
                pass
        await link.task


async def test_a_dial_that_begins_in_a_tunnel_is_repeated_as_by_a_phone(server: MockServer) -> None:
    heard: asyncio.Queue[LinkInput] = asyncio.Queue()
    async with WeakNetwork(profile("lte"), ("127.0.0.1", server.port)) as network:
        network.blackout(0.2)
        link = InsideLink(network, Dial(7, b"", again_s=0.05), parse_address(server.url), heard.put)
        async with asyncio.timeout(10):
            assert await heard.get() == LinkConnected(7)
        assert network.figures.connections > 2
        link.task.cancel()
        await asyncio.wait([link.task])


async def test_a_dial_without_a_server_says_so() -> None:
    heard: asyncio.Queue[LinkInput] = asyncio.Queue()
    async with WeakNetwork(profile("perfect"), ("127.0.0.1", 1)) as network:
        link = InsideLink(network, Dial(7, b""), parse_address("http://127.0.0.1:1"), heard.put)
        async with asyncio.timeout(10):
            lost = await heard.get()
        assert isinstance(lost, LinkLost)
        await link.task
