"""`python -m tests.cluster build | run -- COMMAND [ARG...] | shell`: the cluster, by hand."""

import argparse
import os
import sys

from tests.cluster import binaries
from tests.cluster.images import catalogue
from tests.cluster.requirements import CannotStart, check
from tests.cluster.unit import Unit


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("build", help="build everything that is not in the cache")
    verbs.add_parser("shell", help="a shell in the cluster, with KUBECONFIG and PATH")
    run = verbs.add_parser("run", help="run a command in the cluster; its exit code is ours")
    run.add_argument("command", nargs="+", metavar="COMMAND")
    arguments = parser.parse_args()
    try:
        check()
        if arguments.verb == "build":
            binaries.build()
            catalogue.images()
            return 0
        shell = [os.environ.get("SHELL", "/bin/bash")]
        with Unit() as unit:
            return unit.run(shell if arguments.verb == "shell" else arguments.command)
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
