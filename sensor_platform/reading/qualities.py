"""The quality that a source gives to its values, in the words of the tables: `good`, `uncertain`, `bad`."""

from collections.abc import Sequence
from functools import lru_cache

from sensor_platform.reading.sources import Quality, QualitySource

_OWN = {"true": "good", "false": "bad"}
_OPC_DA: tuple[Quality, ...] = ("bad", "uncertain", "uncertain", "good")
_OPC_UA: tuple[Quality, ...] = ("good", "uncertain", "bad", "bad")


def quality_of(text: str | None, source: QualitySource) -> str | None:
    """What the contract says that a quality means; without a table the text itself, booleans apart."""
    if text is None:
        return None
    if source.codes is not None:
        return _of_code(text, source.codes)
    folded = text.strip().lower()
    if not source.values:
        return _OWN.get(folded, text)
    return _table(tuple(source.values.items())).get(folded, "uncertain")


def with_booleans(texts: Sequence[str | None], columns: Sequence[Sequence[object]]) -> list[str | None]:
    """The texts, and where there is none the first boolean of these columns."""
    booleans = [next((value for value in row if isinstance(value, bool)), None) for row in zip(*columns, strict=True)]
    return [
        text if text is not None or boolean is None else "true" if boolean else "false"
        for text, boolean in zip(texts, booleans, strict=True)
    ]


@lru_cache(maxsize=1000)
def _table(items: tuple[tuple[str | int | bool, Quality], ...]) -> dict[str, Quality]:
    return {str(word).strip().lower(): quality for word, quality in items}


def _of_code(text: str, codes: str) -> Quality:
    try:
        code = int(text)
    except ValueError:
        return "uncertain"
    return _OPC_DA[code >> 6 & 3] if codes == "opc_da" else _OPC_UA[code >> 30 & 3]
