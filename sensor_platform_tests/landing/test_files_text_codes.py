"""Texts as numbers."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.landing.files.text_codes import TagCodes, TextCodes

texts = st.lists(st.none() | st.sampled_from(["b", "a", "", "ü"]), max_size=12)


@settings(max_examples=50, deadline=None)
@given(st.lists(texts, max_size=4))
def test_numbers_lead_back_to_their_texts_over_several_batches(batches: list[list[str | None]]) -> None:
    codes = TextCodes()
    numbered = [codes.of_series(pl.Series("x", some, dtype=pl.String)) for some in batches]
    known = codes.texts()
    for some, numbers in zip(batches, numbered, strict=True):
        assert [None if number is None else known[number] for number in numbers.to_list()] == some
    assert len(set(known)) == len(known)
    assert [known[number] for number in codes.ranks().argsort().tolist()] == sorted(known)


def test_one_text_has_its_number_too() -> None:
    codes = TextCodes()
    assert [codes.one("a"), codes.one("b"), codes.one("a")] == [0, 1, 0]
    assert codes.of_series(pl.Series(["b", "b"])).to_list() == [1, 1]


def test_names_have_numbers_and_ranks() -> None:
    names = TextCodes()
    b, a = names.of(["b"])[0], names.of(["a"])[0]
    assert names.of(["a", "b", "a"]) == [a, b, a]
    assert (names.series().gather([a, b]).to_list(), names.ranks()[[a, b]].tolist()) == (["a", "b"], [0, 1])


def test_equal_tags_have_one_number_and_none_is_the_first() -> None:
    tags = TagCodes()
    assert tags.of([(("k", "v"),), (), (("k", "v"),)]) == [1, 0, 1]
    assert len(tags.series()) == 2


def test_texts_are_numbered_in_the_order_in_which_they_appear() -> None:
    names = [f"d{number}" for number in range(100)]
    assert TextCodes().of(names) == list(range(100))
    assert TextCodes().of_series(pl.Series(["d0", None, *names, "d0"])).to_list() == [0, None, *range(100), 0]
