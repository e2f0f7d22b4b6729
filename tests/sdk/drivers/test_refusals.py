from onebar.drivers.refusals import Refusal, read_refusal


def test_what_is_ours_is_read_and_nothing_else() -> None:
    assert read_refusal(b'{"error": "wrong_code", "detail": "d", "newer": 1}') == Refusal("wrong_code", "d")
    told = read_refusal(b'{"error": "rate_limited", "limit": "connections", "retry_after_s": 2}')
    assert told == Refusal("rate_limited", "", "connections", 2.0)
    for body in (
        b"",
        b"\xff",
        b"<html>",
        b"[1]",
        b'{"error": ""}',
        b'{"error": "x", "retry_after_s": -1}',
        b"[" * 9999,
    ):
        assert read_refusal(body) is None
