"""Texts that stand for a number under `strings: auto`."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.kernel.clock import to_micros
from sensor_platform.reading.batch import MessageBatch, TimeLimits
from sensor_platform.reading.contract import Contract
from sensor_platform.reading.decode import Decoder
from sensor_platform.reading.spoken import number_of

NOW = to_micros(datetime(2026, 11, 1, tzinfo=UTC))


def read(text: str) -> tuple[list[tuple[float | None, str | None]], list[str]]:
    """Values and texts, and rules, of a message with this text."""
    contract = Contract(name="a", topic="#", strings="auto")
    batch = MessageBatch(["a/b"], [b'{"m": "%s"}' % text.encode()], [NOW])
    decoded = Decoder((contract,), TimeLimits(0, 10**9)).decode(batch)
    found = [
        (block.value[0] if block.value else None, block.text[0] if block.text else None) for block in decoded.blocks
    ]
    return found, [why.rule for _, why in decoded.rejected]


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("23.4", (23.4, None)),
        ("-5", (-5.0, None)),
        ("1.10", (1.1, "1.10")),
        ("ON", (1.0, "ON")),
        ("offline", (0.0, "offline")),
        ("007", (None, "007")),
        ("8931440400012345678", (None, "8931440400012345678")),
        ("idle", (None, "idle")),
    ],
)
def test_numbers_and_words_of_two_states_are_numbers(text: str, reading: tuple[float | None, str | None]) -> None:
    assert read(text) == ([reading], [])


@pytest.mark.parametrize("text", ["22,1", "85 %", "12 V", "16 829"])
def test_what_looks_like_a_number_in_another_notation_is_refused(text: str) -> None:
    assert read(text) == ([], ["not_a_number"])


@given(st.text(max_size=20))
def test_a_number_is_the_one_that_python_reads_and_loses_no_digit(text: str) -> None:
    found = number_of(text)
    if found is not None and found[1] is None:
        assert float(text) == found[0]
        assert text.strip() in {repr(found[0]), repr(found[0]).removesuffix(".0")}
