"""`python -m tests.cluster.enforcer KUBECONFIG`: follows the API server, and filters by it."""

import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.cluster.api import Api, ApiUnreachable
from tests.cluster.enforcer.ruleset import ruleset
from tests.cluster.enforcer.state import state

PODS = "/api/v1/pods"
NAMESPACES = "/api/v1/namespaces"
POLICIES = "/apis/networking.k8s.io/v1/networkpolicies"
WATCH_SECONDS = 300
PAUSE_SECONDS = 0.5  # before it asks an API server again that did not answer


def follow(api: Api, path: str, changed: threading.Event) -> None:
    """Sets `changed` at each event. Each watch begins with what is there."""
    while True:
        try:
            for _ in api.lines(
                f"{path}?watch=1&timeoutSeconds={WATCH_SECONDS}", WATCH_SECONDS + 30
            ):
                changed.set()
        except ApiUnreachable as error:
            print(error, file=sys.stderr, flush=True)
            time.sleep(PAUSE_SECONDS)


def read(api: Api) -> str:
    """The ruleset for what is there now. Raises ApiUnreachable."""
    pods, namespaces, policies = (api.get(p)["items"] for p in (PODS, NAMESPACES, POLICIES))
    return ruleset(state(pods, namespaces, policies))


def enforce(api: Api) -> None:
    changed, applied = threading.Event(), ""
    changed.set()
    for path in (PODS, NAMESPACES, POLICIES):
        threading.Thread(target=follow, args=(api, path, changed), daemon=True).start()
    while True:
        changed.wait()
        changed.clear()
        try:
            wanted = read(api)
        except ApiUnreachable as error:
            print(error, file=sys.stderr, flush=True)
            time.sleep(PAUSE_SECONDS)
            changed.set()
            continue
        if wanted != applied:
            subprocess.run(["nft", "--file", "-"], input=wanted, text=True, check=True)
            applied = wanted
            print(wanted, flush=True)


if __name__ == "__main__":
    enforce(Api(Path(sys.argv[1])))
