"""A pod that injection left alone: its note becomes a warning Event that says what to add."""

from dataclasses import replace

from hotupgrade_operator import plan, status
from tests.unit.world import GOOD, NOW, world


def test_note_on_the_pod_becomes_condition_and_warning_event_once() -> None:
    w = world(GOOD)
    w.put(replace(w.find("web-1"), injected=False, agent=None, refused="set its command"))
    made = plan.make(w.seen, NOW)
    after = status.render(w.seen, made, NOW)
    degraded = next(c for c in after.conditions if c.type == "Degraded")
    assert (degraded.status, degraded.reason) == ("True", "NotInjected")
    (event,) = (e for e in status.events(w.seen, after, made) if e.reason == "NotInjected")
    assert event.warning
    assert "web-1: set its command" in event.message
    seen = replace(w.seen, status=after)
    again = status.render(seen, plan.make(seen, NOW), NOW)
    assert not [e for e in status.events(seen, again, made) if e.reason == "NotInjected"]
