"""Drives the one upgrade of this pod: asks `upgrade` what is next, does it, journals it.

Killed anywhere, a new driver reads the journal, asks the launcher, and goes on.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from hotupgrade_agent import fetch, metrics, upgrade
from hotupgrade_agent.launcher import Launcher, LauncherRefused, LauncherUnreachable
from hotupgrade_agent.probe import ProbeResult, generation_of, probe, resolved
from hotupgrade_agent.store import Store
from hotupgrade_agent.upgrade import Action, Failed, Journal
from hotupgrade_api.agent_messages import (
    FINAL,
    FailureReason,
    HealthDefault,
    PodState,
    UpgradeCommand,
)
from hotupgrade_api.launcher_messages import (
    LauncherErrorCode,
    LauncherHandoff,
    LauncherStatus,
    Program,
    PromoteCommand,
    RollbackCommand,
    StartCommand,
    TakenBack,
    WeightCommand,
)
from hotupgrade_api.resource import IMAGE_REVISION, Artifact, Health
from hotupgrade_api.store_records import RevisionRecord

log = logging.getLogger("hotupgrade.agent")

UNREACHABLE_PAUSE_SECONDS = 0.5
Clock = Callable[[], float]
T = TypeVar("T")


class Driver:
    """One upgrade at a time. `changed` wakes whoever waits for the journal."""

    def __init__(
        self, launcher: Launcher, store: Store, default_health: HealthDefault, clock: Clock
    ) -> None:
        self._launcher = launcher
        self._store = store
        self._default_health = default_health
        self._clock = clock
        self._nudge = asyncio.Event()
        self._waiting: asyncio.Task[Any] | None = None
        self._flip = ("", 0.0)  # which upgrade's, and when: monotonic seconds
        self.changed = asyncio.Condition()
        self.sequence = 0
        self.journal = store.journal()

    async def run(self) -> None:
        """Until cancelled. A failure of ours is logged and tried again, never the end."""
        while True:
            try:
                if not await self._step():
                    await self._nudge.wait()
                self._nudge.clear()
            except LauncherUnreachable as error:
                log.warning("%s", error)
                await asyncio.sleep(UNREACHABLE_PAUSE_SECONDS)
            except Exception:
                log.exception("cannot go on with the upgrade; trying again")
                await asyncio.sleep(1)

    async def begin(self, command: UpgradeCommand, serving: str) -> None:
        """Call it with no await since `journal` was found to allow it: two commands may race."""
        await self._save(upgrade.begun(command, serving, self._store.current(), self._clock()))

    async def weigh(self, weight: int) -> None:
        if self.journal:
            await self._save(upgrade.weight_asked(self.journal, weight))

    async def promote(self) -> None:
        if self.journal:
            await self._save(upgrade.promote_asked(self.journal))

    async def take_back(self, message: str) -> None:
        if self.journal:
            await self._save(
                upgrade.failing(self.journal, FailureReason.REQUESTED, message or "asked to")
            )
            if self._waiting:
                self._waiting.cancel()

    async def _save(self, journal: Journal) -> None:
        """Journals first; what it stands for is done after."""
        if journal == self.journal:
            return
        self._store.write_journal(journal)
        self.journal = journal
        log.info("upgrade %s: %s", journal.command.id, journal.progress.state)
        if journal.progress.state in FINAL:
            metrics.ended(journal.progress)
        self._nudge.set()
        async with self.changed:
            self.sequence += 1
            self.changed.notify_all()

    async def _step(self) -> bool:
        """One action; False where nothing is under way."""
        journal = self.journal
        if journal is None or journal.progress.state in FINAL:
            return False
        status = await self._launcher.status()
        if journal is not self.journal:
            return True  # a command came in
        try:
            action = upgrade.next_action(journal, status)
            after = await self._do(action, journal, status)
        except Failed as error:
            after = upgrade.failing(journal, error.reason, str(error))
        except LauncherRefused as error:
            after = upgrade.failing(journal, _reason_of(error), str(error))
        # A command of the operator's may have come in while we acted.
        await self._save(upgrade.overlaid(after, self.journal or journal))
        return True

    async def _do(self, action: Action, journal: Journal, status: LauncherStatus) -> Journal:
        match action:
            case Action.FETCH:
                return await self._fetch(journal, status)
            case Action.START:
                return await self._start(journal, status)
            case Action.AWAIT_LISTENING:
                await self._unless_taken_back(self._launcher.wait(status.sequence, 20))
            case Action.PROBE:
                return await self._prove(journal, status)
            case Action.STEER:
                weight = journal.weight
                command = WeightCommand(upgrade=journal.command.id, weight=weight)
                await self._launcher.call(command)
                return upgrade.steered(journal, weight)
            case Action.HOLD:
                return await self._hold(journal)
            case Action.FLIP:
                command = WeightCommand(upgrade=journal.command.id, weight=100)
                after = await self._launcher.call(command)
                self._flip = (journal.command.id, time.monotonic())
                return upgrade.flipped(journal, after, self._clock())
            case Action.WATCH:
                return await self._watch(journal)
            case Action.COMMIT:
                return await self._commit(journal)
            case Action.ROLL_BACK:
                return await self._roll_back(journal)
        return journal

    async def _fetch(self, journal: Journal, status: LauncherStatus) -> Journal:
        if not status.hot_capable:
            raise Failed(FailureReason.NOT_HOT_CAPABLE, status.reason)
        self._health(journal)
        command, began = journal.command, time.monotonic()
        if command.artifact is not None:
            needed = {serving_revision(status), journal.progress.previous_revision}
            program = await self._unless_taken_back(self._stage(command.artifact, needed))
            if program is None:
                return self.journal or journal
            record = RevisionRecord(
                revision=command.revision, program=program, version=command.version
            )
            self._store.write_revision(record)
        return upgrade.staged(journal, (time.monotonic() - began) * 1000)

    async def _stage(self, artifact: Artifact, needed: set[str]) -> Program:
        """Makes room where it has to: drops all that is neither needed nor `current`."""
        try:
            return await fetch.stage(artifact, self._store)
        except Failed as error:
            if error.reason is not FailureReason.STORE_FULL:
                raise
        self._store.prune({*needed, self._store.current()}, newest=0)
        return await fetch.stage(artifact, self._store)

    async def _start(self, journal: Journal, status: LauncherStatus) -> Journal:
        command = journal.command
        # The digest of the replaced file is known only once the launcher knows which file that is.
        upgrade.check_base(command.expected_base, status.base.image)
        await self._save(upgrade.moved(journal, PodState.STARTING))
        if self.journal is None or self.journal.progress.state is not PodState.STARTING:
            return self.journal or journal  # taken back while that was told
        record = self._store.revision(command.revision)
        program = None
        if command.artifact is not None and record is not None:
            file = str(self._store.root / record.program.file)
            program = msgspec.structs.replace(record.program, file=file)
        handoff = command.handoff
        status = await self._launcher.call(
            StartCommand(
                upgrade=command.id,
                revision=command.revision,
                version=command.version,
                program=program,
                handoff=LauncherHandoff(
                    ready_timeout_seconds=handoff.ready_timeout_seconds,
                    drain_seconds=handoff.drain_seconds,
                    lame_duck_seconds=handoff.lame_duck_seconds,
                    stop_signal=handoff.stop_signal,
                ),
            )
        )
        if record is not None:
            self._store.write_revision(msgspec.structs.replace(record, base=status.base))
        upgrade.check_base(command.expected_base, status.base.image, status.base.sha256)
        assert self.journal is not None
        return upgrade.moved(self.journal, PodState.PROBING)

    async def _prove(self, journal: Journal, status: LauncherStatus) -> Journal:
        """Healthy `successThreshold` times in a row, within the ready time."""
        health, good = self._health(journal), 0
        deadline = time.monotonic() + journal.command.handoff.ready_timeout_seconds
        while True:
            result = await self._probe(journal, health, status)
            good = good + 1 if result.healthy else 0
            if good >= health.success_threshold:
                return upgrade.proven(self.journal or journal)
            if time.monotonic() >= deadline:
                raise Failed(FailureReason.PROBE_FAILED, f"the new process {result.why}")
            if await self._pause(health.period_seconds, journal):
                return self.journal or journal
            status = await self._launcher.status()

    async def _hold(self, journal: Journal) -> Journal:
        """Probes on, until a command comes in."""
        await self._probe_while(journal, lambda: math.inf)
        return self.journal or journal

    async def _watch(self, journal: Journal) -> Journal:
        """The rollback window: probes on, while the old process is warm."""
        if self._flip[0] != journal.command.id:
            # Another process of ours flipped it: its clock is all that is left. One that was set
            # back since does not prolong the window by more than the window.
            elapsed = max(0.0, self._clock() - journal.flipped_at)
            self._flip = (journal.command.id, time.monotonic() - elapsed)

        def left() -> float:
            return upgrade.window_left(journal, time.monotonic() - self._flip[1])

        if await self._probe_while(journal, left):
            return self.journal or journal
        upgrade.next_action(journal, await self._launcher.status())  # its last chance to object
        return upgrade.moved(journal, PodState.COMMITTING)

    async def _probe_while(self, journal: Journal, left: Callable[[], float]) -> bool:
        """Until no seconds are left (False) or a command came in (True). Raises Failed when the new
        process fails `failureThreshold` times in a row."""
        health, bad = self._health(journal), 0
        while (rest := left()) > 0:
            status = await self._launcher.status()
            result = await self._probe(journal, health, status)
            bad = 0 if result.healthy else bad + 1
            if bad >= health.failure_threshold:
                raise Failed(FailureReason.PROBE_FAILED, f"the new process {result.why}")
            if await self._pause(min(health.period_seconds, rest), journal):
                return True
        return False

    async def _commit(self, journal: Journal) -> Journal:
        """`current` first: from the promote on there is no old process to go back to."""
        command = journal.command
        self._store.commit(command.revision)
        try:
            await self._launcher.call(PromoteCommand(upgrade=command.id))
        except LauncherRefused as error:
            status = await self._launcher.status()
            if status.revision != command.revision:  # the container restarted, superseded
                self._store.commit(journal.progress.previous_revision)
                raise Failed(FailureReason.PROCESS_EXITED, str(error)) from error
        self._store.prune({command.revision, journal.progress.previous_revision})
        return upgrade.committed(journal, self._clock())

    async def _roll_back(self, journal: Journal) -> Journal:
        progress, rollback_ms = journal.progress, 0.0
        self._store.commit(progress.previous_revision)
        reason = progress.reason or FailureReason.REQUESTED
        known = {r.value for r in TakenBack}
        command = RollbackCommand(
            upgrade=journal.command.id,
            reason=TakenBack(reason.value if reason.value in known else TakenBack.REQUESTED.value),
            message=progress.message,
        )
        try:
            status = await self._launcher.call(command)
            rollback_ms = status.upgrade.rollback_ms if status.upgrade else 0.0
        except LauncherRefused as error:
            if error.code is not LauncherErrorCode.NOT_FOUND:
                log.warning("%s", error)
        self._store.prune({self._store.current(), progress.previous_revision})
        return upgrade.failed(journal, rollback_ms, self._clock())

    async def _probe(self, journal: Journal, health: Health, status: LauncherStatus) -> ProbeResult:
        upgrade.next_action(journal, status)  # raises where the launcher took it back
        number = status.upgrade.generation if status.upgrade else 0
        generation = generation_of(status, number)
        return await probe(health, generation) if generation else ProbeResult("is gone")

    async def _unless_taken_back(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Does what may take long. None where a rollback was asked for: it is cancelled then."""
        waiting = self._waiting = asyncio.create_task(work)
        try:
            await asyncio.wait({waiting})
        finally:
            self._waiting = None
            waiting.cancel()  # where we are cancelled ourselves; one that is done stays done
        return None if waiting.cancelled() else waiting.result()

    async def _pause(self, seconds: float, journal: Journal | None = None) -> bool:
        """Sleeps, but not through a command; says whether one came in."""
        try:
            async with asyncio.timeout(seconds):
                await self._nudge.wait()
        except TimeoutError:
            return False
        self._nudge.clear()
        return journal is not None and self.journal is not journal

    def _health(self, journal: Journal) -> Health:
        """Raises Failed where that would be the template's probe, and it cannot be read."""
        wanted, default = journal.command.health, self._default_health
        if default.error and not (wanted.http_get or wanted.tcp_socket):
            raise Failed(
                FailureReason.UNSUPPORTED,
                f"cannot take over the template's readiness probe: {default.error}; "
                "spec.health says what to ask instead",
            )
        return resolved(wanted, default.health)


def _reason_of(error: LauncherRefused) -> FailureReason:
    if error.code is LauncherErrorCode.UNSUPPORTED:
        return FailureReason.NOT_HOT_CAPABLE
    return FailureReason.START_FAILED


def serving_revision(status: LauncherStatus) -> str:
    return status.revision or IMAGE_REVISION
