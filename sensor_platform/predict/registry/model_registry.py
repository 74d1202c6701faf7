"""The registry of one kind of model: a folder of versions per model name, of which one is the champion.

Forecasters and the models of supervised tasks are two instances. What differs between them is passed in: how folders
are named, the type of the card, and how the files of a version become a model.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec

from sensor_platform.home import Home
from sensor_platform.kernel.clock import EPOCH
from sensor_platform.predict.registry import champions, training_notes, version_files
from sensor_platform.predict.registry.champions import ChampionPeriod, Champions
from sensor_platform.predict.registry.training_notes import ASKED, WAITING, TrainingNote
from sensor_platform.predict.registry.version_files import OtherInputs, Unusable

_ALWAYS = EPOCH


class ModelCard(Protocol):
    """What the registry reads of a card, which is a msgspec struct."""

    @property
    def version(self) -> str:
        """Name of the version."""

    @property
    def trained_to(self) -> datetime | None:
        """Newest hour that training has seen, aware UTC; None where it has seen no data of this site."""

    @property
    def files(self) -> dict[str, str]:
        """SHA-256 of each file of the version, by name."""


C = TypeVar("C", bound=ModelCard)
M = TypeVar("M")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRegistry(Generic[C, M, R]):
    """Versions of one kind of model with cards C, loaded models M, and rules R that a champion period may hold."""

    prefix: str
    """Put before a model's name before its folder is named; keeps the folders of two kinds apart."""
    card_type: type[C]
    champions_type: type[Champions[R]]
    name_of: Callable[[C], str]
    """Name of the model that a card belongs to."""
    read: Callable[[str, C, Callable[[str], bytes]], M]
    """Makes the model of its id, its card, and a function that returns the verified contents of a file by name.

    Raises ValueError or KeyError where the contents are not a model of that card.
    """

    def folder(self, home: Home, name: str) -> Path:
        """Folder of a model, which need not exist."""
        return home.models / version_files.folder_name(self.prefix + name)

    def model_id(self, name: str, version: str) -> str:
        """`<folder>/<version>`, which the rows made by a version carry."""
        return f"{version_files.folder_name(self.prefix + name)}/{version}"

    def names(self, home: Home) -> tuple[str, ...]:
        """Models that have a version with a readable card, by name."""
        found = set()
        start = version_files.slug(self.prefix)
        for path in home.models.glob(f"{start}-*/*/{version_files.CARD}" if start else f"*/*/{version_files.CARD}"):
            try:
                name = self.name_of(msgspec.json.decode(path.read_bytes(), type=self.card_type))
            except (OSError, msgspec.DecodeError):
                continue  # another kind's, or damaged: `card_of` reports that when it is asked for
            if self.folder(home, name) == path.parents[1]:
                found.add(name)
        return tuple(sorted(found))

    def versions(self, home: Home, name: str) -> tuple[str, ...]:
        """Complete versions of a model, oldest first."""
        return version_files.complete_versions(self.folder(home, name))

    def save(self, home: Home, card: C, contents: Mapping[str, bytes]) -> Path:
        """Write a version durably; saving the same version again changes nothing.

        Args:
            home: data folder.
            card: with the name of the version; `files` is filled in here.
            contents: the version's files by name.

        Raises:
            Unreachable: the folder cannot be written.
        """
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
        complete = msgspec.structs.replace(card, files=digests)  # type: ignore[type-var] # a struct; protocols cannot ask
        encoded = msgspec.json.encode(complete)
        written = msgspec.json.format(encoded, indent=2) + b"\n"
        return version_files.write_version(home, self.folder(home, self.name_of(card)), card.version, contents, written)

    def card_of(self, home: Home, name: str, version: str, digest: str | None = None) -> C:
        """The card of a version, without its model files.

        Args:
            home: data folder.
            name: of the model.
            version: name of the version.
            digest: SHA-256 that the card must have; None: any.

        Raises:
            OtherInputs: it is the card that `digest` is of, and a release wrote it whose cards were others.
            Unusable: there is none, it is damaged, or it belongs to another model.
        """
        folder = self.folder(home, name) / version_files.checked(version)
        path = folder / version_files.CARD
        data = version_files.verified(folder, path.name, digest) if digest else version_files.read_bytes(path)
        try:
            card = msgspec.json.decode(data, type=self.card_type)
        except msgspec.DecodeError as error:
            if digest:  # it is what was promoted
                raise OtherInputs(
                    f"model {self.model_id(name, version)} is of another release: its card has {error}",
                    "train again; the old version stays on disk",
                ) from error
            raise version_files.damaged(path, str(error)) from error
        if self.name_of(card) != name or card.version != version:
            raise version_files.damaged(path, "it is the card of another model")
        return card

    def load(self, home: Home, name: str, version: str, digest: str | None = None) -> M:
        """A version, with the hash of each file checked before it is parsed; arguments as of `card_of`.

        Raises:
            OtherInputs: it was trained on another feature schema, or by another release.
            Unusable: something is missing, changed, or belongs to another model.
        """
        card = self.card_of(home, name, version, digest)
        folder = self.folder(home, name) / version
        try:
            return self.read(
                self.model_id(name, version),
                card,
                lambda file: version_files.verified(folder, file, card.files.get(file)),
            )
        except (ValueError, KeyError, msgspec.DecodeError) as error:
            raise version_files.damaged(folder, str(error)) from error

    def read_file(self, home: Home, name: str, version: str, file: str) -> bytes | None:
        """Verified contents of a file that is not needed for predictions; None where the card does not list it.

        Raises:
            Unusable: the card or the file is not what was written.
        """
        card = self.card_of(home, name, version)
        if file not in card.files:
            return None
        return version_files.verified(self.folder(home, name) / version, file, card.files[file])

    def champion_periods(self, home: Home, name: str) -> tuple[ChampionPeriod[R], ...]:
        """Every promotion of a model, oldest first; the last one is the champion's.

        Raises:
            Unusable: the history is damaged.
        """
        return champions.read_champions(self.folder(home, name), self.champions_type)

    def champion_card(self, home: Home, name: str) -> C | None:
        """The verified card of the champion; reads two small files. None without a champion.

        Raises:
            Unusable: history or card is damaged.
        """
        periods = self.champion_periods(home, name)
        return self.card_of(home, name, periods[-1].version, periods[-1].card_sha256) if periods else None

    def load_champion(self, home: Home, name: str) -> M | None:
        """The champion of a model, verified; None without one.

        Raises:
            Unusable: history, card or a model file is not what was promoted.
        """
        periods = self.champion_periods(home, name)
        return self.load(home, name, periods[-1].version, periods[-1].card_sha256) if periods else None

    def promote(
        self, home: Home, name: str, version: str, now: datetime, why: str, rules: tuple[R, ...] = ()
    ) -> ChampionPeriod[R]:
        """Make a version the champion, atomically. The same version again adjusts, an older one rolls back.

        The first champion serves every hour that it has not learnt from; a later one serves what is issued from `now`
        on, so that a prediction once issued is never made again by a younger model.

        Raises:
            Unusable: that version, or the history, is missing or damaged.
            Unreachable: the folder cannot be written.
        """
        self.load(home, name, version)
        first = self.card_of(home, name, version).trained_to or _ALWAYS
        return champions.append_champion(self.folder(home, name), self.champions_type, version, first, now, why, rules)

    def fall_back(
        self, home: Home, name: str, periods: Sequence[ChampionPeriod[R]], why: str, now: datetime
    ) -> ChampionPeriod[R] | None:
        """Replace a champion that cannot be used by the newest earlier one that can; None where there is none."""
        sound = next(
            (period for period in champions.earlier_champions(periods) if self._is_sound(home, name, period)), None
        )
        if sound is None:
            return None
        return self.promote(home, name, sound.version, now, f"rolled back: {why}", sound.rules)

    def _is_sound(self, home: Home, name: str, period: ChampionPeriod[R]) -> bool:
        try:
            self.load(home, name, period.version, period.card_sha256)
        except Unusable:
            return False
        return True

    def sound_periods(self, home: Home, name: str, now: datetime) -> tuple[ChampionPeriod[R], ...]:
        """Champion periods of a model, after a damaged champion was replaced, so that scoring goes on.

        A champion of another feature schema stays: training replaces it.

        Raises:
            Unusable: the history is damaged.
        """
        periods = self.champion_periods(home, name)
        try:
            if periods:
                self.load(home, name, periods[-1].version, periods[-1].card_sha256)
        except OtherInputs:
            return periods
        except Unusable as error:
            after = self.fall_back(home, name, periods, error.message, now)
            return (*periods, after) if after else periods
        return periods

    def ask_training(self, home: Home, name: str, since: datetime, now: datetime, reason: str) -> None:
        """Ask for a new model, unless that was done since `since`, when the champion was made."""
        earlier = self.asked(home, name)
        if earlier is None or earlier.asked_at < since:
            training_notes.write_note(self.folder(home, name), ASKED, now, reason)

    def asked(self, home: Home, name: str) -> TrainingNote | None:
        """The newest request for a training; None without a readable one."""
        return training_notes.read_note(self.folder(home, name), ASKED)

    def note_waiting(self, home: Home, name: str, now: datetime, reason: str) -> None:
        """Record that a training did not find enough to learn from."""
        training_notes.write_note(self.folder(home, name), WAITING, now, reason)

    def waiting(self, home: Home, name: str) -> TrainingNote | None:
        """The newest such record; None without a readable one."""
        return training_notes.read_note(self.folder(home, name), WAITING)
