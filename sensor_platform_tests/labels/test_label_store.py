"""Labels, and everything that was said before."""

from dataclasses import replace
from pathlib import Path

import pytest

from sensor_platform.errors import CheckFailed, Missing, WrongUse
from sensor_platform.home import Home
from sensor_platform.labels.label_store import (
    Label,
    add_label,
    add_labels,
    as_of,
    changes,
    new_label,
    open_labels,
    read_history,
    read_labels,
    read_superseded,
    remove_label,
)


def label(device: str = "pump", now: int = 100, start: int = 10) -> Label:
    return new_label(device, "failure", start, None, source="person", now=now)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_the_same_statement_is_the_same_label() -> None:
    assert label(now=1).label_id == label(now=2).label_id
    assert len({label().label_id, label("other").label_id, label(start=11).label_id}) == 3
    assert label().end_at == label().start_at == 10


@pytest.mark.parametrize(
    ("device", "text", "start", "end", "reason"),
    [
        ("", "failure", 1, None, "needs a device and a text"),
        ("a", "", 1, None, "needs a device and a text"),
        ("a", "failure", 2, 1, "ends before it starts"),
        ("a", "failure", -1, None, "outside the years"),
        ("a", "failure", 1 << 61, None, "outside the years"),
    ],
)
def test_a_statement_that_cannot_be_is_refused(
    device: str, text: str, start: int, end: int | None, reason: str
) -> None:
    with pytest.raises(WrongUse, match=reason):
        new_label(device, text, start, end, source="person", now=0)


def test_a_label_that_is_said_differently_takes_the_place_of_the_old_one_which_is_kept(home: Home) -> None:
    first = label()
    add_label(home, first)
    add_label(home, replace(first, created_at=150))
    second = replace(first, label="service", created_at=200)
    add_label(home, second)
    assert read_labels(home) == [second]
    assert [(said.label, said.superseded_at) for said in read_history(home)] == [(first, 200), (second, None)]
    assert [said.label for said in read_superseded(home)] == [first]


def test_what_was_in_force_at_a_time_is_known(home: Home) -> None:
    first = label()
    add_label(home, first)
    gone = remove_label(home, first.label_id[:8], 300)
    history = read_history(home)
    assert gone == first
    assert [as_of(history, at) for at in (99, 100, 299, 300)] == [[], [first], [first], []]
    assert [each.created_at for each in changes(history)] == [100, 300]
    assert read_labels(home) == []


def test_only_one_label_is_taken_back(home: Home) -> None:
    add_labels(home, [label("a"), label("b")])
    for name, reason in (("said:", "several labels"), ("nosuch", "there is no label"), ("", "there is no label")):
        with pytest.raises(Missing, match=reason):
            remove_label(home, name, 300)
    assert len(read_labels(home)) == 2


def test_labels_are_added_all_or_none_and_known_ones_are_no_news(home: Home) -> None:
    assert add_labels(home, [label("a"), label("b", start=5)]) == 2
    assert add_labels(home, [label("a"), label("c")]) == 1
    assert [each.start_at for each in read_labels(home)] == [5, 10, 10]
    assert read_labels(home, "alert:%") == []


def test_without_a_file_nothing_was_said_and_a_damaged_one_is_not_trusted(home: Home) -> None:
    assert (read_labels(home), read_history(home)) == ([], [])
    home.labels_file.parent.mkdir()
    home.labels_file.write_bytes(b"no database" * 100)
    with pytest.raises(CheckFailed, match="cannot be trusted"), open_labels(home):
        pass
