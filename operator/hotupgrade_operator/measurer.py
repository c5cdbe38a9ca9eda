"""IO: asks Prometheus beside the reconcile, which never waits for it: a server that hangs must not
keep a bad revision from being taken back. A question is lost with the operator, and asked again.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

from hotupgrade_operator.allowed_hosts import AllowedHosts
from hotupgrade_operator.analysis import Reply
from hotupgrade_operator.judgement import Judgement, Outcome, judge
from hotupgrade_operator.prometheus import NoAnswer, Prometheus
from hotupgrade_operator.question import Question

MOST_AT_ONCE = 20  # queries, of all HotUpgrades

Owner = tuple[str, str]  # a HotUpgrade's namespace and name


class Measurer:
    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus = prometheus
        self._listeners: list[Callable[[str, str], None]] = []
        self._asking: dict[tuple[Owner, str], asyncio.Task[None]] = {}
        self._replies: dict[Owner, list[Reply]] = {}
        self._room = asyncio.Semaphore(MOST_AT_ONCE)

    @property
    def allowed(self) -> AllowedHosts:
        return self._prometheus.allowed

    def subscribe(self, listener: Callable[[str, str], None]) -> None:
        """Called with the owner when a reply is there."""
        self._listeners.append(listener)

    def ask(self, owner: Owner, question: Question, at: datetime) -> None:
        """Unless the same metric is being asked for."""
        key = (owner, question.metric.name)
        if key in self._asking:
            return
        task = asyncio.create_task(self._ask(owner, question, at))
        self._asking[key] = task
        task.add_done_callback(lambda _: self._asking.pop(key, None))

    def take(self, owner: Owner) -> tuple[Reply, ...]:
        """What came in since it was last called; gone with it."""
        return tuple(self._replies.pop(owner, ()))

    async def close(self) -> None:
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._prometheus.close()

    async def _ask(self, owner: Owner, question: Question, at: datetime) -> None:
        async with self._room:
            judgement = await self._measure(question, at)
        reply = Reply(question.metric.name, question.started_at, at, judgement)
        self._replies.setdefault(owner, []).append(reply)
        for listener in self._listeners:
            listener(*owner)

    async def _measure(self, question: Question, at: datetime) -> Judgement:
        try:
            samples = await self._prometheus.query(question.address, question.query, at)
            stable = None
            if question.stable_query:
                stable = await self._prometheus.query(question.address, question.stable_query, at)
        except NoAnswer as error:
            return Judgement(Outcome.NO_ANSWER, message=str(error))
        return judge(question.metric, samples, stable)
