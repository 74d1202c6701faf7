"""The quality that a source gives to its values, in the words of the tables: `good`, `uncertain`, `bad`."""

from collections.abc import Sequence
from functools import lru_cache

from sensor_platform.reading.sources import Quality, QualitySource

_OWN: dict[str, Quality] = {
    **dict.fromkeys(("true", "good", "ok", "okay", "valid", "normal", "fine", "excellent"), "good"),
    **dict.fromkeys(("uncertain", "questionable", "suspect", "doubtful", "estimated", "stale", "unknown"), "uncertain"),
    **dict.fromkeys(
        ("false", "bad", "invalid", "error", "fault", "faulty", "failed", "failure", "nok", "not ok"), "bad"
    ),
}
"""What words mean without a table, in small letters and with blanks for `_` and `-`. Every other is uncertain."""
ORIGINAL_QUALITY = "original_quality"
"""Tag of the readings whose quality is another word than the source wrote."""
_OPC_DA: tuple[Quality, ...] = ("bad", "uncertain", "uncertain", "good")
_OPC_UA: tuple[Quality, ...] = ("good", "uncertain", "bad", "bad")


def quality_of(text: str | None, source: QualitySource) -> str | None:
    """What the contract says that a quality means; without a table, what well-known words do."""
    if text is None:
        return None
    if source.codes is not None:
        return _of_code(text, source.codes)
    folded = text.strip().lower()
    if not source.values and folded in _OWN.values():
        return text
    if not source.values:
        return _OWN.get(folded.replace("_", " ").replace("-", " "), "uncertain")
    return _table(tuple(source.values.items())).get(folded, "uncertain")


def original_words(texts: Sequence[str | None], source: QualitySource) -> list[str | None] | None:
    """The words of a source without a table that are not `good`, `uncertain` or `bad`; None where there are none."""
    if source.is_stated or not any(texts):
        return None
    words = [
        text if text is not None and text.strip().lower() not in {*_OWN.values(), "true", "false"} else None
        for text in texts
    ]
    return words if any(words) else None


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
