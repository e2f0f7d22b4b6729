"""What others rely on: first bytes, purposes, lengths and limits, once more as literals.

Tests that use a constant by its name go on passing when the constant changes. Devices that run another version do not.
"""

import pytest

from onebar.crypto import (
    certificates,
    double_ratchet,
    keys,
    padding,
    pqxdh,
    prekeys,
    sessions,
    suites,
    values,
    wrapping,
)

DAY_MS = 24 * 60 * 60 * 1000


@pytest.mark.parametrize(
    ("found", "written"),
    [
        (suites.MESSAGE, 0x20),
        (suites.MESSAGE_WITH_KEM, 0x21),
        (pqxdh.INITIAL, 0x30),
        (pqxdh.INITIAL_WITH_KEM, 0x31),
        (double_ratchet.VERSION, 1),
        (sessions.VERSION, 1),
        (certificates.VERSION, 1),
        (wrapping.VERSION, 1),
        (prekeys.CAPABILITY_PQ, 1),
    ],
)
def test_first_bytes_and_flags_stay_what_they_are(found: int, written: int) -> None:
    assert found == written


def test_no_two_things_are_signed_or_derived_for_one_purpose() -> None:
    contexts = [
        certificates.CERTIFICATE_CONTEXT,
        certificates.LIST_CONTEXT,
        keys.BOX_KEY_CONTEXT,
        keys.LINK_CONTEXT,
        keys.REPLACE_CONTEXT,
        prekeys.BUNDLE_CONTEXT,
        prekeys.KEM_PREKEY_CONTEXT,
        pqxdh.X3DH_CONTEXT,
        pqxdh.PQXDH_CONTEXT,
        suites.ROOT_CONTEXT,
        suites.MESSAGE_CONTEXT,
        wrapping.WRAPPING_CONTEXT,
    ]
    assert sorted(contexts) == [
        b"onebar at rest 1\0",
        b"onebar box key 1\0",
        b"onebar device certificate 1\0",
        b"onebar device list 1\0",
        b"onebar kem prekey 1\0",
        b"onebar link 1\0",
        b"onebar pqxdh 1 X25519 SHA-256 ML-KEM-768\0",
        b"onebar prekey bundle 1\0",
        b"onebar ratchet message 1\0",
        b"onebar ratchet root 1\0",
        b"onebar replace 1\0",
        b"onebar x3dh 1 X25519 SHA-256\0",
    ]


@pytest.mark.parametrize(
    ("found", "written"),
    [
        (values.KEY_BYTES, 32),
        (values.SIGNATURE_BYTES, 64),
        (values.COUNT_MAX, 0xFFFF_FFFF),
        (values.NUMBER_MAX, 0x7FFF_FFFF_FFFF_FFFF),
        (values.MOMENT_MAX_MS, 0xFFFF_FFFF_FFFF),
        (values.VARINT_BYTES_MAX, 5),
        (suites.NONCE_BYTES, 12),
        (suites.TAG_BYTES, 16),
        (suites.SALT_BYTES, 6),
        (suites.OVERHEAD_BYTES, 57),
        (wrapping.KEY_BYTES, 32),
        (wrapping.NONCE_BYTES, 24),
        (wrapping.OVERHEAD_BYTES, 41),
        (double_ratchet.SLOT_BYTES, 36),
        (keys.SEED_BYTES, 32),
    ],
)
def test_lengths_are_those_of_the_formats(found: int, written: int) -> None:
    assert found == written


@pytest.mark.parametrize(
    ("found", "written"),
    [
        (double_ratchet.SKIP_MAX, 1_000),
        (double_ratchet.SKIPPED_MAX, 2_000),
        (double_ratchet.SKIPPED_AGE_MS, 67 * DAY_MS),
        (sessions.SESSIONS_MAX, 8),
        (sessions.INITIAL_HEADER_BYTES_MAX, 2_048),
        (certificates.DEVICES_MAX, 16),
        (prekeys.SIGNED_PREKEY_ROTATION_MS, 7 * DAY_MS),
        (prekeys.UNANSWERED_MS_MAX, 7 * DAY_MS),
        (prekeys.PREKEY_KEPT_MS, 74 * DAY_MS),
    ],
)
def test_limits_are_those_that_their_reasons_give(found: int, written: int) -> None:
    assert found == written


def test_buckets_are_those_that_every_device_pads_to() -> None:
    sizes = (40, 56, 80, 112, 160, 224, 320, 448, 640, 896, 1280, 1792, 2560, 3584, 5120, 7168, 10240, 14336)
    assert sizes == padding.BUCKETS
    assert padding.CONTENT_BYTES_MAX == 14_335
