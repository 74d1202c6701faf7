"""Manifests: from them the ledger can be made again."""

import pytest

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.landing.ledger import write_manifest
from sensor_platform.landing.ledger.manifest import (
    CompactionManifest,
    compaction_path,
    encode_compaction,
    manifest_path,
    read_compaction,
    read_manifest,
)
from sensor_platform_tests.landing.homes import Message, land_all, seal_segment


def test_a_manifest_is_read_as_it_was_written(home: Home) -> None:
    seal_segment(home, 1, [Message(b'{"id":"a","t":1,"seq":1}'), Message(b"\x00")])
    (manifest,) = land_all(home)
    path = manifest_path(home, manifest.segment)
    path.unlink()
    write_manifest(home, manifest)
    assert read_manifest(path) == manifest
    made = CompactionManifest(name="compact-1", written_at=5, file=manifest.files[0], replaces=("a", "b"))
    place = compaction_path(home, made.name)
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(encode_compaction(made))
    assert read_compaction(place) == made
    assert place != manifest_path(home, made.name)


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b'{"segment": 1}'])
def test_a_damaged_manifest_is_not_believed(home: Home, content: bytes) -> None:
    path = manifest_path(home, "s")
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    for read in (read_manifest, read_compaction):
        with pytest.raises(CheckFailed, match="is not a manifest"):
            read(path)
