"""Who sends text messages with codes."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from onebar_mockserver import sms
from onebar_mockserver.sms import HttpSms, Sms, SmsError, SmsLog

SMS = Sms("+4915112345678", "123456", 1)


async def test_the_log_keeps_what_was_sent() -> None:
    log = SmsLog()
    await log.send(SMS)
    await log.send(SMS._replace(phone="+491"))
    assert log.to(SMS.phone) == [SMS]
    assert "123456" not in repr(SMS)


async def test_a_gateway_gets_what_its_template_says() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(202)

    gateway = HttpSms(
        "https://sms.example.org/send",
        {"to": "{phone}", "message": "{text}", "from": "Onebar"},
        token="secret",
        text="{code} ist Ihr Code",
        transport=httpx.MockTransport(answer),
    )
    await gateway.send(SMS)
    [request] = asked
    assert (request.method, str(request.url)) == ("POST", "https://sms.example.org/send")
    assert request.headers["Authorization"] == "Bearer secret"
    assert json.loads(request.content) == {"to": SMS.phone, "message": "123456 ist Ihr Code", "from": "Onebar"}
    assert "secret" not in repr(gateway)


@pytest.mark.parametrize("status", [302, 401, 500])
async def test_a_gateway_that_refuses(status: int) -> None:
    gateway = HttpSms("https://a", {}, transport=httpx.MockTransport(lambda _: httpx.Response(status)))
    with pytest.raises(SmsError, match=str(status)):
        await gateway.send(SMS)


async def test_a_gateway_that_cannot_be_reached() -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route to +4915112345678")

    with pytest.raises(SmsError, match="ConnectError") as caught:
        await HttpSms("https://a", {}, transport=httpx.MockTransport(fail)).send(SMS)
    assert SMS.phone not in str(caught.value)


@pytest.mark.parametrize("template", ["{number}", "{", "{0}"])
def test_a_template_with_another_name_is_refused_at_once(template: str) -> None:
    with pytest.raises(ValueError, match="phone"):
        HttpSms("https://a", {"to": template})
    with pytest.raises(ValueError, match="phone"):
        HttpSms("https://a", {}, text=template)


async def test_a_gateway_that_says_a_little_all_the_time_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Trickle(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                await asyncio.sleep(0)
                yield b" "

    monkeypatch.setattr(sms, "SEND_S", 0.01)
    answer = httpx.MockTransport(lambda _: httpx.Response(200, stream=Trickle()))
    with pytest.raises(SmsError, match="TimeoutError"):
        await HttpSms("https://a", {}, transport=answer).send(SMS)
