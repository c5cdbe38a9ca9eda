"""What is wrong with a spec beside the workload that it names."""

import pytest

from hotupgrade_api.resource import Artifact, HotUpgradeSpec
from hotupgrade_operator.observation import Container, Workload
from hotupgrade_operator.workload_validation import invalid, missing
from tests.unit.world import spec

WEB = Container("web", ("/app/server",), ("--port", "80"))
PROXY = Container("istio-proxy")


def replaces(word: str, **more: object) -> HotUpgradeSpec:
    return spec(Artifact(replaces=word), **more)


@pytest.mark.parametrize(
    ("wanted", "containers"),
    [
        (spec(None), (WEB,)),
        (spec(None, container="web"), (WEB, PROXY)),
        (replaces("/app/server"), (WEB,)),
        (replaces("--port"), (WEB,)),
        (replaces("/app/server", command=["/app/server"]), (Container("web"),)),
        (replaces("/other"), (Container("web", ("sh", "-c", "${HOTUPGRADE_ARTIFACT:-/a}")),)),
        (replaces("/other"), (Container("web", ("sh", "-c", "$HOTUPGRADE_ARTIFACT")),)),
        (replaces("/other"), (WEB, PROXY)),  # which of them is injection's to find out
        (replaces("/other"), (Container("web"),)),  # no command: injection says so
        (spec(None, container="api"), ()),  # a workload whose template is not known
    ],
)
def test_what_fits_the_workload_is_accepted(
    wanted: HotUpgradeSpec, containers: tuple[Container, ...]
) -> None:
    assert invalid(wanted, Workload(containers=containers)) == ""


@pytest.mark.parametrize(
    ("wanted", "where", "right"),
    [
        (spec(None, container="api"), "spec.container is 'api'", "one of ['web'] is right"),
        (replaces("/other"), "spec.artifact.replaces is '/other'", "one of them is right"),
        (replaces("server", container="web"), "no word of what container web runs", "right"),
    ],
)
def test_what_does_not_fit_it_is_told_with_what_would(
    wanted: HotUpgradeSpec, where: str, right: str
) -> None:
    answer = invalid(wanted, Workload(containers=(WEB,)))
    assert where in answer
    assert right in answer


def test_a_workload_that_is_not_there_is_named_with_the_kinds_that_may_be() -> None:
    answer = missing(spec(None), "shop")
    assert answer.startswith("spec.workloadRef: cannot find Deployment web of apps/v1 in shop;")
    assert "StatefulSet" in answer
