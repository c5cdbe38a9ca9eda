"""The console script `hotupgrade`: `hotupgrade demo`."""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from hotupgrade_demo import build
from hotupgrade_demo.scenario import DemoFailed, Report, Scenario


def table(scenario: Scenario, step: str, began: float) -> Table:
    load = scenario.load
    shown = Table(title=f"{step} ({time.monotonic() - began:.0f} s)")
    for column in ("pod", "revision", "version"):
        shown.add_column(column)
    for row in scenario.rows():
        shown.add_row(*row)
    versions = ", ".join(f"{name} {count}" for name, count in sorted(load.versions.items()))
    shown.caption = (
        f"HotUpgrade {scenario.summary()}\n"
        f"{load.requests} requests, {load.failed} failed; {versions}"
    )
    return shown


async def demo(keep: bool) -> int:
    console = Console()
    folder = Path(tempfile.mkdtemp(prefix="hotupgrade-demo-"))
    began, step = time.monotonic(), ["builds the launcher"]
    console.print(step[0])
    scenario = Scenario(folder, await asyncio.to_thread(build.launcher))

    async def tell(text: str) -> None:
        step[0] = text
        if not console.is_terminal:
            console.print(f"{time.monotonic() - began:5.1f} s  {text}")

    async def refresh(live: Live) -> None:
        while True:
            live.update(table(scenario, step[0], began))
            await asyncio.sleep(0.25)

    good = False
    try:
        if console.is_terminal:
            with Live(console=console) as live:
                drawing = asyncio.create_task(refresh(live))
                report = await scenario.run(tell)
                drawing.cancel()
        else:
            report = await scenario.run(tell)
        good = report.good
        console.print(table(scenario, "done", began))
        show(console, report)
        if keep:
            console.print(f"KUBECONFIG={scenario.kubeconfig} kubectl get hotupgrades,pods")
            console.print(f"curl http://{scenario.pods[0].address}:{scenario.pods[0].app_port}/")
            console.print(f"logs and sockets: {folder}; Ctrl-C ends it")
            await asyncio.Event().wait()
    except DemoFailed as error:
        console.print(f"[red]{error}[/red]")
    finally:
        await scenario.stop()
        if good:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if good else 1


def show(console: Console, report: Report) -> None:
    def figures(values: list[float]) -> str:
        return ", ".join(f"{value:.2f}" for value in values) + " ms"

    console.print(f"requests: {report.requests}, failed: {report.failed} {report.errors or ''}")
    console.print(f"hand-over, each pod: {figures(report.flip_ms)}")
    console.print(f"rollback of v3: {figures(report.rollback_ms)}")
    console.print(f"why v3 was taken back: {report.reason}")
    console.print(f"every pod serves: {', '.join(report.serving)}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="hotupgrade", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    of_demo = verbs.add_parser("demo", help="the whole of it on this machine, in a minute")
    of_demo.add_argument("--keep", action="store_true", help="leave it running to look at")
    try:
        sys.exit(asyncio.run(demo(parser.parse_args().keep)))
    except build.CannotBuild as error:
        sys.exit(f"hotupgrade: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
