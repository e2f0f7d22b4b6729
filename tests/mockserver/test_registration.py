"""Registration over HTTP: the answers of §2, and 4xx for anything else."""

import struct

import httpx
import pytest
from nacl.signing import SigningKey

from onebar.core.questions import PIN_BYTES, SetPin
from onebar_mockserver import MockServer
from onebar_mockserver.limits import BODY_BYTES_MAX, CODE_RESEND_S, PIN_TRIES
from onebar_mockserver.sms import Sms, SmsError, SmsLog
from onebar_mockserver.sqlite import registry
from tests.mockserver.rawclient import Keys, Phone, base64url, post, register

PHONE = "+4915112345678"


def error(answer: httpx.Response) -> tuple[int, str]:
    assert answer.json()["detail"]
    return answer.status_code, answer.json()["error"]


def replace_body(phone: Phone, keys: Keys, signer: SigningKey | None = None) -> dict[str, object]:
    signed = b"onebar replace 1\0" + struct.pack(">QQ", phone.account, phone.device)
    signed += bytes(keys.signing.verify_key) + bytes(keys.box.public_key)
    proof = (signer or phone.keys.signing).sign(signed).signature
    return {
        "account": phone.account,
        "device": phone.device,
        "proof": base64url(proof),
        **keys.body(),
    }


async def test_registering(server: MockServer) -> None:
    phone = await register(server, PHONE)
    other = await register(server, "+4915112345679")
    assert other.account > phone.account > 0
    assert other.device > phone.device > 0


async def test_the_same_key_gets_the_same_answer(server: MockServer) -> None:
    keys = Keys()
    first = await register(server, PHONE, keys)
    again = await post(server.url, "/v1/devices", {"phone": PHONE, "code": "nonsense", **keys.body()})
    assert again.json() == {"account": first.account, "device": first.device}


async def test_a_phone_is_one_account_however_it_is_written(server: MockServer) -> None:
    await post(server.url, "/v1/codes", {"phone": "+49 151 1234-5678"})
    assert server.sms(PHONE)


async def test_a_wrong_code_says_how_many_tries_are_left(server: MockServer) -> None:
    await post(server.url, "/v1/codes", {"phone": PHONE})
    wrong = "000000" if server.sms(PHONE) != "000000" else "000001"
    answer = await post(server.url, "/v1/devices", {"phone": PHONE, "code": wrong, **Keys().body()})
    assert error(answer) == (403, "wrong_code")
    assert "4 tries left" in answer.json()["detail"]


async def test_a_code_is_not_sent_again_at_once(server: MockServer) -> None:
    await post(server.url, "/v1/codes", {"phone": PHONE})
    answer = await post(server.url, "/v1/codes", {"phone": PHONE})
    assert error(answer) == (429, "rate_limited")
    assert answer.json()["limit"] == "code_resend"
    assert 0 < answer.json()["retry_after_s"] <= CODE_RESEND_S[0]
    assert answer.headers["Retry-After"] == str(answer.json()["retry_after_s"])


