"""Registry of the forecasters: a folder of versions per metric, in the form that `store` describes."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from sensor_platform.home import Home
from sensor_platform.kernel import durable
from sensor_platform.predict.features.matrix import Layout
from sensor_platform.predict.forecast import model_card as cards
from sensor_platform.predict.forecast import model_files
from sensor_platform.predict.forecast.candidates.forecaster import Forecaster
from sensor_platform.predict.forecast.model_card import Card
from sensor_platform.predict.forecast.selection.adjust import BucketRule
from sensor_platform.predict.forecast.selection.forecast_record import Record
from sensor_platform.predict.registry import version_store

_WAITING = "waiting.json"
_ASKED = "asked.json"

Reign = version_store.Reign
Unusable = version_store.Unusable
folder_name = version_store.folder_name
version_name = version_store.version_name
in_charge = version_store.in_charge
created_at = version_store.created_at


class Waited(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`waiting.json` and `asked.json`: when and why a training found too little, or was asked for. A hint."""

    asked_at: datetime
    reason: str


class OtherInputs(Unusable):
    """A sound model, made for features that are computed no more."""


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded and verified version."""

    model_id: str
    """`<name>/<version>`; what prediction rows carry."""
    card: Card
    forecaster: Forecaster


def model_id(metric: str, version: str) -> str:
    """What prediction rows carry."""
    return f"{folder_name(metric)}/{version}"


def save(home: Home, card: Card, contents: Mapping[str, bytes]) -> Path:
    """Write a version durably, card last; saving the same version again changes nothing.

    Args:
        home: data folder.
        card: with the name of the version; `files` is filled in here.
        contents: the version's files by name.
    """
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    encoded = cards.encode(msgspec.structs.replace(card, files=digests))
    return version_store.write_version(home, home.models / folder_name(card.metric), card.version, contents, encoded)


def promote(
    home: Home, metric: str, version: str, now: datetime, why: str, rules: tuple[BucketRule, ...] = ()
) -> Reign:
    """Make `version` the champion of `metric`, atomically. The same version again adjusts, an older one rolls back.

    The first model serves every forecast of an hour that it has not seen; a later one serves what is issued from `now`
    on, so that a forecast once issued is never made again by a younger model.

    Raises:
        Unusable: that version, or the pointer to the earlier ones, is missing or damaged.
    """
    card = load(home, metric, version).card
    return version_store.crown(home.models / folder_name(metric), version, card.trained_to, now, why, rules)


def fall_back(home: Home, metric: str, found: Sequence[Reign], why: str, now: datetime) -> Reign | None:
    """Put the newest sound version before a champion in charge that is Unusable; None where there is none.

    Args:
        home: data folder.
        metric: its name.
        found: its reigns.
        why: what is wrong with the champion.
        now: aware UTC.
    """
    before = version_store.sound_before(found, lambda each: load(home, metric, each.version, each.card_sha256))
    return promote(home, metric, before.version, now, f"rolled back: {why}", before.rules) if before else None


def reigns(home: Home, metric: str) -> tuple[Reign, ...]:
    """Every promotion of `metric`, oldest first; the last one is the champion.

    Raises:
        Unusable: the pointer is damaged.
    """
    return version_store.read_reigns(home.models / folder_name(metric))


def champion_card(home: Home, metric: str) -> Card | None:
    """The verified card of the champion without its models: two small files read, no LightGBM.

    Raises:
        Unusable: pointer or card is damaged.
    """
    found = reigns(home, metric)
    return _card(home, metric, found[-1].version, found[-1].card_sha256) if found else None


def load_champion(home: Home, metric: str) -> Model | None:
    """The champion of `metric`, verified, or None.

    Raises:
        Unusable: pointer, card or a model file is not what was promoted.
    """
    found = reigns(home, metric)
    return load(home, metric, found[-1].version, found[-1].card_sha256) if found else None


def load(home: Home, metric: str, version: str, card_sha256: str | None = None) -> Model:
    """One version, with every hash checked before LightGBM sees a byte.

    Raises:
        OtherInputs: it was made for other features.
        Unusable: something is missing, changed, or of another metric.
    """
    card = _card(home, metric, version, card_sha256)
    folder = home.models / folder_name(metric) / version
    layout = Layout(others=card.others)
    if card.inputs_sha256 != layout.sha256:
        raise OtherInputs(f"model {folder} was made for other features", "train again; the old version stays on disk")
    wanted = {name: digest for name, digest in card.files.items() if name != model_files.RECORD}
    contents = {
        name: version_store.verified(folder / version_store.plain_name(name), digest) for name, digest in wanted.items()
    }
    try:
        loaded = model_files.read(card, contents, layout)
    except (ValueError, KeyError, msgspec.ValidationError, msgspec.DecodeError) as error:
        raise version_store.damaged(folder, str(error)) from error
    return Model(model_id=model_id(metric, version), card=card, forecaster=loaded)


def load_record(home: Home, metric: str, version: str) -> Record | None:
    """What a version's backtest forecast and what came; None if it kept none.

    Raises:
        Unusable: it is not what was written.
    """
    card = _card(home, metric, version, None)
    if model_files.RECORD not in card.files:
        return None
    path = home.models / folder_name(metric) / version / model_files.RECORD
    return model_files.read_record(version_store.verified(path, card.files[model_files.RECORD]))


def card_of(home: Home, metric: str, version: str, card_sha256: str | None = None) -> Card:
    """The card of any version, checked to be that version's, without its models.

    Raises:
        Unusable: there is none, or it is damaged.
    """
    return _card(home, metric, version, card_sha256)


def metrics(home: Home) -> tuple[str, ...]:
    """Metrics with a complete version, by name."""
    found = set()
    for path in home.models.glob(f"*/*/{version_store.CARD}"):
        try:
            metric = cards.decode(path.read_bytes()).metric
        except (OSError, msgspec.ValidationError, msgspec.DecodeError):
            continue  # `versions` and `card_of` say what is wrong with it when it is asked for
        if folder_name(metric) == path.parents[1].name:
            found.add(metric)
    return tuple(sorted(found))


def versions(home: Home, metric: str) -> tuple[str, ...]:
    """Complete versions of `metric`, oldest first."""
    return version_store.complete_versions(home.models / folder_name(metric))


def ask_training(home: Home, metric: str, now: datetime, reason: str) -> None:
    """Record that the live record asks for a new model."""
    note = Waited(asked_at=now, reason=reason)
    durable.write_file(home.models / folder_name(metric) / _ASKED, msgspec.json.encode(note) + b"\n")


def ask_training_once(home: Home, metric: str, since: datetime, now: datetime, reason: str) -> None:
    """The same, unless it was asked for since then: what the champion of `since` lacks is known."""
    earlier = asked(home, metric)
    if earlier is None or earlier.asked_at < since:
        ask_training(home, metric, now, reason)


def asked(home: Home, metric: str) -> Waited | None:
    """The newest such request, or None; an unreadable one counts as none."""
    return _note(home, metric, _ASKED)


def note_waiting(home: Home, metric: str, now: datetime, reason: str) -> None:
    """Record that a training found too little to learn from."""
    note = Waited(asked_at=now, reason=reason)
    durable.write_file(home.models / folder_name(metric) / _WAITING, msgspec.json.encode(note) + b"\n")


def waiting(home: Home, metric: str) -> Waited | None:
    """The newest such note, or None; an unreadable one counts as none."""
    return _note(home, metric, _WAITING)


def _note(home: Home, metric: str, name: str) -> Waited | None:
    try:
        return msgspec.json.decode((home.models / folder_name(metric) / name).read_bytes(), type=Waited)
    except (FileNotFoundError, msgspec.ValidationError, msgspec.DecodeError):
        return None


def _card(home: Home, metric: str, version: str, digest: str | None) -> Card:
    path = home.models / folder_name(metric) / version_store.checked(version) / version_store.CARD
    data = version_store.verified(path, digest) if digest else version_store.read_bytes(path)
    try:
        card = cards.decode(data)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise version_store.damaged(path, str(error)) from error
    if card.metric != metric or card.version != version:
        raise version_store.damaged(path, "it is the card of another model")
    return card
