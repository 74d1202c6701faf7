"""Champion history of a model: `champion.json`, which version is served since when, and why.

The file holds the SHA-256 of each champion's card and is replaced by rename.
"""

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from sensor_platform.kernel import durable
from sensor_platform.kernel.locks import LockFile
from sensor_platform.predict.registry.version_files import CARD, CHAMPION, damaged, is_version, writing

R = TypeVar("R")


class ChampionPeriod(msgspec.Struct, Generic[R], frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One promotion, adjustment or rollback of a model. Times are aware UTC."""

    version: str
    card_sha256: str
    serves_from: datetime
    """First moment of issue that this version serves."""
    promoted_at: datetime
    why: str
    rules: tuple[R, ...] = ()
    """Rules that the live record changed, used instead of the card's; empty: the card's rules are used."""


class Champions(msgspec.Struct, Generic[R], frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`champion.json`."""

    periods: tuple[ChampionPeriod[R], ...] = msgspec.field(name="reigns")
    """Oldest first; the last one is the champion's."""


def champion_at(periods: Sequence[ChampionPeriod[R]], issued_at: datetime) -> ChampionPeriod[R]:
    """The period that serves `issued_at`: the newest one begun by then, or the first one for earlier moments."""
    begun = [period for period in periods if period.serves_from <= issued_at]
    return begun[-1] if begun else periods[0]


def takeovers(periods: Sequence[ChampionPeriod[R]]) -> tuple[ChampionPeriod[R], ...]:
    """Periods whose version differs from the one before, newest first; adjustments of a champion are left out."""
    return tuple(next(group) for _, group in itertools.groupby(periods, key=lambda period: period.version))[::-1]


def earlier_champions(periods: Sequence[ChampionPeriod[R]]) -> Iterator[ChampionPeriod[R]]:
    """Periods of other versions than the champion, newest first: the candidates of a rollback."""
    return (period for period in reversed(periods) if period.version != periods[-1].version)


def read_champions(folder: Path, form: type[Champions[R]]) -> tuple[ChampionPeriod[R], ...]:
    """Champion history of a model, oldest first; empty where no version was promoted.

    Args:
        folder: folder of the model.
        form: type of the file, with the type of its rules.

    Raises:
        Unusable: the file is damaged.
    """
    path = folder / CHAMPION
    try:
        periods = msgspec.json.decode(path.read_bytes(), type=form).periods
    except FileNotFoundError:
        return ()
    except msgspec.DecodeError as error:
        raise damaged(path, str(error)) from error
    if not periods or not all(is_version(period.version) for period in periods):
        raise damaged(path, "it does not name a version")
    return periods


def append_champion(
    folder: Path,
    form: type[Champions[R]],
    version: str,
    first_serves_from: datetime,
    now: datetime,
    why: str,
    rules: tuple[R, ...] = (),
) -> ChampionPeriod[R]:
    """Make a version that was verified the champion of its folder, atomically.

    Args:
        folder: folder of the model.
        form: type of the file, with the type of its rules.
        version: the new champion.
        first_serves_from: first moment it serves if it is the first champion; a later champion serves from `now` on.
        now: aware UTC.
        why: the reason, shown to people.
        rules: see ChampionPeriod.

    Raises:
        Unusable: the history is damaged.
        Unreachable: the folder cannot be written.
    """
    digest = durable.sha256(folder / version / CARD)
    with writing(folder / CHAMPION), _locked(folder):
        earlier = read_champions(folder, form)
        since = now if earlier else first_serves_from
        period = ChampionPeriod(
            version=version, card_sha256=digest, serves_from=since, promoted_at=now, why=why, rules=rules
        )
        written = msgspec.json.encode(Champions(periods=(*earlier, period)))
        durable.write_file(folder / CHAMPION, msgspec.json.format(written, indent=2) + b"\n")
    return period


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One promotion at a time: the history is read, extended and replaced."""
    with LockFile(folder / ".lock") as lock:
        lock.take(wait=True)
        yield
