"""JSON with the NUL that ends a C string (or one before it): NUL around the document is not content."""

from pathlib import Path

import pytest

from sensor_platform_tests.field.ingest.landed import case_messages
from sensor_platform_tests.field.ingest.rig import land

TRAILING, LEADING = (payload for _, payload in case_messages("ingest-13"))


@pytest.mark.parametrize(
    "payload",
    [TRAILING, LEADING, b'{"temp":21.5}\n\0', b'{"temp":21.5}' + b"\0" * 50],
    ids=["trailing", "leading", "after a line break", "a whole buffer"],
)
def test_ingest_13_nul_around_the_document_is_not_content(tmp_path: Path, payload: bytes) -> None:
    landed = land(tmp_path, [("sensors/arduino", payload)])
    assert (landed.values("temp"), landed.refused) == ([21.5], [])


@pytest.mark.parametrize("payload", [b'{"temp"\0:21.5}', b'{"temp":21.5}\0{"temp":21.6}', b"\0\0"])
def test_ingest_13_nul_elsewhere_is_refused(tmp_path: Path, payload: bytes) -> None:
    landed = land(tmp_path, [("sensors/arduino", payload)])
    assert [refusal.scope for refusal in landed.refused] == ["message"]
    assert landed.rows == []
