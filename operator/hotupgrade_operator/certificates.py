"""The operator's own CA, and the client certificate that agents demand."""

import datetime
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from hotupgrade_api.pod_layout import OPERATOR_COMMON_NAME

CA_DAYS = 3650
CLIENT_DAYS = 90
SKEW = datetime.timedelta(hours=1)


@dataclass(frozen=True)
class Identity:
    """PEM. ca goes into pods; the rest never leaves the operator's Secret."""

    ca: bytes
    ca_key: bytes
    client: bytes
    client_key: bytes

    def secret_data(self) -> dict[str, bytes]:
        return {
            "ca.crt": self.ca,
            "ca.key": self.ca_key,
            "tls.crt": self.client,
            "tls.key": self.client_key,
        }

    @classmethod
    def of_secret(cls, data: dict[str, bytes]) -> "Identity":
        """Raises KeyError naming what is missing."""
        return cls(data["ca.crt"], data["ca.key"], data["tls.crt"], data["tls.key"])


def make_identity(now: datetime.datetime) -> Identity:
    """A new CA and a client certificate of it."""
    ca_key = ec.generate_private_key(ec.SECP256R1())
    name = _name("hotupgrade")
    ca = (
        _builder(name, name, ca_key.public_key(), now, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign=True), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    return renewed(
        Identity(ca.public_bytes(serialization.Encoding.PEM), _private(ca_key), b"", b""), now
    )


def renewed(identity: Identity, now: datetime.datetime) -> Identity:
    """The same CA with a new client certificate."""
    ca = x509.load_pem_x509_certificate(identity.ca)
    ca_key = serialization.load_pem_private_key(identity.ca_key, None)
    if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
        raise ValueError("cannot use the CA's key: an elliptic curve key is right")
    key = ec.generate_private_key(ec.SECP256R1())
    client = (
        _builder(_name(OPERATOR_COMMON_NAME), ca.subject, key.public_key(), now, CLIENT_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    return Identity(
        identity.ca,
        identity.ca_key,
        client.public_bytes(serialization.Encoding.PEM),
        _private(key),
    )


def due(identity: Identity, now: datetime.datetime) -> bool:
    """Whether a third of the client certificate's time or less is left."""
    client = x509.load_pem_x509_certificate(identity.client)
    return now >= client.not_valid_after_utc - datetime.timedelta(days=CLIENT_DAYS / 3)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime.datetime,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + datetime.timedelta(days=days))
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
