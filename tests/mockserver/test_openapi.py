import re

import httpx

from onebar_mockserver import MockServer
from onebar_mockserver.openapi import KEY, SIGNATURE, document
from onebar_mockserver.registration import OPERATIONS, STATUS


def test_the_description_refers_to_nothing_that_is_not_in_it() -> None:
    described = document(OPERATIONS)
    text = str(described)
    names = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert names == set(described["components"]["schemas"])
    assert "#/$defs" not in text


def test_each_error_of_the_server_is_described() -> None:
    described = {status for operation in OPERATIONS for status in operation.errors}
    assert described == set(STATUS.values())


def test_the_patterns_are_what_the_protocol_says() -> None:
    assert re.fullmatch(KEY, "A" * 43)
    assert re.fullmatch(SIGNATURE, "A" * 86)
    assert not re.fullmatch(KEY, "A" * 42 + "=")


async def test_development_serves_it(server: MockServer) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        served = (await http.get(server.url + "/openapi.json")).json()
    assert served == document(OPERATIONS)
    assert set(served["paths"]) == {operation.path for operation in OPERATIONS}
