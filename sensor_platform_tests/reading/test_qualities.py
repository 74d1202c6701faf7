"""Qualities in the words of the tables."""

import pytest

from sensor_platform.reading.qualities import quality_of
from sensor_platform.reading.sources import QualitySource


@pytest.mark.parametrize(
    ("text", "source", "quality"),
    [
        ("false", QualitySource(), "bad"),
        ("true", QualitySource(), "good"),
        ("Bad", QualitySource(), "Bad"),
        ("192", QualitySource(), "192"),
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
