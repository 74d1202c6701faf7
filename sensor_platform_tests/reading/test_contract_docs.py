"""The page on contracts says what the code does."""

import re
from pathlib import Path

import msgspec
import yaml

from sensor_platform.reading.contract import (
    DEFAULT_CONTRACT,
    TOPIC_DEVICE,
    Contract,
    QualitySource,
    TimeSource,
    ValueSource,
)
from sensor_platform.reading.encodings import ENCODINGS
from sensor_platform.reading.forms import BlockForm, NumberForm
from sensor_platform.reading.reject_rules import HINTS

PAGE = (Path(__file__).parents[2] / "docs" / "contracts.md").read_text()


def test_every_rule_is_documented_and_no_other() -> None:
    rules = PAGE.partition("| rule | ")[2]
    assert re.findall(r"^\| `([a-z_]+)` \| \w", rules, re.MULTILINE) == list(HINTS)


def test_every_encoding_is_documented() -> None:
    documented = re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\| (`[a-z_`, ]+).*\|", _encodings(), re.MULTILINE)))
    assert set(documented) == set(ENCODINGS)


def _encodings() -> str:
    return PAGE.partition("| encoding | ")[2].partition("\n\n")[0]


def test_the_example_is_a_contract() -> None:
    texts = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    contracts = [msgspec.convert(yaml.safe_load(text), Contract) for text in texts]
    assert contracts[0].tags["site"].topic_level == 1
    assert contracts[1].values["door"] == {"open": 1, "closed": 0}


def test_the_default_names_are_documented_in_their_order() -> None:
    for source in (TOPIC_DEVICE, DEFAULT_CONTRACT.time, DEFAULT_CONTRACT.message_id):
        *most, last = (f"`{name}`" for name in source.field)
        assert f"{', '.join(most)} or {last}" in PAGE


def test_every_key_is_documented() -> None:
    reference = PAGE.partition("## All keys")[2].partition("## Try a contract")[0]
    tables = "".join(line.split("|")[1] for line in reference.splitlines() if line.startswith("| `"))
    for kind in (Contract, TimeSource, ValueSource):
        for field in msgspec.structs.fields(kind):
            assert re.search(rf"`{field.encode_name}\b", tables), field.encode_name
    for form in (BlockForm, NumberForm, QualitySource):
        for field in msgspec.structs.fields(form):
            assert re.search(rf"\b{field.encode_name}\b", reference), field.encode_name


def test_every_layout_is_documented() -> None:
    for layout in ("auto", "wide", "long", "nested", "samples"):
        assert f"- **{layout}**" in PAGE