async def test_a_text_message_that_cannot_be_sent(server: MockServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(log: SmsLog, sms: Sms) -> None:
        raise SmsError("the gateway is down")

    with monkeypatch.context() as patch:
        patch.setattr(SmsLog, "send", fail)
        assert error(await post(server.url, "/v1/codes", {"phone": PHONE})) == (503, "unavailable")
    assert (await post(server.url, "/v1/codes", {"phone": PHONE})).status_code == 202, "it costs no wait"


async def test_a_number_that_is_protected_by_a_pin(server: MockServer) -> None:
    phone = await register(server, PHONE)
    line = await phone.dial()
    assert (await line.ask(SetPin(bytes(PIN_BYTES)))).error == ""
    await line.close()
    await post(server.url, "/v1/codes", {"phone": PHONE})
    body = {"phone": PHONE, "code": server.sms(PHONE), **Keys().body()}
    answer = await post(server.url, "/v1/devices", body)
    assert error(answer) == (423, "pin_required")
    assert (answer.json()["tries_left"], answer.json()["lapses_at_ms"] > 0) == (PIN_TRIES, True)
    answer = await post(server.url, "/v1/devices", body | {"pin": base64url(b"x" * PIN_BYTES)})
    assert error(answer) == (423, "wrong_pin")
    answer = await post(server.url, "/v1/devices", body | {"pin": base64url(bytes(PIN_BYTES))})
    assert answer.status_code == 200
    assert error(await post(server.url, "/v1/devices", body | {"pin": "short"})) == (400, "bad_request")


async def test_no_code_was_asked_for(server: MockServer) -> None:
    answer = await post(server.url, "/v1/devices", {"phone": PHONE, "code": "123456", **Keys().body()})
    assert error(answer) == (403, "code_expired")


async def test_keys_must_be_signed(server: MockServer) -> None:
    body = Keys().body() | {"box_key": base64url(bytes(32))}
    answer = await post(server.url, "/v1/devices", {"phone": PHONE, "code": "123456", **body})
    assert error(answer) == (403, "bad_proof")


async def test_replacing_a_device(server: MockServer) -> None:
    old = await register(server, PHONE)
    body = replace_body(old, Keys())
    answer = await post(server.url, "/v1/devices/replace", body)
    assert answer.json()["device"] > old.device
    again = await post(server.url, "/v1/devices/replace", body)
    assert again.json() == answer.json(), "idempotent"
    late = await post(server.url, "/v1/devices/replace", replace_body(old, Keys()))
    assert error(late) == (403, "device_removed")


async def test_replacing_too_often(server: MockServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "REPLACEMENTS_PER_DAY", 0)
    old = await register(server, PHONE)
    answer = await post(server.url, "/v1/devices/replace", replace_body(old, Keys()))
    assert error(answer) == (429, "rate_limited")


async def test_replacing_needs_the_old_key(server: MockServer) -> None:
    old = await register(server, PHONE)
    answer = await post(server.url, "/v1/devices/replace", replace_body(old, Keys(), SigningKey.generate()))
    assert error(answer) == (403, "bad_proof")
    stranger = Phone(server.url, 1, 99, Keys())
    answer = await post(server.url, "/v1/devices/replace", replace_body(stranger, Keys()))
    assert error(answer) == (404, "not_found")


@pytest.mark.parametrize("phone", ["", "12345", "0151 1234567", "+", "+491", "+49" + "1" * 300, "+49\0", "٣"])
async def test_what_is_no_phone_number(server: MockServer, phone: str) -> None:
    assert error(await post(server.url, "/v1/codes", {"phone": phone})) == (400, "bad_request")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"phone": 5}', b'{"phone": "\xff"}', b"[" * 4000, b'{"phone": "\\ud800"}'],
)
@pytest.mark.parametrize("path", ["/v1/codes", "/v1/devices", "/v1/devices/replace"])
async def test_what_is_no_body(server: MockServer, path: str, body: bytes) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        assert error(await http.post(server.url + path, content=body)) == (400, "bad_request")


@pytest.mark.parametrize("number", [0, -1, 2**63, 2**70, 1.5, "1"])
async def test_numbers_out_of_range(server: MockServer, number: object) -> None:
    phone = Phone(server.url, 1, 1, Keys())
    body = replace_body(phone, Keys()) | {"account": number}
    assert error(await post(server.url, "/v1/devices/replace", body)) == (400, "bad_request")


@pytest.mark.parametrize("key", ["", "a", "!" * 43, "A" * 42, "A" * 43 + "=", "ä" * 43])
async def test_what_is_no_key(server: MockServer, key: str) -> None:
    body = Keys().body() | {"identity_key": key}
    answer = await post(server.url, "/v1/devices", {"phone": PHONE, "code": "1", **body})
    assert error(answer) == (400, "bad_request")


async def test_a_body_is_bounded(server: MockServer) -> None:
    answer = await post(server.url, "/v1/codes", {"phone": "+" * BODY_BYTES_MAX})
    assert error(answer) == (413, "too_large")


async def test_other_paths_and_methods(server: MockServer) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        assert error(await http.get(server.url + "/v2")) == (404, "not_found")
        assert error(await http.get(server.url + "/v1/codes")) == (405, "bad_request")
        assert (await http.get(server.url + "/v1/codes")).headers["Allow"] == "POST"
        assert (await http.get(server.url + "/healthz")).json() == {"status": "ok"}


async def test_development_shows_the_text_messages(server: MockServer) -> None:
    await post(server.url, "/v1/codes", {"phone": PHONE})
    await post(server.url, "/v1/codes", {"phone": PHONE})
    async with httpx.AsyncClient(trust_env=False) as http:
        for query in (PHONE, PHONE.replace("+", "%2B")):
            [sms] = (await http.get(f"{server.url}/dev/sms?phone={query}")).json()
            assert (sms["phone"], sms["code"]) == (PHONE, server.sms(PHONE))
            assert sms["sent_at_ms"] > 0
        assert error(await http.get(server.url + "/dev/sms")) == (400, "bad_request")
