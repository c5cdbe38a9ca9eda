"""What the dashboard shows: fleet, one upgrade, hand-overs, failures, agents."""

from deploy.monitoring.panels import (
    BYTES,
    HALF,
    QUARTER,
    SECONDS,
    SHARE,
    WINDOW,
    Kind,
    Panel,
    Query,
    Row,
    percentiles,
    total_increase,
)

THIS = 'namespace="$namespace", name="$name"'  # the HotUpgrade that was chosen
ITS_PODS = 'namespace="$namespace", hotupgrade="$name"'  # as the agents' scrape labels them
AGENTS = "hotupgrade_agent_launcher_up"  # each agent has it, whatever it says
OF_AGENTS = f"and on (instance) {AGENTS}"


def of_all(metric: str, *labels: str) -> str:
    """Once for each HotUpgrade: while the Lease moves, two replicas may tell of it."""
    return f"max by ({', '.join(('namespace', 'name', *labels))}) ({metric})"


def of_this(metric: str, *labels: str, matching: str = "") -> str:
    by = f" by ({', '.join(labels)}) " if labels else ""
    return f"max{by}(hotupgrade_{metric}{{{THIS}{matching}}})"


def of_its_pods(metric: str) -> Query:
    return f"max by (pod) (hotupgrade_agent_{metric}{{{ITS_PODS}}})", "{{pod}}"


FLEET = Row(
    "Fleet",
    (
        Panel(
            "HotUpgrades by phase",
            Kind.STAT,
            "Aborted: a revision was taken back, and the spec still asks for it.",
            ((f"count by (phase) ({of_all('hotupgrade_phase', 'phase')})", "{{phase}}"),),
        ),
        Panel(
            "Pods by standing",
            Kind.STAT,
            "Done: the pod runs what its HotUpgrade's spec says, and has committed it.",
            ((f"sum by (standing) ({of_all('hotupgrade_pods', 'standing')})", "{{standing}}"),),
        ),
        Panel(
            "Waits for somebody",
            Kind.TABLE,
            "HotUpgrades that go on only when their spec or their pods change, and the reason.",
            (
                (
                    of_all('hotupgrade_condition{condition="Stalled", status="True"}', "reason"),
                    "{{namespace}}/{{name}}",
                ),
            ),
        ),
        Panel(
            "Operator: leaders",
            Kind.LINES,
            "One; for a moment none.",
            (("sum(hotupgrade_operator_leader)", "leaders"),),
        ),
        Panel(
            "Operator: one reconcile",
            Kind.LINES,
            "Observe, plan, write status, act; for one HotUpgrade.",
            percentiles("hotupgrade_operator_reconcile_seconds"),
            unit=SECONDS,
        ),
        Panel(
            "Operator: commands to agents",
            Kind.BARS,
            "refused and unreachable are tried again.",
            (
                (
                    total_increase("hotupgrade_operator_commands_total", "command", "result"),
                    "{{command}} {{result}}",
                ),
                (
                    total_increase("hotupgrade_operator_reconcile_errors_total"),
                    "reconciles that failed",
                ),
            ),
        ),
    ),
)

TIMELINE = Row(
    "One upgrade: $namespace/$name",
    (
        Panel(
            "Phase",
            Kind.STATES,
            "When it was in which.",
            ((of_this("phase", "phase"), "{{phase}}"),),
            width=HALF,
        ),
        Panel(
            "Ready, and why not",
            Kind.STATES,
            "The condition Ready with its reason, over time.",
            (
                (
                    of_this("condition", "status", "reason", matching=', condition="Ready"'),
                    "{{status}} {{reason}}",
                ),
            ),
            width=HALF,
        ),
        Panel(
            "Pods by standing",
            Kind.STACK,
            "From Waiting over Running to Done.",
            ((of_this("pods", "standing"), "{{standing}}"),),
        ),
        Panel(
            "New connections",
            Kind.STACK,
            "What share of them the stable and the update revision get.",
            ((of_this("weight_ratio", "track"), "{{track}}"),),
            unit=SHARE,
        ),
        Panel(
            "Step, and revisions that serve",
            Kind.LINES,
            "Steps count from 0. One revision serves at rest.",
            ((of_this("step"), "step"), (of_this("revisions"), "revisions")),
        ),
        Panel(
            "Processes in each pod",
            Kind.LINES,
            "2 while the old process is warm or drains.",
            (of_its_pods("process_generations"),),
            width=HALF,
        ),
        Panel(
            "Memory of each app container",
            Kind.LINES,
            "Both processes count. At 95 % of the limit the new one is killed.",
            (of_its_pods("container_memory_bytes"),),
            unit=BYTES,
            width=HALF,
        ),
    ),
)

HAND_OVER = Row(
    "Hand-over",
    tuple(
        Panel(
            title,
            Kind.LINES,
            what,
            percentiles(f"hotupgrade_agent_{part}_seconds"),
            unit=SECONDS,
            width=QUARTER,
        )
        for title, part, what in (
            ("Fetch", "fetch", "Fetching, verifying and staging the artifact."),
            ("Start", "listen", "Until the new process listens: the app's own start."),
            ("Flip", "flip", "From the command to the kernel's program in place."),
            ("Rollback", "rollback", "From what triggered it to the kernel's program in place."),
        )
    ),
)

FAILURES = Row(
    "Failures",
    (
        Panel(
            "Upgrades of pods by result",
            Kind.BARS,
            "One pod's way to one revision.",
            ((total_increase("hotupgrade_agent_upgrades_total", "result"), "{{result}}"),),
        ),
        Panel(
            "Pods that failed, by reason",
            Kind.BARS,
            "What each reason means: docs/how-to/troubleshoot.md.",
            (
                (
                    total_increase(
                        "hotupgrade_agent_upgrades_total", "reason", matching='{result="failed"}'
                    )
                    + " > 0",
                    "{{reason}}",
                ),
            ),
        ),
        Panel(
            "Revisions taken back, by reason",
            Kind.BARS,
            "By the reason of the first pod that failed, or AnalysisFailed.",
            (
                (
                    total_increase("hotupgrade_operator_rejections_total", "reason") + " > 0",
                    "{{reason}}",
                ),
            ),
        ),
    ),
)

HEALTH = Row(
    "Agents",
    (
        Panel(
            "Agents, and launchers that answer",
            Kind.LINES,
            "All three are equal where all is well.",
            (
                (f"count({AGENTS})", "agents"),
                (f"sum({AGENTS})", "launchers that answer"),
                ("sum(hotupgrade_agent_hot_capable)", "pods that can hand over"),
            ),
        ),
        Panel(
            "Memory of an agent",
            Kind.LINES,
            "Its Python process alone; the supervisor ends it at 80 MiB.",
            (
                (f"quantile(0.5, process_resident_memory_bytes {OF_AGENTS})", "median"),
                (f"max(process_resident_memory_bytes {OF_AGENTS})", "most"),
            ),
            unit=BYTES,
        ),
        Panel(
            "Restarts",
            Kind.LINES,
            "Neither changes the pod's Ready by itself.",
            (
                (f"sum(changes(process_start_time_seconds[{WINDOW}]) {OF_AGENTS})", "agents"),
                ("sum(hotupgrade_agent_app_restarts)", "apps, by the launcher"),
            ),
        ),
    ),
)

ROWS = (FLEET, TIMELINE, HAND_OVER, FAILURES, HEALTH)
