"""What `kubectl hotupgrade status` shows without a terminal, letter by letter."""

import io

import msgspec

from hotupgrade_kubectl import status_tree
from hotupgrade_kubectl.commands import console_for
from hotupgrade_kubectl.objects import Snapshot
from hotupgrade_kubectl.processes import Processes
from tests.unit.kubectl.seen import NEW, NOW, OLD, hot_upgrade, pod, rejected, snapshot, stable

STEPS = [
    {"setPods": 1},
    {"setWeight": 10},
    {"analysis": {"metrics": ["error-rate"]}},
    {"pause": {}},
    {"pause": {"durationSeconds": 300}},
    {"setPods": "100%"},
]
UNDER_WAY = f"""\
web in shop: Upgrading
├── Deployment web: 3 pods, 1 updated, 3 ready
├── stable 1.8.1 ({OLD}), target 1.8.2 ({NEW})
├── new connections: 97 % stable, 3 % target
├── step 2 of 6, for 12s
│   ├── done  setPods 1
│   ├── now   setWeight 10
│   ├── next  analysis of error-rate
│   ├── next  pause until promote
│   ├── next  pause 300s
│   └── next  setPods 100%
├── analysis
│   ├── error-rate  Running  3 good, 0 bad, 0 inconclusive; last 0.001
│   └── p99  Inconclusive  0 good, 0 bad, 1 inconclusive; no samples
├── pods
│   ├── web-c    NotReady     1.8.1 ({OLD})  2 restarts  AgentUnreachable: no route
│   ├── web-new  Pending      unknown
│   ├── web-b    Ready        1.8.1 ({OLD})
│   └── web-a    Ready        1.8.2 ({NEW})
├── conditions
│   ├── Ready       False   Upgrading, for 60s: 1 of 3 pods run 1.8.2
│   └── Degraded    True    AgentUnreachable, for 60m: 1 pods, web-c: no route
└── events
    ├──   3h  AgentUnreachable  1 pods, web-c: no route
    └──  12s  StepDone  1 steps are done
"""
AT_REST = f"""\
web in shop: Stable
├── Deployment web: 3 pods, 3 updated, 3 ready
├── stable 1.8.2 ({NEW})
├── pods
│   └── web-a  Ready        1.8.2 ({NEW})
└── conditions
    └── Ready       True    Upgraded, for 60s
"""


def text(seen: Snapshot) -> str:
    written = io.StringIO()
    console_for(written).print(status_tree.render(seen, NOW))
    return written.getvalue()


def test_upgrade_under_way_is_told_step_by_step_and_pod_by_pod() -> None:
    ready = {
        "type": "Ready",
        "status": "False",
        "reason": "Upgrading",
        "message": "1 of 3 pods run 1.8.2",
        "lastTransitionTime": "2026-01-01T11:59:00Z",
    }
    degraded = {
        "type": "Degraded",
        "status": "True",
        "reason": "AgentUnreachable",
        "message": "1 pods, web-c: no route",
        "lastTransitionTime": "2026-01-01T11:00:00Z",
    }
    seen = hot_upgrade(
        {
            "currentStepIndex": 1,
            "stepStartedAt": "2026-01-01T11:59:48Z",
            "updatedPods": 1,
            "weights": {"stable": 97, "update": 3},
            "analysis": [
                {"name": "error-rate", "successful": 3, "value": "0.001"},
                {
                    "name": "p99",
                    "phase": "Inconclusive",
                    "inconclusive": 1,
                    "message": "no samples",
                },
            ],
            "failedPods": [{"name": "web-c", "reason": "AgentUnreachable", "message": "no route"}],
            "conditions": [
                ready,
                {"type": "Stalled", "status": "False", "reason": "NotStalled"},
                {"type": "Available", "status": "True", "reason": "PodsReady"},
                degraded,
            ],
        },
        strategy={"steps": STEPS},
    )
    pods = [
        pod("web-a", NEW, "1.8.2"),
        pod("web-b", OLD, "1.8.1"),
        pod("web-c", OLD, "1.8.1", containerStatuses=[{"restartCount": 2}], conditions=[]),
        pod("web-new", "", phase="Pending"),
    ]
    events = [
        {
            "type": "Warning",
            "reason": "AgentUnreachable",
            "message": "1 pods, web-c: no route",
            "lastTimestamp": "2026-01-01T09:00:00Z",
        },
        {
            "reason": "StepDone",
            "message": "1 steps are done",
            "lastTimestamp": "2026-01-01T11:59:48Z",
        },
    ]
    assert text(snapshot(seen, pods, events)) == UNDER_WAY


def test_at_rest_only_what_is_there_is_told() -> None:
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "Upgraded",
        "lastTransitionTime": "2026-01-01T11:59:00Z",
    }
    seen = stable({"conditions": [ready, {"type": "Paused", "status": "False", "reason": "-"}]})
    assert text(snapshot(seen, [pod("web-a", NEW, "1.8.2")], [])) == AT_REST


def test_processes_are_told_beside_their_pod() -> None:
    seen = snapshot(stable(), [pod("web-a", NEW), pod("web-b", NEW)], [])
    known = {
        "web-a": Processes(generations=2, app_restarts=3, memory_bytes=40 << 20),
        "web-b": Processes(unknown="no agent"),
    }
    shown = text(msgspec.structs.replace(seen, processes=known))
    assert f"web-a  Ready        {NEW}  2 processes, restarted 3 times, 40 MiB\n" in shown
    assert f"web-b  Ready        {NEW}  no agent\n" in shown


def test_rejected_revision_is_named() -> None:
    shown = text(snapshot(rejected(), [], []))
    assert f"stable 1.8.1 ({OLD}), rejected 1.8.2 ({NEW})" in shown


def test_status_of_an_older_spec_is_said_to_be_one() -> None:
    assert "has not seen the spec as it is now" in text(
        snapshot(hot_upgrade({"observedGeneration": 3}), [], [])
    )


def test_of_many_pods_those_in_trouble_are_shown_and_the_rest_is_counted() -> None:
    pods = [pod(f"web-{n:03}", NEW, "1.8.2") for n in range(99)]
    pods.append(pod("web-999", OLD, "1.8.1", conditions=[]))
    shown = text(snapshot(stable(), pods, []))
    assert "web-999" in shown
    assert "and 70 more" in shown


def test_markup_in_a_message_is_shown_as_it_is() -> None:
    event = {"reason": "Aborted", "message": "[red]not a colour[/red]"}
    assert "[red]not a colour[/red]" in text(snapshot(stable(), [], [event]))
