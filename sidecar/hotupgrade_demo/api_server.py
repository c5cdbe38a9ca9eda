"""An embedded Kubernetes API: enough of the real protocol for the real operator and kubectl.

Discovery, get, list, watch with resourceVersion, create, merge patch, the status subresource,
delete, TokenReview. Objects are dicts here: it is an API server's job not to know their types.
"""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from hotupgrade_api.agent_messages import AUDIENCE
from hotupgrade_demo import tables

Object = dict[str, Any]
MOST_EVENTS = 10_000
VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]


@dataclass(frozen=True)
class Kind:
    group_version: str  # v1, apps/v1
    plural: str
    kind: str
    status: bool = False
    namespaced: bool = True
    short: tuple[str, ...] = ()


KINDS = (
    Kind("v1", "pods", "Pod", status=True, short=("po",)),
    Kind("v1", "events", "Event", short=("ev",)),
    Kind("v1", "secrets", "Secret"),
    Kind("v1", "namespaces", "Namespace", namespaced=False, short=("ns",)),
    Kind("apps/v1", "deployments", "Deployment", status=True, short=("deploy",)),
    Kind("hotupgrade.io/v1alpha1", "hotupgrades", "HotUpgrade", status=True, short=("hu",)),
    Kind("coordination.k8s.io/v1", "leases", "Lease"),
    Kind("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", short=("netpol",)),
    Kind("authentication.k8s.io/v1", "tokenreviews", "TokenReview", namespaced=False),
)


