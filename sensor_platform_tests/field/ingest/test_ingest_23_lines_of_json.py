"""Several JSON documents in one message, one a line."""

from pathlib import Path

from sensor_platform_tests.field.ingest.landed import case_contracts, case_messages
from sensor_platform_tests.field.ingest.rig import land_where_accepted

AS_TODAY = case_contracts("ingest-23")
LINES = ("name: logger\ntopic: sensors/#\nencoding: ndjson\n",)  # the name is completed by the change that adds it


def test_ingest_23_each_line_is_a_reading(tmp_path: Path) -> None:
    found = land_where_accepted(tmp_path, case_messages("ingest-23"), AS_TODAY, LINES)
    assert [21.5, 21.6] in [landed.values("temp") for landed in found], found[0].refused


def test_ingest_23_one_document_over_several_lines_is_one_reading(tmp_path: Path) -> None:
    (landed,) = land_where_accepted(tmp_path, [("sensors/logger", b'{\n"ts":1735640000,\n"temp":21.5\n}\n')], AS_TODAY)
    assert (landed.values("temp"), landed.refused) == ([21.5], [])
