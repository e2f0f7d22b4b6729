"""The table `[push]` of the configuration: which gateways there are, and with which keys."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

if TYPE_CHECKING:
    from onebar_mockserver.push.gateways import PushGateway


class PushSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Who wakes phones that are away; nobody, where nothing is set."""

    apns_key: Path | None = None
    """The file of Apple's authentication key, `AuthKey_….p8`."""
    apns_key_id: str = ""
    """Its id: ten letters and digits."""
    apns_team_id: str = ""
    """The id of the developer's team: ten letters and digits."""
    apns_topic: str = ""
    """The app's bundle id."""
    apns_host: str = "production"
    """`production`, `sandbox`, or a URL."""
    fcm_service_account: Path | None = None
    """The file of the service account's key, in JSON."""
    fcm_url: str = "https://fcm.googleapis.com"
    """Where FCM is; another one is for tests."""

    def gateways(self) -> "list[PushGateway]":
        """Return the gateways, ready to send; without settings none.

        Raises:
            ValueError: Something is missing, or a key cannot be used; the text names the setting.
        """
        return [*self._apns(), *self._fcm()]

    def _apns(self) -> "Iterator[PushGateway]":
        if not (self.apns_key or self.apns_key_id or self.apns_team_id or self.apns_topic):
            return
        for name in ("apns_key", "apns_key_id", "apns_team_id", "apns_topic"):
            if not getattr(self, name):
                raise ValueError(f"push.{name} is missing: APNs takes all of apns_key, _key_id, _team_id and _topic")
        from onebar_mockserver.push.apns import HOSTS, ApnsGateway  # who sends no pushes needs none of their libraries
        from onebar_mockserver.push.credentials import PushKeyError, read_apns_key

        url = _url("apns_host", HOSTS.get(self.apns_host, self.apns_host), "production, sandbox or a URL")
        assert self.apns_key is not None
        try:
            key = read_apns_key(self.apns_key, self.apns_key_id, self.apns_team_id)
        except PushKeyError as error:
            raise ValueError(f"push.apns_key: {error}") from None
        yield ApnsGateway(key, self.apns_topic, url)

    def _fcm(self) -> "Iterator[PushGateway]":
        if self.fcm_service_account is None:
            return
        from onebar_mockserver.push.credentials import PushKeyError, read_service_account
        from onebar_mockserver.push.fcm import FcmGateway

        url = _url("fcm_url", self.fcm_url, "a URL")
        try:
            account = read_service_account(self.fcm_service_account)
        except PushKeyError as error:
            raise ValueError(f"push.fcm_service_account: {error}") from None
        yield FcmGateway(account, url)


def _url(name: str, url: str, allowed: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.path.strip("/"):
        raise ValueError(f"push.{name} = {url!r} cannot be used: give {allowed}; https://host, without a path")
    return url.rstrip("/")
