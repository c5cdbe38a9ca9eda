"""What the webhook leaves on a pod (annotation hotupgrade.io/injected), read by the operator."""

from hotupgrade_api.wire import Wire


class InjectionRecord(Wire, frozen=True, kw_only=True):
    """refused is empty where launcher and agent are in the pod; else it says what to change."""

    container: str = ""
    image: str = ""
    revision: str = "image"  # what the pod boots
    refused: str = ""
    v: int = 1
