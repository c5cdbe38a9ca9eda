"""The cluster's own CA, one certificate for each of its parts, and a kubeconfig for each client."""

import datetime
import ipaddress
import json

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.cluster.layout import API_PORT, API_SERVICE_ADDRESS, NODE, NODE_ADDRESS, Layout

# User -> common name and groups, as the default RBAC bindings and the Node authorizer know them;
# kubernetes.io/docs/setup/best-practices/certificates
CLIENTS = {
    "admin": ("kubernetes-admin", "system:masters"),
    "kube-controller-manager": ("system:kube-controller-manager", ""),
    "kube-scheduler": ("system:kube-scheduler", ""),
    "kube-proxy": ("system:kube-proxy", ""),
    "kubelet": (f"system:node:{NODE}", "system:nodes"),
    "kube-apiserver": ("kube-apiserver-kubelet-client", "system:masters"),
}
API_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost")
API_ADDRESSES = ("127.0.0.1", NODE_ADDRESS, API_SERVICE_ADDRESS)
DAYS = 2


def write(layout: Layout) -> None:
    """Everything in layout.pki, and the kubeconfigs."""
    layout.pki.mkdir()
    authority = _Authority(layout)
    names = [x509.DNSName(name) for name in API_NAMES]
    addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in API_ADDRESSES]
    authority.issue("apiserver", ("kube-apiserver", ""), [*names, *addresses])
    for user, subject in CLIENTS.items():
        authority.issue(user, subject, [])
        layout.kubeconfig(user).write_text(json.dumps(_kubeconfig(layout, user)))
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (layout.pki / "service-accounts.key").write_bytes(_private(key))
    (layout.pki / "service-accounts.pub").write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )


class _Authority:
    def __init__(self, layout: Layout) -> None:
        self._folder = layout.pki
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _subject("cluster", "")
        builder = _builder(self._name, self._name, self._key.public_key())
        ca = builder.add_extension(x509.BasicConstraints(True, 0), critical=True)
        certificate = ca.sign(self._key, hashes.SHA256())
        (self._folder / "ca.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, file: str, subject: tuple[str, str], names: list[x509.GeneralName]) -> None:
        """A server's where there are names, else a client's."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = _builder(_subject(*subject), self._name, key.public_key())
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        (self._folder / f"{file}.crt").write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
        )
        (self._folder / f"{file}.key").write_bytes(_private(key))


def _subject(common: str, group: str) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if group:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    return x509.Name(parts)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=DAYS))
    )


def _private(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def _kubeconfig(layout: Layout, user: str) -> dict[str, object]:
    """JSON is YAML."""
    cluster = {
        "server": f"https://127.0.0.1:{API_PORT}",
        "certificate-authority": str(layout.pki / "ca.crt"),
    }
    credentials = {
        "client-certificate": str(layout.pki / f"{user}.crt"),
        "client-key": str(layout.pki / f"{user}.key"),
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": cluster}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": user, "context": {"cluster": "cluster", "user": user}}],
        "current-context": user,
    }
