"""Qualities in the words of the tables."""

import pytest

from sensor_platform.reading.model import Reading
from sensor_platform.reading.qualities import quality_of
from sensor_platform.reading.sources import QualitySource
from sensor_platform_tests.reading.conftest import Decode


@pytest.mark.parametrize(
    ("text", "source", "quality"),
    [
        ("false", QualitySource(), "bad"),
        ("true", QualitySource(), "good"),
        ("Bad", QualitySource(), "Bad"),
        ("Questionable", QualitySource(), "uncertain"),
        ("NOT_OK", QualitySource(), "bad"),
        ("OK", QualitySource(), "good"),
        ("class 7", QualitySource(), "uncertain"),
        ("0", QualitySource(), "uncertain"),
        ("192", QualitySource(), "uncertain"),
        (None, QualitySource(codes="opc_da"), None),
        ("192", QualitySource(codes="opc_da"), "good"),
        ("216", QualitySource(codes="opc_da"), "good"),
        ("64", QualitySource(codes="opc_da"), "uncertain"),
        ("0", QualitySource(codes="opc_da"), "bad"),
        ("0", QualitySource(codes="opc_ua"), "good"),
        ("2147483648", QualitySource(codes="opc_ua"), "bad"),
        ("1083179008", QualitySource(codes="opc_ua"), "uncertain"),
        ("x", QualitySource(codes="opc_ua"), "uncertain"),
        ("OK", QualitySource(values={"ok": "good"}), "good"),
        ("0", QualitySource(values={0: "bad"}), "bad"),
        ("true", QualitySource(values={True: "bad"}), "bad"),
        ("other", QualitySource(values={0: "bad"}), "uncertain"),
    ],
)
def test_a_word_means_what_the_contract_says(text: str | None, source: QualitySource, quality: str | None) -> None:
    assert quality_of(text, source) == quality


@pytest.mark.parametrize(
    ("fields", "quality", "tags"),
    [
        ({"quality": "questionable"}, "uncertain", {"original_quality": "questionable"}),
        ({"quality": "BAD"}, "BAD", {}),
        ({"quality": "Invalid"}, "bad", {"original_quality": "Invalid"}),
        ({"quality": "bad"}, "bad", {}),
        ({"metric": "t", "value": 1, "quality": 0}, "uncertain", {"original_quality": "0"}),
        ({}, None, {}),
    ],
)
def test_a_word_without_a_table_is_not_judged_good_and_is_kept(
    decode: Decode, fields: dict[str, object], quality: str | None, tags: dict[str, str]
) -> None:
    (reading,) = decode({"t": 1, **fields} if "metric" not in fields else fields)
    assert isinstance(reading, Reading)
    assert (reading.quality, dict(reading.tags)) == (quality, tags)
