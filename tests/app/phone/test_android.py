"""A desktop is no phone."""

import pytest

from onebar_app.phone.android import ON_ANDROID, activity, java


def test_there_is_no_java_here() -> None:
    assert not ON_ANDROID
    with pytest.raises(ImportError):
        java("java.lang.String")
    with pytest.raises(ImportError):
        activity()
