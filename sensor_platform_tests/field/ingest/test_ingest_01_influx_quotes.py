"""Quotes and comments of Influx line protocol: nothing may vanish without a refusal."""

from pathlib import Path

import pytest

from sensor_platform_tests.field.ingest.landed import case_contracts, case_messages
from sensor_platform_tests.field.ingest.rig import land

CONTRACTS = case_contracts("ingest-01")


def test_ingest_01_a_comment_with_one_quote_ends_at_its_line(tmp_path: Path) -> None:
    landed = land(tmp_path, case_messages("ingest-01", "input-1.lp"), CONTRACTS)
    assert (landed.values("v"), landed.refused) == ([1.0, 2.0, 3.0], [])


def test_ingest_01_a_quote_in_a_tag_value_is_a_character_of_it(tmp_path: Path) -> None:
    landed = land(tmp_path, case_messages("ingest-01", "input-2.lp"), CONTRACTS)
    found = [(row.device, row.value, row.tags["size"]) for row in landed.of("used")]
    assert (found, landed.refused) == ([("srv1", 1.0, '3.5"'), ("srv1", 2.0, "5")], [])


@pytest.mark.parametrize(
    "line",
    ['m"x,host=a v=1', 'm,host=a,si"ze=5 v=1', 'm,host=a"b v=1', 'm,host=a v"=1'],
    ids=["measurement", "tag key", "device", "field key"],
)
def test_ingest_01_a_quote_outside_a_field_value_hides_no_later_line(tmp_path: Path, line: str) -> None:
    payload = f"{line} 1735640000000000000\nm,host=b w=2 1735640001000000000\n".encode()
    landed = land(tmp_path, [("tg/x", payload)], CONTRACTS)
    assert landed.values("w") == [2.0], landed.refused
    assert len(landed.rows) == 2, landed.rows


@pytest.mark.parametrize(
    ("value", "text"),
    [('"a\n# b"', "a\n# b"), (r'"3.5\" wide"', '3.5" wide'), ('"a,b=c d"', "a,b=c d")],
    ids=["line break and hash", "escaped quote", "comma, equals sign and space"],
)
def test_ingest_01_quotes_hold_a_text_value_together(tmp_path: Path, value: str, text: str) -> None:
    payload = f"m,host=a s={value} 1735640000000000000\nm,host=a w=2 1735640001000000000\n".encode()
    landed = land(tmp_path, [("tg/x", payload)], CONTRACTS)
    assert [row.text for row in landed.of("s")] == [text]
    assert (landed.values("w"), landed.refused) == ([2.0], [])
