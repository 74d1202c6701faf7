"""The refusal of stores that a newer version wrote."""

import pytest

from sensor_platform.errors import WrongUse
from sensor_platform.kernel.store_format import refuse_newer


@pytest.mark.parametrize("found", [0, 1, 2])
def test_known_formats_pass(found: int) -> None:
    refuse_newer("the store", found, 2, None)


def test_a_newer_format_is_refused_with_the_version_to_install() -> None:
    with pytest.raises(
        WrongUse, match=r"the store has format 3, written by sensor-platform 9\.1; .* up to 2"
    ) as refused:
        refuse_newer("the store", 3, 2, "9.1")
    assert refused.value.hint.startswith("install sensor-platform 9.1 or later")
    with pytest.raises(WrongUse, match="written by a newer sensor-platform"):
        refuse_newer("the store", 3, 2, None)
