"""What every registry of models shares: names of folders and versions, hashes, the champion pointer.

A version is complete once its card is there, which is written last and holds the SHA-256 of every model file; the
pointer `champion.json` holds the SHA-256 of the card and is replaced by rename. Nothing here runs code on load.
Folder names come from a slug and a hash of the name, never from the name itself.
"""

import contextlib
import fcntl
import hashlib
import itertools
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from sensor_platform.errors import CheckFailed, Unreachable
from sensor_platform.home import Home
from sensor_platform.kernel import durable
from sensor_platform.predict.forecast.selection.adjust import BucketRule

CARD = "card.json"
CHAMPION = "champion.json"
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


class Unusable(CheckFailed):
    """Something in the registry is missing or is not what was written."""


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


def in_charge(found: tuple[Reign, ...], issued_at: datetime) -> Reign:
    """Whose forecast an hour gets: the newest reign begun by then, or the first one for the hours before it."""
    begun = [each for each in found if each.serves_from <= issued_at]
    return begun[-1] if begun else found[0]


def terms(found: Sequence[Reign]) -> tuple[Reign, ...]:
    """Reigns that began with another version than the one before, newest first: adjustments begin no term."""
    return tuple(next(group) for _, group in itertools.groupby(found, key=lambda each: each.version))[::-1]


def before(found: Sequence[Reign]) -> Reign | None:
    """The newest reign of another version than the one in charge: what a rollback puts back."""
    return next((each for each in reversed(found) if each.version != found[-1].version), None)


def sound_before(found: Sequence[Reign], load: Callable[[Reign], object]) -> Reign | None:
    """The newest reign of another version that `load` takes, for a champion that is Unusable; None where none is."""
    for each in reversed(found):
        if each.version != found[-1].version:
            with contextlib.suppress(Unusable):
                load(each)
                return each
    return None


def created_at(version: str) -> datetime:
    """When a version was made, to the second, by its name."""
    return datetime.strptime(checked(version)[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def write_version(home: Home, folder: Path, version: str, contents: Mapping[str, bytes], card: bytes) -> Path:
    """Write a version durably, card last; writing the same version again changes nothing.

    Raises:
        Unreachable: the folder cannot be written.
    """
    place = folder / checked(version)
    with _writing(place):
        for name, data in contents.items():
            durable.write_file(place / name, data)
        durable.write_file(place / CARD, card)
        for parent in (folder, home.models, home.root):
            durable.fsync_folder(parent)
    return place


@contextlib.contextmanager
def _writing(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unreachable(
            f"cannot write {place}: {error.strerror}", "check the folder's rights and disk space"
        ) from error


def complete_versions(folder: Path) -> tuple[str, ...]:
    """Versions of a folder that have their card, oldest first."""
    return tuple(sorted(each.parent.name for each in folder.glob(f"*/{CARD}") if _VERSION.fullmatch(each.parent.name)))


def read_reigns(folder: Path) -> tuple[Reign, ...]:
    """Every promotion of a folder, oldest first; the last one is the champion.

    Raises:
        Unusable: the pointer is damaged.
    """
    path = folder / CHAMPION
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_Champions).reigns
    except FileNotFoundError:
        return ()
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise damaged(path, str(error)) from error
    if not found or not all(_VERSION.fullmatch(each.version) for each in found):
        raise damaged(path, "it names no version")
    return found


def crown(
    folder: Path, version: str, first_serves_from: datetime, now: datetime, why: str, rules: tuple[BucketRule, ...] = ()
) -> Reign:
    """Make a version that was verified the champion of its folder, atomically.

    Args:
        folder: of the model.
        version: that takes over.
        first_serves_from: since when it serves if it is the first one; a later one serves from `now` on.
        now: aware UTC.
        why: the reason, for people.
        rules: what is served per bucket, for forecasts.

    Raises:
        Unusable: the pointer to the earlier ones is damaged.
        Unreachable: the folder cannot be written.
    """
    digest = durable.sha256(folder / version / CARD)
    with _writing(folder / CHAMPION), _alone(folder):
        earlier = read_reigns(folder)
        since = now if earlier else first_serves_from
        reign = Reign(version=version, card_sha256=digest, serves_from=since, promoted_at=now, why=why, rules=rules)
        written = msgspec.json.encode(_Champions(reigns=(*earlier, reign)))
        durable.write_file(folder / CHAMPION, msgspec.json.format(written, indent=2) + b"\n")
    return reign


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One promotion at a time: the pointer holds the earlier ones, so it is read and then replaced."""
    fd = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def checked(version: str) -> str:
    """The name of a version, or Unusable."""
    if not _VERSION.fullmatch(version):
        raise Unusable(f"{version!r} is no version", "versions are the folder names under models/<name>/")
    return version


def plain_name(name: str) -> str:
    """A file name of a card, which must not lead out of its folder."""
    if name != Path(name).name or name.startswith("."):
        raise Unusable(f"a card names the file {name!r}", "delete that version")
    return name


def read_bytes(path: Path) -> bytes:
    """A file of a registry, or Unusable."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise damaged(path, error.strerror or "unreadable") from error


def verified(path: Path, digest: str | None) -> bytes:
    """A file of a registry whose SHA-256 is the recorded one, or Unusable."""
    data = read_bytes(path)
    if digest is None or hashlib.sha256(data).hexdigest() != digest:
        raise damaged(path, "its SHA-256 is not the recorded one")
    return data


def damaged(path: Path, reason: str) -> Unusable:
    """The error for a file that is not what was written."""
    if path.name == CHAMPION:
        remedy = "or delete it and put a version in charge by `sensor-platform models promote`"
    else:
        remedy = "or put another version in charge by `sensor-platform models rollback` or `promote`"
    return Unusable(f"model file {path} cannot be trusted: {reason}", f"restore it from a backup, {remedy}")
