"""The HTTPS API for the operator, and plain /healthz and /metrics on another port."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import TypeVar

import msgspec
from aiohttp import web
from prometheus_client import generate_latest

from hotupgrade_agent import metrics, upgrade
from hotupgrade_agent.certificate import server_context
from hotupgrade_agent.driver import Driver, serving_revision
from hotupgrade_agent.launcher import Launcher, LauncherUnreachable
from hotupgrade_agent.reach import try_host
from hotupgrade_agent.settings import Settings
from hotupgrade_agent.store import Store
from hotupgrade_api.agent_messages import (
    FINAL,
    AgentError,
    AgentErrorCode,
    AgentStatus,
    OwnerUpdate,
    PodState,
    ReachAnswer,
    ReachRequest,
    RollbackRequest,
    TargetedCommand,
    TrustUpdate,
    UpgradeCommand,
    WeightRequest,
    trust_digest,
)
from hotupgrade_api.launcher_messages import LauncherStatus
from hotupgrade_api.pod_layout import OPERATOR_COMMON_NAME
from hotupgrade_api.revision import revision_of

log = logging.getLogger("hotupgrade.agent")

VERSION = "0.1.0"
MAX_BODY_BYTES = 1 << 20
MAX_WAIT_SECONDS = 60.0
HTTP_STATUS = {
    AgentErrorCode.INVALID: HTTPStatus.BAD_REQUEST,
    AgentErrorCode.WRONG_TARGET: HTTPStatus.CONFLICT,
    AgentErrorCode.BUSY: HTTPStatus.CONFLICT,
    AgentErrorCode.CONFLICT: HTTPStatus.CONFLICT,
    AgentErrorCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
T = TypeVar("T")
C = TypeVar("C", bound=TargetedCommand)


class Refused(Exception):
    """Answered as an AgentError."""

    def __init__(self, code: AgentErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class Server:
    def __init__(
        self, settings: Settings, store: Store, launcher: Launcher, driver: Driver, pem: bytes
    ) -> None:
        self._settings = settings
        self._store = store
        self._launcher = launcher
        self._driver = driver
        self._pem = pem
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None

    async def start(self) -> None:
        app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[_errors])
        app.add_routes(
            [
                web.get("/v1/status", self._status),
                web.put("/v1/upgrade", self._upgrade),
                web.put("/v1/weight", self._weight),
                web.post("/v1/promote", self._promote),
                web.post("/v1/rollback", self._rollback),
                web.post("/v1/reach", self._reach),
                web.put("/v1/trust", self._trust),
                web.put("/v1/owner", self._own),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await self._listen(self._trusted())
        plain = web.Application()
        plain.add_routes([web.get("/healthz", self._healthz), web.get("/metrics", self._metrics)])
        runner = web.AppRunner(plain, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, self._settings.bind_address, self._settings.metrics_port).start()

    async def _listen(self, ca_bundle: str) -> None:
        """Listens with this trust; one before it is closed for new connections first."""
        assert self._runner is not None
        context = server_context(self._pem, ca_bundle)
        if self._site is not None:
            await self._site.stop()
        self._site = web.TCPSite(
            self._runner,
            self._settings.bind_address,
            self._settings.agent_port,
            ssl_context=context,
        )
        await self._site.start()

    async def _status(self, request: web.Request) -> web.Response:
        _authorize(request)
        try:
            after = int(request.query.get("after", "-1"))
            wait = min(float(request.query.get("wait", "0")), MAX_WAIT_SECONDS)
        except ValueError as error:
            raise Refused(AgentErrorCode.INVALID, f"cannot read the query: {error}") from error
        if wait > 0:
            try:
                async with asyncio.timeout(wait), self._driver.changed:
                    await self._driver.changed.wait_for(lambda: self._driver.sequence > after)
            except TimeoutError:
                pass
        return _answer(await self._describe())

    async def _upgrade(self, request: web.Request) -> web.Response:
        _authorize(request)
        command = self._targeted(await _body(request, UpgradeCommand))
        _expect_own_revision(command)
        if self._is_known(command):
            return _answer(await self._describe())
        try:
            launcher = await self._launcher.status()
        except LauncherUnreachable as error:
            raise Refused(AgentErrorCode.UNAVAILABLE, str(error)) from error
        if self._is_known(command):  # another request was faster, while the launcher was asked
            return _answer(await self._describe())
        log.info(
            "audit: upgrade %s to revision %s (%s)", command.id, command.revision, command.version
        )
        await self._driver.begin(command, serving_revision(launcher))
        return _answer(await self._describe(), HTTPStatus.ACCEPTED)

    def _is_known(self, command: UpgradeCommand) -> bool:
        """Raises Refused where another upgrade is under way."""
        journal = self._driver.journal
        if journal is None or journal.command.id == command.id:
            return journal is not None
        if journal.progress.state not in FINAL:
            raise Refused(
                AgentErrorCode.BUSY,
                f"cannot start {command.id}: {journal.command.id} is {journal.progress.state}",
            )
        return False

    async def _weight(self, request: web.Request) -> web.Response:
        _authorize(request)
        command = self._targeted(await _body(request, WeightRequest))
        self._expect(command, set(PodState) - {PodState.HOLDING}, "set the weight")
        log.info("audit: weight %d for %s", command.weight, command.id)
        await self._driver.weigh(command.weight)
        return _answer(await self._describe())

    async def _promote(self, request: web.Request) -> web.Response:
        _authorize(request)
        command = self._targeted(await _body(request, TargetedCommand))
        self._expect(command, {PodState.FAILED, PodState.ROLLING_BACK}, "promote")
        log.info("audit: promote %s", command.id)
        await self._driver.promote()
        return _answer(await self._describe())

    async def _rollback(self, request: web.Request) -> web.Response:
        _authorize(request)
        command = self._targeted(await _body(request, RollbackRequest))
        self._expect(command, {PodState.COMMITTED, PodState.COMMITTING}, "roll back")
        log.info("audit: roll back %s: %s", command.id, command.message)
        await self._driver.take_back(command.message)
        return _answer(await self._describe())

    async def _reach(self, request: web.Request) -> web.Response:
        _authorize(request)
        asked = await _body(request, ReachRequest)
        self._expect_mine("pod_uid", asked.pod_uid, self._settings.pod_uid)
        return _answer(ReachAnswer(error=await try_host(asked.artifact, self._store)))

    async def _trust(self, request: web.Request) -> web.Response:
        _authorize(request)
        update = await _body(request, TrustUpdate)
        self._expect_mine("pod_uid", update.pod_uid, self._settings.pod_uid)
        try:
            server_context(self._pem, update.ca_bundle)
        except (ssl.SSLError, ValueError) as error:
            raise Refused(AgentErrorCode.INVALID, f"cannot read caBundle: {error}") from error
        log.info("audit: trust updated")
        self._store.write_trust(update.ca_bundle)
        await self._listen(update.ca_bundle)
        return _answer({})

    async def _own(self, request: web.Request) -> web.Response:
        _authorize(request)
        update = await _body(request, OwnerUpdate)
        self._expect_mine("pod_uid", update.pod_uid, self._settings.pod_uid)
        log.info("audit: owned by HotUpgrade %s, before %s", update.hot_upgrade_uid, self._owner())
        self._store.write_owner(update.hot_upgrade_uid)
        return _answer(await self._describe())

    def _trusted(self) -> str:
        """The CA bundle: the operator's last update, else what injection brought."""
        return self._store.trust() or self._settings.ca_bundle

    def _owner(self) -> str:
        return self._store.owner() or self._settings.hot_upgrade_uid

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _metrics(self, _: web.Request) -> web.Response:
        launcher: LauncherStatus | None = None
        with suppress(LauncherUnreachable):
            launcher = await self._launcher.status()
        metrics.scraped(launcher, upgrade.serving_since(self._driver.journal))
        return web.Response(body=generate_latest(metrics.REGISTRY), content_type="text/plain")

    def _targeted(self, command: C) -> C:
        self._expect_mine("pod_uid", command.pod_uid, self._settings.pod_uid)
        self._expect_mine("hot_upgrade_uid", command.hot_upgrade_uid, self._owner())
        return command

    @staticmethod
    def _expect_mine(name: str, given: str, mine: str) -> None:
        if given != mine:
            raise Refused(
                AgentErrorCode.WRONG_TARGET,
                f"cannot do that: it is for {name} {given!r}, not for {mine!r}",
            )

    def _expect(self, command: TargetedCommand, never: set[PodState], verb: str) -> None:
        journal = self._driver.journal
        if journal is None or journal.command.id != command.id:
            raise Refused(AgentErrorCode.CONFLICT, f"cannot {verb}: no upgrade {command.id} here")
        if journal.progress.state in never:
            raise Refused(
                AgentErrorCode.CONFLICT, f"cannot {verb}: the upgrade is {journal.progress.state}"
            )

    async def _describe(self) -> AgentStatus:
        launcher: LauncherStatus | None = None
        reason = ""
        try:
            launcher = await self._launcher.status()
        except LauncherUnreachable as error:
            reason = str(error)
        journal = self._driver.journal
        try:
            token = self._settings.token_file.read_text()
        except OSError:
            token = ""
        return AgentStatus(
            pod_uid=self._settings.pod_uid,
            sequence=self._driver.sequence,
            agent_version=VERSION,
            revision=serving_revision(launcher) if launcher else self._store.current(),
            version=launcher.version if launcher else "",
            committed_revision=self._store.current(),
            hot_capable=launcher.hot_capable if launcher else True,
            reason=reason if launcher is None or launcher.hot_capable else launcher.reason,
            mode=launcher.mode.value if launcher else "",
            superseded=launcher.superseded if launcher else "",
            base=launcher.base if launcher else self._settings.boot.base,
            progress=journal.progress if journal else None,
            launcher=launcher,
            token=token,
            hot_upgrade_uid=self._owner(),
            trust=trust_digest(self._trusted()),
            store_room_bytes=self._store.room_bytes(),
        )


def _authorize(request: web.Request) -> None:
    """The CA is the operator's own; the name says which of its certificates this is."""
    transport = request.transport
    certificate = transport.get_extra_info("peercert") if transport else None
    names = [
        value
        for part in (certificate or {}).get("subject", ())
        for key, value in part
        if key == "commonName"
    ]
    if names != [OPERATOR_COMMON_NAME]:
        raise web.HTTPForbidden(text=f"cannot do that for {names}: the operator may")


def _expect_own_revision(command: UpgradeCommand) -> None:
    """Under another's id, a pod would be taken for one that runs what it does not."""
    own = revision_of(command.artifact)
    if command.revision != own:
        raise Refused(
            AgentErrorCode.INVALID,
            f"cannot start {command.id}: its artifact is revision {own}, not {command.revision}",
        )


async def _body(request: web.Request, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except msgspec.DecodeError as error:
        raise Refused(AgentErrorCode.INVALID, f"cannot read the command: {error}") from error


def _answer(value: object, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type="application/json"
    )


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as error:
        return _answer(AgentError(code=error.code, message=str(error)), HTTP_STATUS[error.code])
