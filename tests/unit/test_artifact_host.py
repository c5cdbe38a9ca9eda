"""The host that a pod must reach for an artifact."""

import pytest

from hotupgrade_api.artifact_host import Host, host_of
from hotupgrade_api.resource import Artifact, HttpSource, OciSource, S3Source, Source


def http(url: str) -> Source:
    return Source(http=HttpSource(url=url))


def oci(ref: str) -> Source:
    return Source(oci=OciSource(ref=ref, path="/app"))


@pytest.mark.parametrize(
    ("source", "host"),
    [
        (http("https://a.example.com/x"), Host("a.example.com", 443)),
        (http("http://a.example.com:8080/x"), Host("a.example.com", 8080)),
        (http("http://10.0.0.1/x"), Host("10.0.0.1", 80)),
        (http("http://[2001:db8::1]:81/x"), Host("2001:db8::1", 81)),
        (http("http://a:99999/x"), None),
        (http("http:///x"), None),
        (oci("ghcr.io/a/b:1"), Host("ghcr.io", 443)),
        (oci("localhost:5000/a:1"), Host("localhost", 5000)),
        (oci("library/nginx:1"), Host("registry-1.docker.io", 443)),
        (oci("docker.io/library/nginx:1"), Host("registry-1.docker.io", 443)),
        (oci("nginx"), Host("registry-1.docker.io", 443)),
        (
            Source(s3=S3Source(endpoint="https://s3.example.com", bucket="b", key="k")),
            Host("s3.example.com", 443),
        ),
        (
            Source(s3=S3Source(endpoint="minio.example.com:9000", bucket="b", key="k")),
            Host("minio.example.com", 9000),
        ),
    ],
)
def test_host_of_each_source(source: Source, host: Host | None) -> None:
    assert host_of(Artifact(source=source, sha256="0" * 64, version="1")) == host


def test_nothing_is_fetched_without_an_artifact() -> None:
    assert host_of(None) is None


@pytest.mark.parametrize(
    ("name", "address"), [("10.0.0.1", "10.0.0.1"), ("2001:DB8::1", "2001:db8::1"), ("a.b", "")]
)
def test_an_address_is_told_from_a_name(name: str, address: str) -> None:
    assert Host(name, 80).address == address
