"""The references of the images; nothing pulls them, the node has them."""

REGISTRY = "localhost/hotupgrade"
TAG = "e2e"


def reference(name: str, tag: str = TAG) -> str:
    return f"{REGISTRY}/{name}:{tag}"


PAUSE = reference("pause")
OPERATOR = reference("operator")
AGENT = reference("agent")
LAUNCHER = reference("launcher")
LOAD = reference("load")
ARTIFACTS = reference("artifacts")
APP_V1 = reference("app", "v1")
APP_V5 = reference("app", "v5")  # what a user rolls the ordinary way
NGINX = reference("nginx")
