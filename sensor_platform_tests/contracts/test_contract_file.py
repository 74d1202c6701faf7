"""Contracts as YAML."""

import msgspec
import pytest
import yaml

from sensor_platform.contracts.contract_file import to_yaml
from sensor_platform.reading.contract import Contract, TimeSource, ValueSource
from sensor_platform.reading.encodings.delimited import CsvForm

CONTRACTS = (
    Contract(name="press", topic="press/+"),
    Contract(name="rows", topic="#", encoding="csv", csv=CsvForm(separator=";", columns=("t", "Höhe"))),
    Contract(
        name="long",
        topic="#",
        layout="long",
        device=ValueSource(topic_level=1),
        time=TimeSource(field=("at",), timezone="Europe/Berlin", required=True),
        tags={"line": ValueSource(constant="7")},
        units={"t": "degC"},
        values={"state": {"on": 1.0, "off": 0.0}},
        ignore=("a.b",),
    ),
)


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_a_contract_that_is_written_is_read_as_the_same(contract: Contract) -> None:
    assert msgspec.convert(yaml.safe_load(to_yaml(contract)), Contract) == contract


def test_only_what_differs_from_the_defaults_is_written() -> None:
    assert to_yaml(CONTRACTS[0]) == "name: press\ntopic: press/+\nencoding: json\n"
    assert "Höhe" in to_yaml(CONTRACTS[1])
    assert "null" not in to_yaml(CONTRACTS[2])
