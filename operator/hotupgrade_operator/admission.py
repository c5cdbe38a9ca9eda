"""IO: the mutating webhook. Asks `injection` what a pod becomes, and never keeps a pod from being
made: whatever goes wrong, the pod is admitted as it is, and somebody is told."""

import asyncio
import base64
import logging
import ssl
from typing import Any

import msgspec
from aiohttp import web

from hotupgrade_api import tls
from hotupgrade_api.agent_messages import BootConfig
from hotupgrade_api.resource import LABEL_NAME, HotUpgradeSpec, WorkloadRef
from hotupgrade_api.resource_status import HotUpgradeStatus
from hotupgrade_operator import injection, metrics
from hotupgrade_operator.certificates import Identity
from hotupgrade_operator.cluster import Cluster
from hotupgrade_operator.injected_containers import Injection
from hotupgrade_operator.injection import NotInjected
from hotupgrade_operator.new_pods import boot_config
from hotupgrade_operator.settings import Settings

log = logging.getLogger("hotupgrade.operator")

PATH = "/inject"
MAX_BODY_BYTES = 8 << 20
LOOK_UP_SECONDS = 3.0  # below the webhook's own time-out
END_SECONDS = 5.0  # for answers under way when it ends


class _Request(msgspec.Struct, rename="camel"):
    uid: str
    namespace: str
    object: dict[str, Any]


class _Review(msgspec.Struct):
    """admission.k8s.io/v1 AdmissionReview."""

    request: _Request


class Admission:
    def __init__(self, cluster: Cluster, settings: Settings) -> None:
        self._cluster = cluster
        self._settings = settings
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._bundle = ""

    def use(self, identity: Identity) -> None:
        """Also while it serves: the next handshake shows the new certificate."""
        self._bundle = identity.bundle.decode()
        tls.show(self._context, identity.webhook_key + identity.webhook)

    async def start(self) -> web.AppRunner:
        """Serves until the runner is cleaned up. `use` comes first."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.add_routes([web.post(PATH, self._review)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=END_SECONDS)
        await runner.setup()
        address, port = self._settings.bind_address, self._settings.webhook_port
        await web.TCPSite(runner, address, port, ssl_context=self._context).start()
        return runner

    async def _review(self, incoming: web.Request) -> web.Response:
        try:
            review = msgspec.json.decode(await incoming.read(), type=_Review)
        except msgspec.DecodeError as error:
            raise web.HTTPBadRequest(text=f"cannot read the AdmissionReview: {error}") from error
        request = review.request
        response: dict[str, Any] = {"uid": request.uid, "allowed": True}
        try:
            after, warning = await self._injected(request)
            operations = injection.patch(request.object, after)
            if operations:
                raw = msgspec.json.encode(operations)
                response |= {"patchType": "JSONPatch", "patch": base64.b64encode(raw).decode()}
            if warning:
                response["warnings"] = [f"hotupgrade: {warning}"[:250]]
            result = "refused" if warning else "injected" if operations else "unchanged"
        except Exception:
            # The pod is more than its upgrade: it starts without us, and status says so.
            log.exception("cannot inject a pod of namespace %s", request.namespace)
            result = "error"
        metrics.INJECTIONS.labels(result).inc()
        answer = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
        return web.json_response({**answer, "response": response})

    async def _injected(self, request: _Request) -> tuple[dict[str, Any], str]:
        """The pod after injection, and why it was left alone, where it was.

        Nothing is written to the API here: whoever reaches the port may ask. The annotation is what
        tells the reconcile, which writes status and Event.
        """
        pod = request.object
        name = pod["metadata"]["labels"][LABEL_NAME]
        try:
            if injection.is_injected(pod):
                return injection.inject_again(pod), ""
            resource = await self._look_up(request.namespace, name)
            after = injection.inject(pod, self._injection(resource, pod))
        except (NotInjected, msgspec.ValidationError) as error:
            why = str(error)
            log.warning("%s, a pod of %s/%s", why, request.namespace, name)
            return injection.left_alone(pod, why), why
        log.info("audit: injected a pod of %s/%s", request.namespace, name)
        return after, ""

    def _injection(self, resource: dict[str, Any] | None, pod: dict[str, Any]) -> Injection:
        """A pod may be made before its HotUpgrade, as by one `kubectl apply` of both: it gets
        launcher and agent all the same, and is adopted later."""
        spec = HotUpgradeSpec(workload_ref=WorkloadRef(api_version="", kind="", name=""))
        boot, uid = BootConfig(), ""
        if resource is not None:
            spec = msgspec.convert(resource["spec"], HotUpgradeSpec)
            status = msgspec.convert(resource.get("status") or {}, HotUpgradeStatus)
            uid = resource["metadata"]["uid"]
            generation = resource["metadata"].get("generation", 0)
            image, allowed = injection.app_image(pod, spec), self._settings.prometheus_allowed
            boot = boot_config(spec, status, generation, image, allowed)
        return Injection(
            uid=uid,
            spec=spec,
            boot=boot,
            ca_bundle=self._bundle,
            image=self._settings.agent_image,
            pull_policy=self._settings.agent_pull_policy,
            pull_secrets=self._settings.agent_pull_secrets,
            agent_port=self._settings.agent_port,
            metrics_port=self._settings.agent_metrics_port,
            store_limit_bytes=self._settings.store_limit_bytes,
            resources=self._settings.agent_resources,
        )

    async def _look_up(self, namespace: str, name: str) -> dict[str, Any] | None:
        async with asyncio.timeout(LOOK_UP_SECONDS):
            return await self._cluster.hot_upgrade(namespace, name)
