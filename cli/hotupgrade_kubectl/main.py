"""The console script `kubectl-hotupgrade`, which kubectl runs as `kubectl hotupgrade`.

Exit codes: 0 done; 1 it cannot be done, or lint found an error; 2 wrong usage, or a file that
cannot be read.
"""

import argparse
import asyncio
import logging
import sys
from typing import TextIO

from rich.console import Console

from hotupgrade_api.request import Verb
from hotupgrade_kubectl import commands
from hotupgrade_kubectl.cluster import CannotReach, Cluster, NotFound
from hotupgrade_kubectl.cluster_lint import CannotTell
from hotupgrade_kubectl.commands import CannotAsk
from hotupgrade_kubectl.connection import CannotConnect, Where, connect
from hotupgrade_kubectl.linting import CannotLint, run_cluster, run_offline

PROGRAM = "kubectl hotupgrade"
TIMEOUT_SECONDS = 30.0
VERBS = {
    Verb.PROMOTE: "end the pause, step or rollback window that the upgrade is in",
    Verb.PAUSE: "start no further pod and no further step",
    Verb.RESUME: "go on after pause",
    Verb.ABORT: "take the upgrade under way back, in every pod",
    Verb.RETRY: "try a rejected revision once more",
    Verb.UNDO: "go back to the stable revision before this one",
}


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(prog=PROGRAM, description="Looks at HotUpgrades and asks.")
    verbs = whole.add_subparsers(dest="verb", required=True, metavar="VERB")
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("-n", "--namespace", default="", help="default: the context's")
    where.add_argument("--context", default="", help="of the kubeconfig")
    where.add_argument("--kubeconfig", default="", metavar="FILE")
    output = argparse.ArgumentParser(add_help=False)
    output.add_argument("-o", "--output", choices=["json"], help="for programs")
    name = argparse.ArgumentParser(add_help=False)
    name.add_argument("name", metavar="NAME", help="of the HotUpgrade")

    status = verbs.add_parser("status", parents=[name, where, output], help="all of one, as a tree")
    status.add_argument("-w", "--watch", action="store_true", help="until Ctrl-C")
    status.add_argument(
        "-p", "--processes", action="store_true", help="ask each agent what lives in its pod"
    )
    listing = verbs.add_parser("list", parents=[where, output], help="a line for each")
    listing.add_argument("-A", "--all-namespaces", action="store_true")
    verbs.add_parser("history", parents=[name, where, output], help="the revisions tried")
    for verb, what in VERBS.items():
        asked = verbs.add_parser(verb.value, parents=[name, where], help=what, description=what)
        if verb is Verb.PROMOTE:
            asked.add_argument("--full", action="store_true", help="skip every step that is left")
        asked.add_argument("--timeout", type=_seconds, default=TIMEOUT_SECONDS, metavar="SECONDS")
        asked.add_argument("--no-wait", action="store_true", help="for the operator to act on it")
    linter = verbs.add_parser("lint", parents=[where, output], help="check manifests, offline")
    linter.add_argument(
        "targets", nargs="+", metavar="FILE", help="YAML or JSON, - reads stdin; NAME: --cluster"
    )
    linter.add_argument(
        "--cluster", action="store_true", help="also what a hot upgrade would meet there"
    )
    return whole


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not within 0 to 3600")
    return seconds


async def run(arguments: argparse.Namespace, stdout: TextIO, stderr: TextIO) -> int:
    """The exit code."""
    console = commands.console_for(stdout)
    try:
        where = Where(arguments.kubeconfig, arguments.context, arguments.namespace)
        if arguments.verb == "lint":
            as_json = arguments.output == "json"
            if arguments.cluster:
                return await run_cluster(arguments.targets, where, as_json, console)
            return run_offline(arguments.targets, as_json, console)
        api, namespace = await connect(where)
        async with api:
            await _speak(Cluster(api, namespace), arguments, console)
    except (CannotConnect, CannotReach, NotFound, CannotAsk, CannotTell) as error:
        print(f"{PROGRAM}: {error}", file=stderr)
        return 1
    except CannotLint as error:
        print(f"{PROGRAM}: {error}", file=stderr)
        return 2
    return 0


async def _speak(cluster: Cluster, arguments: argparse.Namespace, console: Console) -> None:
    as_json = getattr(arguments, "output", None) == "json"
    match arguments.verb:
        case "status" if arguments.watch:
            look = commands.Look(arguments.name, arguments.processes)
            await commands.watch(cluster, console, look)
        case "status":
            look = commands.Look(arguments.name, arguments.processes)
            await commands.status(cluster, console, look, as_json)
        case "list":
            await commands.list_all(cluster, console, arguments.all_namespaces, as_json)
        case "history":
            await commands.history(cluster, console, arguments.name, as_json)
        case _:
            verb = Verb(arguments.verb)
            if verb is Verb.PROMOTE and arguments.full:
                verb = Verb.PROMOTE_FULL
            seconds = 0.0 if arguments.no_wait else arguments.timeout
            await commands.ask(cluster, console, arguments.name, verb, seconds)


def main() -> None:
    arguments = parser().parse_args()
    if getattr(arguments, "watch", False) and arguments.output:
        parser().error("--watch and --output exclude each other")
    logging.basicConfig(level=logging.ERROR)  # what the library warns of, we say in our words
    try:
        sys.exit(asyncio.run(run(arguments, sys.stdout, sys.stderr)))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
