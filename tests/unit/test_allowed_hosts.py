"""Where the operator may be sent by a URL in a HotUpgrade."""

from ipaddress import ip_address

import pytest

from hotupgrade_operator.allowed_hosts import AllowedHosts, HostRefused


@pytest.mark.parametrize(
    ("allowed", "url"),
    [
        ("*", "http://prometheus.monitoring.svc:9090"),
        ("*", "https://10.0.0.1/prometheus"),
        ("*:9090", "http://prometheus:9090"),
        ("prometheus:9090", "http://PROMETHEUS:9090/"),
        ("prometheus.", "http://prometheus"),
        ("*.svc", "http://prometheus.monitoring.svc."),
        ("prometheus:443", "https://prometheus"),
        ("prometheus:80", "http://prometheus"),
        ("other, prometheus", "http://prometheus:1"),
        ("[fd00::1]:9090", "http://[fd00::1]:9090"),
        ("127.0.0.1", "http://127.0.0.1:9090"),
    ],
)
def test_a_host_that_a_pattern_matches_may_be_asked(allowed: str, url: str) -> None:
    AllowedHosts.parse(allowed).check(url)


@pytest.mark.parametrize(
    ("allowed", "url", "why"),
    [
        ("", "http://prometheus", "not among the hosts"),
        ("prometheus:9090", "http://prometheus:9091", "prometheus:9091 is not among"),
        ("*.svc", "http://evilsvc", "not among"),
        ("*.svc", "http://svc", "not among"),
        ("prometheus", "http://prometheus.evil", "not among"),
        ("*", "ftp://prometheus", "is no URL of a server"),
        ("*", "http://", "is no URL of a server"),
        ("*", "http://prometheus:99999", "is no URL"),
        ("*", "http://[::1", "is no URL"),
        ("*", "http://user:secret@prometheus", "user or a password"),
        ("*", "http://prometheus?query=up", "query or a fragment"),
        ("*", "http://prometheus#x", "query or a fragment"),
        ("*", "http://①②⑦.0.0.1", "in ASCII"),
        ("*", "http://127%2E0.0.1", "in ASCII"),
        ("*", "http://[::1%25lo]", "in ASCII"),
        ("*", "http://127.0.0.1:9090", "loopback is refused"),
        ("*", "http://[::1]:9090", "loopback is refused"),
        ("*", "http://[::ffff:127.0.0.1]", "loopback is refused"),
        ("*", "http://169.254.169.254", "link-local and metadata"),
        ("169.254.169.254", "http://169.254.169.254", "link-local and metadata"),
        ("*", "http://[fe80::1]", "link-local"),
        ("*", "http://[::ffff:169.254.169.254]", "link-local"),
        ("*", "http://[64:ff9b::a9fe:a9fe]", "link-local"),
        ("*", "http://[2002:a9fe:a9fe::1]", "link-local"),
        ("*", "http://[fd00:ec2::254]", "metadata"),
        ("*", "http://100.100.100.200", "metadata"),
        ("*", "http://168.63.129.16", "metadata"),
        ("*", "http://0.0.0.0", "no server's address"),
        ("0.0.0.0", "http://0.0.0.0", "no server's address"),
        ("*", "http://224.0.0.1", "no server's address"),
    ],
)
def test_any_other_host_is_refused_with_the_reason(allowed: str, url: str, why: str) -> None:
    with pytest.raises(HostRefused) as caught:
        AllowedHosts.parse(allowed).check(url)
    assert why in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("allowed", "host", "address", "refused"),
    [
        ("*", "prometheus", "10.0.0.1", False),
        ("*", "prometheus", "2001:db8::1", False),
        ("*", "prometheus", "127.0.0.1", True),
        ("*.svc", "prometheus.svc", "127.0.0.1", True),
        ("localhost", "localhost", "127.0.0.1", False),
        ("localhost", "localhost", "::1", False),
        ("prometheus", "prometheus", "169.254.169.254", True),
    ],
)
def test_what_a_name_resolves_to_is_checked_too(
    allowed: str, host: str, address: str, refused: bool
) -> None:
    hosts = AllowedHosts.parse(allowed)
    if refused:
        with pytest.raises(HostRefused):
            hosts.check_address(host, ip_address(address))
    else:
        hosts.check_address(host, ip_address(address))


@pytest.mark.parametrize("text", ["a b", "http://prometheus", "a:0", "a:99999", "*x", "a:b", "[x]"])
def test_a_pattern_that_is_none_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is no HOST"):
        AllowedHosts.parse(text)


@pytest.mark.parametrize("text", ["*", "", "a:1,*.b", "[fd00::1]:9090,10.0.0.1"])
def test_a_setting_is_written_as_it_was_read(text: str) -> None:
    assert str(AllowedHosts.parse(text)) == text
