"""Every image of the cluster: the three that the Dockerfiles make, and those that tests need."""

from collections.abc import Iterable
from pathlib import Path

from tests.cluster.cache import cached, digest
from tests.cluster.images import debian, names, python
from tests.cluster.images.artifacts import all_artifacts
from tests.cluster.images.image import Image
from tests.cluster.images.layer import Entry, Layer, layer_of, program, write_layer
from tests.functional.launcher_process import go_build, go_server, launcher_binary

BUSYBOX = Path("/bin/busybox")
ARTIFACTS_PORT = 8080


def images() -> list[Image]:
    base = debian.base()
    launcher = program(python.LAUNCHER, launcher_binary())
    return [
        Image(
            names.OPERATOR,
            (base, python.dependencies("operator"), python.ours("operator")),
            ("/usr/local/bin/hotupgrade-operator",),
        ),
        Image(
            names.AGENT,
            (base, python.dependencies("agent"), python.ours("agent")),
            ("/usr/local/bin/hotupgrade-agent",),
        ),
        Image(names.LAUNCHER, (_layer("launcher", [launcher]),), (f"/{python.LAUNCHER}",)),
        *_test_images(),
    ]


def _test_images() -> list[Image]:
    load = program("load", go_build("tests/functional/load", "load"))
    busybox = program("bin/busybox", BUSYBOX)
    served = [program(f"artifacts/{found.name}", found.file) for found in all_artifacts()]
    serve = ("httpd", "-f", "-p", str(ARTIFACTS_PORT), "-h", "/artifacts")
    return [
        Image(names.PAUSE, (_layer("pause", [busybox]),), ("/bin/busybox", "sleep", "1000000000")),
        Image(names.LOAD, (_layer("load", [load]),), ("/load",)),
        Image(
            names.ARTIFACTS,
            (_layer("artifacts", [busybox, *served]),),
            ("/bin/busybox", *serve),
        ),
        Image(names.APP_V1, (_layer("app-v1", _app("v1")),), ("/app/server",)),
        Image(names.APP_V5, (_layer("app-v5", _app("v5")),), ("/app/server",)),
        Image(names.NGINX, (debian.nginx(),), ("/usr/sbin/nginx",)),
    ]


def _app(version: str) -> list[Entry]:
    """Busybox beside the server lets a test look at the container from inside."""
    shell = Entry("bin/sh", link="busybox")
    return [program("app/server", go_server(version)), program("bin/busybox", BUSYBOX), shell]


def _layer(name: str, entries: Iterable[Entry]) -> Layer:
    content = list(entries)

    def build(target: Path) -> None:
        write_layer(target / "layer.tar", content, folders=("tmp",))

    key = digest(*(part for e in content for part in (e.path, e.content, e.link)))
    return layer_of(cached(f"layer-{name}", key, build) / "layer.tar")
