"""Texts as numbers: names repeat by the million, and numbers sort and copy far faster than text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl


@dataclass(slots=True)
class TextCodes:
    """Texts by number, in order of first appearance."""

    numbers: dict[str, int] = field(default_factory=dict)

    def of(self, texts: Sequence[str]) -> list[int]:
        """The number of each text."""
        numbers = self.numbers
        for text in dict.fromkeys(texts):
            numbers.setdefault(text, len(numbers))
        return [numbers[text] for text in texts]

    def of_series(self, texts: pl.Series) -> pl.Series:
        """The number of each text, null where it is null."""
        distinct = texts.unique(maintain_order=True).drop_nulls().to_list()
        numbers = self.numbers
        for text in distinct:
            numbers.setdefault(text, len(numbers))
        if len(distinct) == 1 and not texts.has_nulls():
            return pl.repeat(numbers[distinct[0]], len(texts), dtype=pl.UInt32, eager=True).alias(texts.name)
        ranks = pl.Series(distinct, dtype=pl.String)
        codes = texts.cast(pl.Enum(ranks)).to_physical()
        return pl.Series([numbers[text] for text in distinct], dtype=pl.UInt32).gather(codes).alias(texts.name)

    def one(self, text: str) -> int:
        """The number of one text."""
        return self.numbers.setdefault(text, len(self.numbers))

    def texts(self) -> list[str]:
        """The texts by number."""
        return list(self.numbers)

    def series(self) -> pl.Series:
        """The texts by number, as a column."""
        return pl.Series(self.texts(), dtype=pl.String)

    def ranks(self) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        """The rank of each number in the order of the texts."""
        texts = self.texts()
        ranks = np.empty(len(texts), np.int64)
        ranks[sorted(range(len(texts)), key=texts.__getitem__)] = np.arange(len(texts))
        return ranks


@dataclass(slots=True)
class TagCodes:
    """Distinct tag maps of a segment by number."""

    numbers: dict[tuple[tuple[str, str], ...], int] = field(default_factory=lambda: {(): 0})

    def of(self, tag_sets: Iterable[tuple[tuple[str, str], ...]]) -> list[int]:
        """The number of each tag set."""
        return [self.numbers.setdefault(tags, len(self.numbers)) for tags in tag_sets]

    def series(self) -> pl.Series:
        """The maps by number, as a column."""
        return pl.Series([dict(tags) for tags in self.numbers], dtype=pl.Map(pl.String, pl.String))
