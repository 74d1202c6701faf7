"""What the ledger has of one segment now.

Requeue and drop change the manifest of a segment. Earlier versions wrote commits of their own for it, `requeue-<hash>`
and `drop-<hash>`; they are read as a part of the segment here, and become one with it at its next change.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from msgspec import structs

from sensor_platform.home import Home
from sensor_platform.landing.ledger.device_counts import summed
from sensor_platform.landing.ledger.manifest import SUMS, Manifest, manifest_path, no_manifest, read_manifest
from sensor_platform.landing.ledger.summing import is_committed
from sensor_platform.landing.manifests.manifest_store import find_manifest

_VERBS = ("requeue", "drop")


@dataclass(frozen=True, slots=True)
class SegmentState:
    """The commits of one segment."""

    manifests: tuple[Manifest, ...]
    """Its own, then those by which an earlier version requeued or dropped rows of it."""

    @property
    def segment(self) -> str:
        """Its name."""
        return self.manifests[0].segment

    @property
    def whole(self) -> Manifest:
        """All of it as one manifest: the sums, and the files that no later commit has replaced."""
        own = self.manifests[0]
        if len(self.manifests) == 1:
            return own
        replaced = {file for manifest in self.manifests[1:] for file in manifest.replaces}
        newest = [each.newest_event_at for each in self.manifests if each.newest_event_at is not None]
        return structs.replace(
            own,
            **{name: sum(getattr(each, name) for each in self.manifests) for name in SUMS},
            newest_event_at=max(newest, default=None),
            files=tuple(entry for each in self.manifests for entry in each.files if entry.file not in replaced),
            counts=summed(*(each.counts for each in self.manifests)),
        )

    def replaced_by(self, new: Manifest) -> tuple[Manifest, ...]:
        """The manifests after a step that puts `new` in the place of the whole: the others are empty then."""
        return (new, *(_emptied(manifest, new.written_at) for manifest in self.manifests[1:]))


def read_state(home: Home, ledger: sqlite3.Connection, segment: str) -> SegmentState | None:
    """The state of a committed segment; None where its manifest is gone.

    Raises:
        CheckFailed: a manifest is damaged.
    """
    own = find_manifest(home, ledger, segment) if is_committed(ledger, segment) else None
    return None if own is None else SegmentState((own, *_amendments(home, ledger, own)))


def segment_behind(home: Home, name: str) -> str:
    """The segment whose rows a commit of an earlier version requeued or dropped; of any other commit its own name."""
    while name.startswith(tuple(f"{verb}-" for verb in _VERBS)):
        path = manifest_path(home, name)
        replaced = read_manifest(path).replaces if path.exists() else ()
        if not replaced:
            break
        name = Path(replaced[0]).stem.partition("~")[0]
    return name


def _amendments(home: Home, ledger: sqlite3.Connection, own: Manifest) -> Iterator[Manifest]:
    """Commits of earlier versions that replaced the quarantine file of a segment, and then each other's."""
    files = [entry.file for entry in own.files if entry.kind == "quarantine"]
    while files:
        file = files.pop()
        for verb in _VERBS:
            name = f"{verb}-{hashlib.sha256(file.encode()).hexdigest()[:32]}"
            path = manifest_path(home, name)
            if not path.exists() or not is_committed(ledger, name):
                continue
            manifest = read_manifest(path)
            if file in manifest.replaces:
                yield manifest
                files += [entry.file for entry in manifest.files if entry.kind == "quarantine"]


def _emptied(manifest: Manifest, now: int) -> Manifest:
    return structs.replace(no_manifest(manifest.segment, now), contract_version=manifest.contract_version)
