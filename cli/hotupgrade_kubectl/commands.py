"""IO: the verbs that speak to the cluster: read, show, ask, wait."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

import msgspec
from rich.console import Console
from rich.live import Live
from rich.table import Table

from hotupgrade_api.request import Request, Verb
from hotupgrade_kubectl import status_tree, tables
from hotupgrade_kubectl.asking import carried_out, outcome, refusal
from hotupgrade_kubectl.cluster import Cluster
from hotupgrade_kubectl.objects import HotUpgrade, Snapshot

WIDE = 4096
WATCH_SECONDS = 1.0
POLL_SECONDS = 0.5


class CannotAsk(Exception):
    """The request makes no sense now, was refused, or nobody acted on it."""


def console_for(stdout: TextIO) -> Console:
    """Without a terminal a line stays a line: whoever pipes it looks for whole ones. What others
    wrote is shown as it is, never read as markup."""
    width = None if stdout.isatty() else WIDE
    return Console(file=stdout, highlight=False, markup=False, emoji=False, width=width)


def show_table(console: Console, table: Table) -> None:
    """As kubectl does: the terminal breaks lines that are too long, and no cell is cut."""
    console.print(table, width=WIDE, crop=False)


def show_json(console: Console, what: object) -> None:
    text = msgspec.json.format(msgspec.json.encode(what), indent=2).decode()
    console.print(text, soft_wrap=True)


@dataclass(frozen=True)
class Look:
    """What `status` was asked for. processes: what lives in each pod, asked of its agent."""

    name: str
    processes: bool = False


async def status(cluster: Cluster, console: Console, look: Look, as_json: bool) -> None:
    seen = await _seen(cluster, look)
    if as_json:
        show_json(console, seen)
    else:
        console.print(status_tree.render(seen, datetime.now(UTC)))


async def watch(cluster: Cluster, console: Console, look: Look) -> None:
    """Until it is interrupted. Without a terminal: once for each change."""
    before = seen = await _seen(cluster, look)
    if not console.is_terminal:
        console.print(status_tree.render(seen, datetime.now(UTC)))
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            seen = await _seen(cluster, look)
            if seen != before:
                before = seen
                console.print(status_tree.render(seen, datetime.now(UTC)))
    with Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(status_tree.render(seen, datetime.now(UTC)), refresh=True)
            await asyncio.sleep(WATCH_SECONDS)
            seen = await _seen(cluster, look)


async def _seen(cluster: Cluster, look: Look) -> Snapshot:
    seen = await cluster.snapshot(look.name)
    if not look.processes:
        return seen
    processes = await cluster.processes(status_tree.shown_pods(seen))
    return msgspec.structs.replace(seen, processes=processes)


async def list_all(cluster: Cluster, console: Console, everywhere: bool, as_json: bool) -> None:
    found = await cluster.hot_upgrades(everywhere)
    if as_json:
        show_json(console, found)
    elif found:
        show_table(console, tables.listing(found, everywhere, datetime.now(UTC)))
    else:
        console.print("no HotUpgrade found")


async def history(cluster: Cluster, console: Console, name: str, as_json: bool) -> None:
    found = await cluster.hot_upgrade(name)
    if as_json:
        show_json(console, found.status.history)
    elif found.status.history:
        show_table(console, tables.history(found, datetime.now(UTC)))
    else:
        console.print("no revision but the image's own has been tried")


async def ask(cluster: Cluster, console: Console, name: str, verb: Verb, seconds: float) -> None:
    """seconds: how long to wait for the operator; 0 does not. Raises CannotAsk."""
    request, asked = Request(verb, secrets.token_hex(8)), False
    try:
        async with asyncio.timeout(seconds or None):
            before = await _look(cluster, name, seconds > 0)
            if why := refusal(request, before, datetime.now(UTC)):
                raise CannotAsk(f"{why} ({outcome(before)})")
            await cluster.ask(name, request)
            asked = True
            if not seconds:
                console.print(f"{name}: asked to {verb.value}; not waited for")
                return
            after = await _until(
                cluster, name, lambda found: found.status.handled_request == str(request)
            )
    except TimeoutError:
        left = "the request stays for one that does" if asked else "nothing was asked"
        raise CannotAsk(
            f"cannot {verb.value}: no operator acted within {seconds:g} s ({left}); does one run, "
            "and does one hold its Lease?"
        ) from None
    if not carried_out(verb, before, after):
        raise CannotAsk(
            f"the operator refused to {verb.value}: things had changed meanwhile; the Event "
            f"RequestRefused says why ({outcome(after)})"
        )
    console.print(f"{name}: {verb.value} is done: {outcome(after)}")


async def _look(cluster: Cluster, name: str, wait: bool) -> HotUpgrade:
    """What the operator has not seen yet says nothing of whether a request makes sense."""
    if not wait:
        return await cluster.hot_upgrade(name)
    return await _until(cluster, name, lambda found: found.is_observed)


async def _until(cluster: Cluster, name: str, check: Callable[[HotUpgrade], bool]) -> HotUpgrade:
    """The caller bounds it."""
    while True:
        found = await cluster.hot_upgrade(name)
        if check(found):
            return found
        await asyncio.sleep(POLL_SECONDS)
