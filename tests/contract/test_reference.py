"""docs/reference says what the types say."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from hotupgrade_agent import metrics as agent_metrics
from hotupgrade_api import reference
from hotupgrade_api.metrics_page import page
from hotupgrade_operator import metrics as operator_metrics

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "reference"


@pytest.mark.parametrize("file", reference.UNIONS)
def test_reference_page_equals_the_types(file: str) -> None:
    assert (FOLDER / file).read_text() == reference.page(file), "run `make reference`"


@pytest.mark.parametrize(
    ("file", "title", "registry"),
    [
        ("operator-metrics.md", operator_metrics.TITLE, operator_metrics.REGISTRY),
        ("agent-metrics.md", agent_metrics.TITLE, agent_metrics.REGISTRY),
    ],
)
def test_metrics_page_equals_the_registry(
    file: str, title: str, registry: CollectorRegistry
) -> None:
    assert (FOLDER / file).read_text() == page(title, registry), "run `make reference`"
