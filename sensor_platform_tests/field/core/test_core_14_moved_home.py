"""The broker's session belongs to a home, not to its path: a moved home keeps it, another one in its place does not."""

import shutil
from pathlib import Path

from sensor_platform_tests.field.core.brokers import PUBLISH, SUBSCRIBE, scripted
from sensor_platform_tests.field.core.needs import need


def client_id_of(home: Path) -> str:
    """What a collector on this home calls itself at its broker."""
    with scripted(home, "5", subscriptions=[{"topic": "sensors/#"}]) as (broker, collector):
        peer, client_id = broker.accept(is_present=False)
        peer.grant(peer.wait_for(SUBSCRIBE)[1], 1, 1)
        peer.wait_for(PUBLISH)
        collector.kill()
    return client_id


def test_core_14_a_moved_home_keeps_its_session(tmp_path: Path) -> None:
    before = client_id_of(tmp_path / "old")
    need(client_id_of(tmp_path / "old") == before, "it is the same for every start")
    shutil.move(tmp_path / "old", tmp_path / "new")
    assert client_id_of(tmp_path / "new") == before, "the session stays behind, with all that is queued for it"


def test_core_14_two_sites_with_the_same_path_have_sessions_of_their_own(tmp_path: Path) -> None:
    one = client_id_of(tmp_path / "data")
    shutil.rmtree(tmp_path / "data")
    assert client_id_of(tmp_path / "data") != one, "on one broker the two take each other's session over"
