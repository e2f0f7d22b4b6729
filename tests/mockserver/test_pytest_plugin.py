from importlib.metadata import entry_points
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "testing-your-app.md"
NAME = "onebar_mockserver.pytest_plugin"

ALL_THREE = """
    server_url = onebar_server.url
    assert server_url.startswith("http://127.0.0.1:")
    network = await onebar_network()
    alice = await onebar_phone("+12025550101", network)
    bob = await onebar_phone("+12025550102")
    assert (alice.phone, bob.phone) == ("+12025550101", "+12025550102")
    await (await alice.chat("+12025550102").send("hello")).delivered(20)
    assert network.figures.up_bytes > 0
"""
ANYIO = (
    """
import pytest

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.anyio
async def test_all(onebar_server, onebar_network, onebar_phone):
"""
    + ALL_THREE
)
MARKED = (
    """
import pytest

@pytest.mark.asyncio
async def test_all(onebar_server, onebar_network, onebar_phone):
"""
    + ALL_THREE
)
PLAIN = "async def test_all(onebar_server, onebar_network, onebar_phone):" + ALL_THREE


@pytest.fixture
def strict(pytester: pytest.Pytester) -> pytest.Pytester:
    """Settings like a careful app's, and no plugin of this project's other tests."""
    pytester.makeini("[pytest]\nfilterwarnings = error\nasyncio_default_fixture_loop_scope = function")
    return pytester


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    known = [point.value for point in entry_points(group="pytest11")]
    loaded = () if NAME in known else ("-p", NAME)  # where this distribution was installed before it had the plugin
    return pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", "-p", "no:xdist", *loaded, *options)


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize(
    ("test", "options"),
    [
        (MARKED, ("--asyncio-mode=strict",)),
        (PLAIN, ("--asyncio-mode=auto",)),
        (ANYIO, ("-p", "no:asyncio", "-W", "ignore::pytest.PytestConfigWarning")),
    ],
    ids=["pytest-asyncio strict", "pytest-asyncio auto", "anyio alone"],
)
def test_the_fixtures_work_with_whatever_runs_async_tests(
    strict: pytest.Pytester, test: str, options: tuple[str, ...]
) -> None:
    strict.makepyfile(test)
    run(strict, *options).assert_outcomes(passed=1)


@pytest.mark.slow
@pytest.mark.process
def test_the_page_of_the_docs_runs_as_it_is_written(strict: pytest.Pytester) -> None:
    code = PAGE.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    strict.makepyfile(test_my_app=code)
    run(strict).assert_outcomes(passed=2)


@pytest.mark.slow
@pytest.mark.process
def test_what_a_test_made_is_closed_after_it_even_if_it_failed(strict: pytest.Pytester) -> None:
    strict.makepyfile(
        """
        import socket
        import pytest

        ports = []

        @pytest.mark.asyncio
        async def test_fails(onebar_server, onebar_network, onebar_phone):
            network = await onebar_network("edge")
            await onebar_phone("+12025550101", network)
            ports.extend([onebar_server.port, network.port])
            assert False

        def test_nobody_listens_any_more():
            assert len(ports) == 2
            for port in ports:
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", port))
        """
    )
    run(strict).assert_outcomes(passed=1, failed=1)


@pytest.mark.process
def test_each_test_has_a_backend_of_its_own(strict: pytest.Pytester) -> None:
    strict.makepyfile(
        """
        import pytest

        @pytest.mark.asyncio
        @pytest.mark.parametrize("again", [1, 2])
        async def test_first(onebar_server, onebar_phone, again):
            with pytest.raises(LookupError):
                onebar_server.sms("+12025550101")
            await onebar_phone("+12025550101")
            assert onebar_server.sms("+12025550101")
        """
    )
    run(strict).assert_outcomes(passed=2)


@pytest.mark.slow
@pytest.mark.process
def test_without_anything_that_runs_async_tests_it_says_what_to_install(strict: pytest.Pytester) -> None:
    strict.makepyfile("def test_sync(onebar_server):\n    pass\n")
    result = run(strict, "-p", "no:asyncio", "-W", "ignore::pytest.PytestConfigWarning")
    result.assert_outcomes(errors=1)
    assert "install pytest-asyncio" in result.stdout.str()


@pytest.mark.slow
@pytest.mark.process
def test_an_app_that_does_not_use_it_does_not_pay_for_it(strict: pytest.Pytester) -> None:
    strict.makepyfile(
        """
        import sys

        def test_nothing_heavy_was_imported():
            assert "onebar_mockserver.pytest_plugin" in sys.modules
            assert not {"onebar.client", "starlette", "uvicorn", "nacl"} & set(sys.modules)
        """
    )
    run(strict).assert_outcomes(passed=1)


def test_the_distribution_offers_the_plugin() -> None:
    declared = (PAGE.parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    assert f'[project.entry-points.pytest11]\nonebar = "{NAME}"' in declared