def merge(target: Any, patch: Any) -> Any:
    """A JSON merge patch; RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


@dataclass
class ApiServer:
    """Objects by kind, namespace and name. tokens: a token -> the UID of its pod."""

    tokens: dict[str, str] = field(default_factory=dict)
    writes: Counter[str] = field(default_factory=Counter)  # what changed anything, by plural

    def __post_init__(self) -> None:
        self._objects: dict[tuple[str, str, str], Object] = {}
        self._events: list[tuple[int, str, str, Object]] = []  # version, plural, type, object
        self._versions: Iterator[int] = itertools.count(1)
        self._version = 0
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        app = web.Application()
        app.add_routes(
            [
                web.get("/version", self._get_version),
                web.get("/api", self._get_api),
                web.get("/apis", self._get_apis),
                web.get("/api/v1", self._get_resources),
                web.get("/apis/{group}/{version}", self._get_resources),
            ]
        )
        for base in ("/api/v1", "/apis/{group}/{version}"):
            for scope in ("", "/namespaces/{namespace}"):
                path = f"{base}{scope}/{{plural}}"
                app.router.add_route("*", path, self._collection)
                app.router.add_route("*", f"{path}/{{name}}", self._item)
                app.router.add_route("*", f"{path}/{{name}}/status", self._item)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def get(self, plural: str, namespace: str, name: str) -> Object | None:
        return self._objects.get((plural, namespace, name))

    def all(self, plural: str) -> list[Object]:
        return [value for key, value in self._objects.items() if key[0] == plural]

    async def put(self, kind: Kind, namespace: str, body: Object) -> Object:
        """Creates or replaces an object and tells the watchers."""
        meta = body.setdefault("metadata", {})
        if not meta.get("name"):
            meta["name"] = f"{meta.get('generateName', 'x')}{self._version:x}"
        if kind.namespaced:
            meta["namespace"] = namespace
        key = (kind.plural, namespace if kind.namespaced else "", meta["name"])
        before = self._objects.get(key)
        self._version = next(self._versions)
        self.writes[kind.plural] += 1
        meta["resourceVersion"] = str(self._version)
        kept = before["metadata"] if before else {}
        new_uid = f"00000000-0000-4000-8000-{self._version:012x}"
        meta["uid"] = kept.get("uid") or meta.get("uid") or new_uid
        born = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        meta["creationTimestamp"] = kept.get("creationTimestamp") or born
        meta["generation"] = 1
        if before is not None:
            same = before.get("spec") == body.get("spec")
            meta["generation"] = before["metadata"]["generation"] + (0 if same else 1)
        body |= {"apiVersion": kind.group_version, "kind": kind.kind}
        self._objects[key] = body
        await self._tell(kind.plural, "MODIFIED" if before else "ADDED", body)
        return body

    async def _tell(self, plural: str, change: str, body: Object) -> None:
        self._events.append((self._version, plural, change, body))
        del self._events[:-MOST_EVENTS]
        async with self._changed:
            self._changed.notify_all()

    async def _get_version(self, _: web.Request) -> web.Response:
        return web.json_response({"major": "1", "minor": "35", "gitVersion": "v1.35.0-demo"})

    async def _get_api(self, _: web.Request) -> web.Response:
        return web.json_response({"kind": "APIVersions", "versions": ["v1"]})

    async def _get_apis(self, _: web.Request) -> web.Response:
        groups = []
        for group_version in dict.fromkeys(k.group_version for k in KINDS):
            if "/" in group_version:
                group, version = group_version.split("/")
                entry = {"groupVersion": group_version, "version": version}
                groups.append({"name": group, "versions": [entry], "preferredVersion": entry})
        return web.json_response({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})

    async def _get_resources(self, request: web.Request) -> web.Response:
        group_version = _group_version(request)
        resources = []
        for kind in KINDS:
            if kind.group_version == group_version:
                entry = {
                    "name": kind.plural,
                    "singularName": kind.kind.lower(),
                    "namespaced": kind.namespaced,
                    "kind": kind.kind,
                    "verbs": VERBS,
                    "shortNames": list(kind.short),
                }
                resources.append(entry)
                if kind.status:
                    status = {**entry, "name": f"{kind.plural}/status", "shortNames": []}
                    resources.append(status)
        return web.json_response(
            {"kind": "APIResourceList", "groupVersion": group_version, "resources": resources}
        )

    async def _collection(self, request: web.Request) -> web.StreamResponse:
        kind = _kind(request)
        if kind is None:
            return _failure(404, "NotFound", f"cannot find {request.path}")
        if request.method == "GET":
            if request.query.get("watch") in ("true", "1", "True"):
                return await self._watch(request, kind)
            return self._printed(request, kind, self._list(request, kind))
        if request.method != "POST":
            return _failure(405, "MethodNotAllowed", request.method)
        body = await request.json()
        if kind.plural == "tokenreviews":
            return web.json_response(self._review(body), status=201)
        namespace = request.match_info.get("namespace", "")
        name = body.get("metadata", {}).get("name", "")
        if name and (kind.plural, namespace, name) in self._objects:
            return _failure(409, "AlreadyExists", f"{kind.plural} {name!r} already exists")
        return web.json_response(await self.put(kind, namespace, body), status=201)

    @staticmethod
    def _printed(request: web.Request, kind: Kind, body: Object) -> web.Response:
        """As a table, where kubectl asks for one."""
        if tables.wanted(request.headers.get("Accept", "")):
            body = tables.table(kind.kind, body.get("items", [body]), datetime.now(UTC))
        return web.json_response(body)

    def _review(self, body: Object) -> Object:
        uid = self.tokens.get(body["spec"]["token"], "")
        user = {"extra": {"authentication.kubernetes.io/pod-uid": [uid]}}
        status = {"authenticated": bool(uid), "audiences": [AUDIENCE], "user": user}
        return {**body, "status": status}

    def _list(self, request: web.Request, kind: Kind) -> Object:
        namespace = request.match_info.get("namespace")
        items = [
            value
            for (plural, found, _), value in self._objects.items()
            if plural == kind.plural and namespace in (None, found) and _selected(request, value)
        ]
        return {
            "kind": f"{kind.kind}List",
            "apiVersion": kind.group_version,
            "metadata": {"resourceVersion": str(self._version)},
            "items": items,
        }

    async def _watch(self, request: web.Request, kind: Kind) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        namespace = request.match_info.get("namespace")
        sent = int(request.query.get("resourceVersion") or 0)
        seconds = min(float(request.query.get("timeoutSeconds") or 300), 300)
        try:
            async with asyncio.timeout(seconds):
                while True:
                    for version, plural, change, value in list(self._events):
                        if version <= sent or plural != kind.plural:
                            continue
                        if namespace not in (None, value["metadata"].get("namespace")):
                            continue
                        if not _selected(request, value):
                            continue
                        line = json.dumps({"type": change, "object": value})
                        await response.write(line.encode() + b"\n")
                    sent = self._version
                    async with self._changed:
                        await self._changed.wait_for(lambda: self._version > sent)  # noqa: B023
        except (TimeoutError, ConnectionError):
            pass
        return response

    async def _item(self, request: web.Request) -> web.StreamResponse:
        kind = _kind(request)
        namespace = request.match_info.get("namespace", "")
        name = request.match_info["name"]
        key = (kind.plural if kind else "", namespace, name)
        found = self._objects.get(key)
        if kind is None or found is None:
            return _failure(404, "NotFound", f"cannot find {request.path}")
        if request.method == "GET":
            return self._printed(request, kind, found)
        if request.method == "DELETE":
            del self._objects[key]
            self._version = next(self._versions)
            self.writes[kind.plural] += 1
            await self._tell(kind.plural, "DELETED", found)
            return web.json_response({"kind": "Status", "status": "Success"})
        body = await request.json()
        wanted = body.get("metadata", {}).pop("resourceVersion", None)
        if wanted not in (None, found["metadata"]["resourceVersion"]):
            return _failure(409, "Conflict", "the object has been modified")
        whole = merge(found, body) if request.method == "PATCH" else {**found, **body}
        if kind.status:  # the two halves are written apart, as on the real one
            half = "status" if request.path.endswith("/status") else "spec"
            other = "spec" if half == "status" else "status"
            whole[other] = found.get(other, {})
        return web.json_response(await self.put(kind, namespace, whole))


def _group_version(request: web.Request) -> str:
    group = request.match_info.get("group")
    return f"{group}/{request.match_info['version']}" if group else "v1"


def _kind(request: web.Request) -> Kind | None:
    wanted = (_group_version(request), request.match_info["plural"])
    return next((k for k in KINDS if (k.group_version, k.plural) == wanted), None)


def kind_of(plural: str) -> Kind:
    return next(k for k in KINDS if k.plural == plural)


def _selected(request: web.Request, value: Object) -> bool:
    """By labels, `name` (it exists) and `name=value`, and by fields, `its.path=value`; with commas
    between."""
    labels = value["metadata"].get("labels", {})
    for part in filter(None, request.query.get("labelSelector", "").split(",")):
        name, equals, wanted = part.partition("=")
        if name not in labels or (equals and labels[name] != wanted.lstrip("=")):
            return False
    for part in filter(None, request.query.get("fieldSelector", "").split(",")):
        path, _, wanted = part.partition("=")
        found: Any = value
        for name in path.split("."):
            found = found.get(name, "") if isinstance(found, dict) else ""
        if found != wanted:
            return False
    return True


def _failure(code: int, reason: str, message: str) -> web.Response:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
    return web.json_response({**body, "reason": reason, "message": message}, status=code)
