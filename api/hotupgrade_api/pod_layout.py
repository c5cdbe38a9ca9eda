"""What injection puts into a pod: names, paths, ports and environment, read by agent and launcher.

- volume STORE_VOLUME (emptyDir with sizeLimit) at STORE_PATH: agent and boot write, the app's mount
  is read-only
- volume SOCKET_VOLUME (emptyDir) at SOCKET_DIR: app and agent only; this mount is the boundary
- volume TOKEN_VOLUME (projected ServiceAccount token, audience hotupgrade.io/agent) at TOKEN_DIR:
  agent only
- volume NO_TOKEN_VOLUME (an empty emptyDir) at API_TOKEN_DIR: boot and agent only, which would get
  the pod's token for the API server there
- volume SECRET_VOLUME (spec.artifact.secretRef, optional) at SECRET_DIR: boot and agent only
- init container BOOT_CONTAINER, `hotupgrade-agent boot`: copies the launcher, stages what a new pod
  runs; then the native sidecar AGENT_CONTAINER, `hotupgrade-launcher supervise -- hotupgrade-agent
  serve`
- the app's command, prefixed with `STORE_PATH/bin/hotupgrade-launcher run --`; its args stay
"""

BOOT_CONTAINER = "hotupgrade-boot"
AGENT_CONTAINER = "hotupgrade-agent"

STORE_VOLUME = "hotupgrade-store"
SOCKET_VOLUME = "hotupgrade-socket"
TOKEN_VOLUME = "hotupgrade-token"  # noqa: S105  (a volume's name)
NO_TOKEN_VOLUME = "hotupgrade-no-token"  # noqa: S105  (a volume's name)
SECRET_VOLUME = "hotupgrade-secret"  # noqa: S105  (a volume's name)

STORE_PATH = "/hotupgrade/store"
SOCKET_DIR = "/hotupgrade/run"
SOCKET_PATH = SOCKET_DIR + "/launcher.sock"
TOKEN_DIR = "/hotupgrade/token"  # noqa: S105  (a path)
TOKEN_PATH = TOKEN_DIR + "/token"
# Where Kubernetes mounts the pod's token into every container that mounts nothing there.
API_TOKEN_DIR = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105  (a path)
SECRET_DIR = "/hotupgrade/secret"  # noqa: S105  (a path)
# What boot leaves here the kubelet shows as the reason (a container's terminationMessagePath).
TERMINATION_LOG = "/dev/termination-log"

AGENT_PORT = 9440  # default: HTTPS for the operator
METRICS_PORT = 9441  # default: plain /healthz and /metrics
METRICS_PORT_NAME = "hu-metrics"  # of the agent's container; Prometheus finds agents by it
STORE_LIMIT_BYTES = 2 << 30  # default: the store volume's sizeLimit

OPERATOR_COMMON_NAME = "hotupgrade-operator"  # subject of the client certificate that agents demand

# The launcher's environment, in the app's container.
ENV_SOCKET = "HOTUPGRADE_SOCKET"
ENV_STORE = "HOTUPGRADE_STORE"
ENV_IMAGE = "HOTUPGRADE_IMAGE"  # the container's image string, the first half of the base
ENV_PEER_UIDS = "HOTUPGRADE_PEER_UIDS"  # "any": agents and apps may have any UID (OpenShift)

# The agent's and boot's own, beside ENV_SOCKET and ENV_STORE.
ENV_POD_NAME = "HOTUPGRADE_POD_NAME"
ENV_POD_NAMESPACE = "HOTUPGRADE_POD_NAMESPACE"
ENV_POD_UID = "HOTUPGRADE_POD_UID"
ENV_POD_IP = "HOTUPGRADE_POD_IP"
ENV_HOT_UPGRADE_UID = "HOTUPGRADE_UID"
ENV_STORE_LIMIT = "HOTUPGRADE_STORE_LIMIT_BYTES"  # the store volume's sizeLimit
ENV_AGENT_PORT = "HOTUPGRADE_AGENT_PORT"
ENV_METRICS_PORT = "HOTUPGRADE_METRICS_PORT"
ENV_BIND_ADDRESS = "HOTUPGRADE_BIND_ADDRESS"  # where both ports listen; default: every address
ENV_CA_BUNDLE = "HOTUPGRADE_CA_BUNDLE"  # PEM: who may command this agent
ENV_TOKEN_FILE = "HOTUPGRADE_TOKEN_FILE"  # noqa: S105  (a variable's name)
ENV_SECRET_DIR = "HOTUPGRADE_SECRET_DIR"  # noqa: S105  (a variable's name)
ENV_TERMINATION_LOG = "HOTUPGRADE_TERMINATION_LOG"  # boot's; default: TERMINATION_LOG
ENV_BOOT = "HOTUPGRADE_BOOT"  # JSON BootConfig
ENV_DEFAULT_HEALTH = "HOTUPGRADE_DEFAULT_HEALTH"  # JSON Health: the template's readiness probe
