"""docs/how-to/analysis.md: the example is one that the operator takes, and every name is there."""

import re
from pathlib import Path

import msgspec
import yaml

from hotupgrade_api.resource import Analysis, Metric, Step
from hotupgrade_api.resource_status import MetricPhase
from hotupgrade_operator.judgement import STABLE, UPDATE
from hotupgrade_operator.question import VARIABLES
from hotupgrade_operator.validation import invalid
from tests.unit.world import GOOD, spec

PAGE = (Path(__file__).resolve().parents[2] / "docs/how-to/analysis.md").read_text()


def test_the_example_is_accepted() -> None:
    found = re.search(r"```yaml\n(spec:.*?)```", PAGE, re.DOTALL)
    assert found
    example = yaml.safe_load(found[1])["spec"]
    analysis = msgspec.convert(example["analysis"], Analysis)
    steps = msgspec.convert(example["strategy"]["steps"], list[Step])
    whole = spec(GOOD, analysis=analysis)
    strategy = msgspec.structs.replace(whole.strategy, steps=steps)
    assert invalid(msgspec.structs.replace(whole, strategy=strategy)) == ""


def test_every_name_and_phase_is_explained() -> None:
    names = {f"$({name})" for name in VARIABLES} | set(UPDATE) | set(STABLE)
    assert not [
        name for name in names | {phase.value for phase in MetricPhase} if f"`{name}`" not in PAGE
    ]
    fields = {field.encode_name for field in msgspec.structs.fields(Metric)} - {"name", "query"}
    assert not [name for name in fields if name not in PAGE]
