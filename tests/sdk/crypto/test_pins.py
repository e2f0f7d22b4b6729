"""PINs: what can be one, and what leaves the device."""

import pytest

from onebar.core.questions import PIN_BYTES
from onebar.crypto.pins import check_pin, stretch_pin
from onebar.errors import InputError

PHONE = "+12025550101"


def test_the_same_pin_of_the_same_number_gives_the_same_bytes() -> None:
    stretched = stretch_pin("271828", PHONE)
    assert stretched.hex() == "1408860482088cbf5b1e93c4dff0455e88568ecd572f88b28548a03989eee303"
    assert len(stretched) == PIN_BYTES
    assert stretch_pin("271828", PHONE[:-1] + "2") != stretched


@pytest.mark.parametrize("pin", ["", "123", "1" * 21, "12a4", " 1234", "1234\n", "١٢٣٤", 1234])
def test_what_is_no_pin(pin: object) -> None:
    with pytest.raises(InputError, match="4 to 20 digits") as caught:
        check_pin(pin)  # type: ignore[arg-type]
    assert not str(pin).strip() or str(pin) not in str(caught.value)
