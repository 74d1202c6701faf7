"""Model registry: `models/<name>/<version>/` with the model's files and `card.json`, and the champion pointer.

A version is complete once its card is there, which is written last and holds the SHA-256 of every model file; the
pointer `champion.json` holds the SHA-256 of the card and is replaced by rename. Nothing here runs code on load.
Folder names come from a slug and a hash of the metric, never from the metric itself.
"""

import contextlib
import fcntl
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from sensor_platform import durable
from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.predict.candidates.forecaster import Forecaster
from sensor_platform.predict.features.matrix import Layout
from sensor_platform.predict.judge.adjust import BucketRule
from sensor_platform.predict.judge.record import Record
from sensor_platform.predict.models import card as cards
from sensor_platform.predict.models import files
from sensor_platform.predict.models.card import Card

_CARD = "card.json"
_CHAMPION = "champion.json"
_WAITING = "waiting.json"
_ASKED = "asked.json"
_VERSION = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}")


class Reign(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One promotion, adjustment or rollback: which version is served, for forecasts issued from when on, and why.

    Times are aware UTC.
    """

    version: str
    card_sha256: str
    serves_from: datetime
    promoted_at: datetime
    why: str
    rules: tuple[BucketRule, ...] = ()
    """What is served per bucket since then, by the live record; empty for what the card says."""


class _Champions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`champion.json`: every promotion, oldest first; the last one is the champion."""

    reigns: tuple[Reign, ...]


class Waited(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`waiting.json` and `asked.json`: when and why a training found too little, or was asked for. A hint."""

    asked_at: datetime
    reason: str


class Unusable(CheckFailed):
    """Something in the registry is missing or is not what was written."""


class OtherInputs(Unusable):
    """A sound model, made for features that are computed no more."""


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded and verified version."""

    model_id: str
    """`<name>/<version>`; what prediction rows carry."""
    card: Card
    forecaster: Forecaster


def folder_name(metric: str) -> str:
    """Name of a metric's folder: readable where it can be, unique always, harmless whatever the metric is called."""
    slug = re.sub(r"[^a-z0-9]+", "-", metric.lower()).strip("-")[:32].strip("-") or "metric"
    return f"{slug}-{hashlib.sha256(metric.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def version_name(created_at: datetime, contents: Mapping[str, bytes]) -> str:
    """Name of a version: when it was made and what it holds."""
    digest = hashlib.sha256()
    for name in sorted(contents):
        digest.update(name.encode() + b"\0" + hashlib.sha256(contents[name]).digest())
    return f"{created_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{digest.hexdigest()[:12]}"


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
    folder = home.models / folder_name(card.metric) / _checked(card.version)
    for name, data in contents.items():
        durable.write_file(folder / name, data)
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    durable.write_file(folder / _CARD, cards.encode(msgspec.structs.replace(card, files=digests)))
    for parent in (folder.parent, home.models, home.root):
        durable.fsync_folder(parent)
    return folder


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
    folder = home.models / folder_name(metric)
    digest = durable.sha256(folder / version / _CARD)
    with _alone(folder):
        earlier = reigns(home, metric)
        since = now if earlier else card.trained_to
        reign = Reign(version=version, card_sha256=digest, serves_from=since, promoted_at=now, why=why, rules=rules)
        written = msgspec.json.encode(_Champions(reigns=(*earlier, reign)))
        durable.write_file(folder / _CHAMPION, msgspec.json.format(written, indent=2) + b"\n")
    return reign


def reigns(home: Home, metric: str) -> tuple[Reign, ...]:
    """Every promotion of `metric`, oldest first; the last one is the champion.

    Raises:
        Unusable: the pointer is damaged.
    """
    path = home.models / folder_name(metric) / _CHAMPION
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_Champions).reigns
    except FileNotFoundError:
        return ()
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise _damaged(path, str(error)) from error
    if not found or not all(_VERSION.fullmatch(each.version) for each in found):
        raise _damaged(path, "it names no version")
    return found


def in_charge(found: tuple[Reign, ...], issued_at: datetime) -> Reign:
    """Whose forecast an hour gets: the newest reign begun by then, or the first one for the hours before it."""
    begun = [each for each in found if each.serves_from <= issued_at]
    return begun[-1] if begun else found[0]


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
    wanted = {name: digest for name, digest in card.files.items() if name != files.RECORD}
    contents = {name: _verified(folder / _plain(name), digest) for name, digest in wanted.items()}
    try:
        loaded = files.read(card, contents, layout)
    except (ValueError, KeyError, msgspec.ValidationError, msgspec.DecodeError) as error:
        raise _damaged(folder, str(error)) from error
    return Model(model_id=model_id(metric, version), card=card, forecaster=loaded)


def load_record(home: Home, metric: str, version: str) -> Record | None:
    """What a version's backtest forecast and what came; None if it kept none.

    Raises:
        Unusable: it is not what was written.
    """
    card = _card(home, metric, version, None)
    if files.RECORD not in card.files:
        return None
    path = home.models / folder_name(metric) / version / files.RECORD
    return files.read_record(_verified(path, card.files[files.RECORD]))


def card_of(home: Home, metric: str, version: str) -> Card:
    """The card of any version, checked to be that version's, without its models.

    Raises:
        Unusable: there is none, or it is damaged.
    """
    return _card(home, metric, version, None)


def metrics(home: Home) -> tuple[str, ...]:
    """Metrics with a complete version, by name."""
    found = set()
    for path in home.models.glob(f"*/*/{_CARD}"):
        try:
            metric = cards.decode(path.read_bytes()).metric
        except (OSError, msgspec.ValidationError, msgspec.DecodeError):
            continue  # `versions` and `card_of` say what is wrong with it when it is asked for
        if folder_name(metric) == path.parents[1].name:
            found.add(metric)
    return tuple(sorted(found))


def versions(home: Home, metric: str) -> tuple[str, ...]:
    """Complete versions of `metric`, oldest first."""
    folder = home.models / folder_name(metric)
    return tuple(sorted(each.parent.name for each in folder.glob(f"*/{_CARD}") if _VERSION.fullmatch(each.parent.name)))


def created_at(version: str) -> datetime:
    """When a version was made, to the second, by its name."""
    return datetime.strptime(_checked(version)[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def ask_training(home: Home, metric: str, now: datetime, reason: str) -> None:
    """Record that the live record asks for a new model."""
    note = Waited(asked_at=now, reason=reason)
    durable.write_file(home.models / folder_name(metric) / _ASKED, msgspec.json.encode(note) + b"\n")


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


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One promotion at a time: the pointer holds the earlier ones, so it is read and then replaced."""
    fd = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _card(home: Home, metric: str, version: str, digest: str | None) -> Card:
    path = home.models / folder_name(metric) / _checked(version) / _CARD
    data = _verified(path, digest) if digest else _read(path)
    try:
        card = cards.decode(data)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise _damaged(path, str(error)) from error
    if card.metric != metric or card.version != version:
        raise _damaged(path, "it is the card of another model")
    return card


def _checked(version: str) -> str:
    if not _VERSION.fullmatch(version):
        raise Unusable(f"{version!r} is no version", "versions are the folder names under models/<name>/")
    return version


def _plain(name: str) -> str:
    """A file name of a card, which must not lead out of its folder."""
    if name != Path(name).name or name.startswith("."):
        raise Unusable(f"a card names the file {name!r}", "delete that version")
    return name


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _damaged(path, error.strerror or "unreadable") from error


def _verified(path: Path, digest: str | None) -> bytes:
    data = _read(path)
    if digest is None or hashlib.sha256(data).hexdigest() != digest:
        raise _damaged(path, "its SHA-256 is not the recorded one")
    return data


def _damaged(path: Path, reason: str) -> Unusable:
    return Unusable(
        f"model file {path} cannot be trusted: {reason}",
        "restore it from a backup, or delete champion.json beside it and train again",
    )
