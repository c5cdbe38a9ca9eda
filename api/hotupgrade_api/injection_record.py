"""What the webhook leaves on a pod (annotation hotupgrade.io/injected), read by the operator."""

from hotupgrade_api.wire import Wire


class InjectionRecord(Wire, frozen=True, kw_only=True):
    """refused is empty where launcher and agent are in the pod; else it says what to change.
    health is empty where the readiness probe does for a dark probe; else it says why it does not.
    """

    container: str = ""
    image: str = ""
    revision: str = "image"  # what the pod boots
    refused: str = ""
    health: str = ""
    v: int = 1
