"""Pure: the operator's own CA, the client certificate that agents demand, the webhook's, and when
each is made anew. Time is an argument; the keys' randomness is the operating system's."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from hotupgrade_api.pod_layout import OPERATOR_COMMON_NAME

DAY = datetime.timedelta(days=1)
CA_LIFE = 3650 * DAY
LEAF_LIFE = 90 * DAY
SKEW = datetime.timedelta(hours=1)
# A new CA is trusted by every agent for so long before anything is signed with it.
NEXT_CA_TRUSTED = 14 * DAY


@dataclass(frozen=True)
class Identity:
    """PEM. bundle goes into pods; the rest never leaves the operator's Secret."""

    ca: bytes
    ca_key: bytes
    client: bytes
    client_key: bytes
    webhook: bytes
    webhook_key: bytes
    bundle: bytes  # every CA that is to be trusted: ca, the next one, one that was replaced
    next_ca: bytes = b""
    next_ca_key: bytes = b""

    def secret_data(self) -> dict[str, bytes]:
        found = {name: getattr(self, field) for field, name in _KEYS.items()}
        return {name: value for name, value in found.items() if value}

    @classmethod
    def of_secret(cls, data: dict[str, bytes]) -> "Identity":
        """Raises KeyError naming what is missing."""
        optional = {f.name for f in fields(cls) if f.default == b""}
        return cls(
            **{
                field: data.get(name, b"") if field in optional else data[name]
                for field, name in _KEYS.items()
            }
        )

    def expiries(self) -> dict[str, datetime.datetime]:
        """When each certificate ends, by its name."""
        return {
            "ca": _certificate(self.ca).not_valid_after_utc,
            "client": _certificate(self.client).not_valid_after_utc,
            "webhook": _certificate(self.webhook).not_valid_after_utc,
        }


_KEYS = {
    "ca": "ca.crt",
    "ca_key": "ca.key",
    "client": "tls.crt",
    "client_key": "tls.key",
    "webhook": "webhook.crt",
    "webhook_key": "webhook.key",
    "bundle": "bundle.crt",
    "next_ca": "next-ca.crt",
    "next_ca_key": "next-ca.key",
}


def kept(
    identity: Identity | None, now: datetime.datetime, webhook_names: Sequence[str]
) -> Identity:
    """The identity as it must be now; the same object where nothing is due.

    A leaf is made anew when a third of its time is left. A CA gets its successor when a tenth is
    left; that one signs only after agents have trusted it for a while (the bundle is pushed to
    them), so that no agent is ever asked by a certificate whose CA it does not know.
    """
    if identity is None:
        ca, key = _make_ca(now)
        return _signed(Identity(ca, key, b"", b"", b"", b"", bundle=ca), now, webhook_names)
    if identity.next_ca:
        trusted = now - _certificate(identity.next_ca).not_valid_before_utc - SKEW
        if trusted >= NEXT_CA_TRUSTED:
            after = replace(
                identity,
                ca=identity.next_ca,
                ca_key=identity.next_ca_key,
                bundle=identity.next_ca + identity.ca,
                next_ca=b"",
                next_ca_key=b"",
            )
            return _signed(after, now, webhook_names)
    elif _left(identity.ca, now) <= CA_LIFE / 10:
        ca, key = _make_ca(now)
        return replace(identity, next_ca=ca, next_ca_key=key, bundle=identity.ca + ca)
    due = min(_left(identity.client, now), _left(identity.webhook, now)) <= LEAF_LIFE / 3
    if due or _names(identity.webhook) != list(webhook_names):
        return _signed(identity, now, webhook_names)
    return identity


def _signed(identity: Identity, now: datetime.datetime, webhook_names: Sequence[str]) -> Identity:
    client, client_key = _leaf(identity, now, OPERATOR_COMMON_NAME, ())
    webhook, webhook_key = _leaf(identity, now, webhook_names[0], webhook_names)
    return replace(
        identity, client=client, client_key=client_key, webhook=webhook, webhook_key=webhook_key
    )


def _make_ca(now: datetime.datetime) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("hotupgrade")
    ca = (
        _builder(name, name, key.public_key(), now, CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign=True), critical=True)
        # Two CAs of one name are told apart by this; RFC 5280, 4.2.1.2.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return ca.public_bytes(serialization.Encoding.PEM), _private(key)


def _leaf(
    identity: Identity, now: datetime.datetime, common: str, dns: Sequence[str]
) -> tuple[bytes, bytes]:
    """A server's certificate where DNS names are given, a client's otherwise."""
    ca = _certificate(identity.ca)
    ca_key = serialization.load_pem_private_key(identity.ca_key, None)
    if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
        raise ValueError("cannot use the CA's key: an elliptic curve key is right")
    key = ec.generate_private_key(ec.SECP256R1())
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if dns else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = (
        _builder(_name(common[:64]), ca.subject, key.public_key(), now, LEAF_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
    )
    if dns:
        names = x509.SubjectAlternativeName([x509.DNSName(name) for name in dns])
        builder = builder.add_extension(names, critical=False)
    leaf = builder.sign(ca_key, hashes.SHA256())
    return leaf.public_bytes(serialization.Encoding.PEM), _private(key)


def _certificate(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def _left(pem: bytes, now: datetime.datetime) -> datetime.timedelta:
    return _certificate(pem).not_valid_after_utc - now


def _names(pem: bytes) -> list[str]:
    found = _certificate(pem).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return found.value.get_values_for_type(x509.DNSName)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime.datetime,
    life: datetime.timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + life)
    )


def _usage(sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign,
        key_cert_sign=sign,
        crl_sign=sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
