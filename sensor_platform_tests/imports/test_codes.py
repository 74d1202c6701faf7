"""Texts as numbers."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.imports.codes import Codes

texts = st.lists(st.none() | st.sampled_from(["b", "a", "", "ü"]), max_size=12)


@settings(max_examples=50, deadline=None)
@given(st.lists(texts, max_size=4))
def test_numbers_lead_back_to_their_texts_over_several_batches(batches: list[list[str | None]]) -> None:
    codes = Codes()
    numbered = [codes.of(pl.Series("x", some, dtype=pl.String)) for some in batches]
    known = codes.texts()
    for some, numbers in zip(batches, numbered, strict=True):
        assert [None if number is None else known[number] for number in numbers.to_list()] == some
    assert len(set(known)) == len(known)
    assert [known[number] for number in codes.ranks().argsort().tolist()] == sorted(known)


def test_one_text_has_its_number_too() -> None:
    codes = Codes()
    assert [codes.one("a"), codes.one("b"), codes.one("a")] == [0, 1, 0]
    assert codes.of(pl.Series(["b", "b"])).to_list() == [1, 1]
