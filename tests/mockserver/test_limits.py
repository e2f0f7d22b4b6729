from onebar.core import frames
from onebar.core.reception import GO_AWAY_MS_MAX
from onebar_mockserver import limits
from onebar_mockserver.limits import ServerLimits


def test_announced_limits_are_the_ones_in_force() -> None:
    announced = ServerLimits(window=3, mailbox_bytes_max=5).announced()
    assert (announced.window, announced.mailbox_bytes_max) == (3, 5)
    assert announced.submit_bytes_max == frames.SUBMIT_BYTES_MAX
    assert announced.message_bytes_max == frames.MESSAGE_BYTES_MAX


def test_limits_fit_together() -> None:
    assert limits.CREDIT_BYTES_MAX + limits.NOTES_BYTES_MAX < frames.MESSAGE_BYTES_MAX
    assert limits.LINK_PENDING_BYTES_MAX > frames.MESSAGE_BYTES_MAX
    assert limits.WRITE_BUFFER_BYTES_MAX > frames.MESSAGE_BYTES_MAX


def test_the_time_to_come_back_in_grows_with_the_links() -> None:
    assert limits.go_away_ms(0) == limits.GO_AWAY_MS_MIN
    assert limits.go_away_ms(5000) == 5000 * 1000 // limits.LOGINS_PER_S
    assert limits.go_away_ms(10**6) == limits.GO_AWAY_MS_MAX == GO_AWAY_MS_MAX
