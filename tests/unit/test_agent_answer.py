"""An agent's answer is hostile input: what would not fit a status or a label is not read at all."""

import msgspec
import pytest

from hotupgrade_api.agent_messages import AgentStatus, PodState, Progress
from hotupgrade_api.launcher_messages import Base

GOOD = AgentStatus(
    pod_uid="p",
    sequence=1,
    agent_version="1",
    revision="9f86d081884c7d65",
    base=Base(image="registry.example.com/web:1", sha256="a" * 64),
    progress=Progress(id="i", revision="9f86d081884c7d65", state=PodState.WATCHING, message="m"),
)


def read(answer: AgentStatus) -> AgentStatus:
    return msgspec.json.decode(msgspec.json.encode(answer), type=AgentStatus)


def test_an_ordinary_answer_is_read() -> None:
    assert read(GOOD) == GOOD


@pytest.mark.parametrize(
    "change",
    [
        {"revision": "no label"},
        {"revision": "a" * 64},
        {"committed_revision": ""},
        {"version": "v" * 129},
        {"reason": "r" * 5000},
        {"superseded": "s" * 5000},
        {"base": Base(image="i" * 2000)},
        {"progress": Progress(id="i", revision="-", state=PodState.FAILED)},
        {"progress": Progress(id="i", revision="r", state=PodState.FAILED, message="m" * 5000)},
    ],
    ids=",".join,
)
def test_an_answer_that_would_not_fit_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        read(msgspec.structs.replace(GOOD, **change))
