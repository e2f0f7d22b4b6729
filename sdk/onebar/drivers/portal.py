"""Captive portals: networks that answer in the server's place until their user has signed in (RFC 8952).

Without TLS, such a network is known by what it says. Behind TLS nobody but the server can say anything, so what is
seen there is a handshake that another one answers or cuts: `onebar.drivers.tls.intercepted`.
"""

from typing import Final

SIGN_IN: Final = "this network wants you to sign in first: open any page in a browser"
"""What users are told."""

_AUTHENTICATION_REQUIRED: Final = 511  # Network Authentication Required (RFC 6585 §6)
_REDIRECTS: Final = range(300, 400)
_SERVER_ERRORS: Final = 500  # from here on; what stands before a server that is down answers so, often in HTML


def is_login_page(status: int, content_type: str, *, tls: bool) -> bool:
    """Whether an HTTP answer is a network's and not a server's.

    Args:
        status: The HTTP status.
        content_type: As in the header; empty if there is none.
        tls: Whether it came through TLS, where nothing on the way can answer for the server.
    """
    if status == _AUTHENTICATION_REQUIRED:
        return True
    html = content_type.partition(";")[0].strip().lower() in {"text/html", "application/xhtml+xml"}
    return not tls and (status in _REDIRECTS or (html and status < _SERVER_ERRORS))
