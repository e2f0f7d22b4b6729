"""Which answers are a network's own, and not the server's."""

import pytest

from onebar.drivers.portal import is_login_page


@pytest.mark.parametrize(
    ("status", "content_type", "over_http", "over_tls"),
    [
        (511, "", True, True),  # whoever says so, means it
        (302, "", True, False),  # behind TLS it is the server that redirects
        (307, "text/plain", True, False),
        (200, "text/html", True, False),
        (200, "Text/HTML; charset=utf-8", True, False),
        (403, "application/xhtml+xml", True, False),
        (200, "application/json", False, False),
        (404, "", False, False),
        (502, "text/html", False, False),  # what stands before a server that is down
        (503, "", False, False),
    ],
)
def test_a_login_page(status: int, content_type: str, over_http: bool, over_tls: bool) -> None:
    assert is_login_page(status, content_type, tls=False) is over_http
    assert is_login_page(status, content_type, tls=True) is over_tls
