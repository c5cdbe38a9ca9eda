"""The agent's own key and certificate: self-signed, never on a disk.

`python -m hotupgrade_agent.certificate` prints one as PEM. The agent runs that as a short-lived
child: the library that makes it would cost every pod 10 MB for good.
"""

import datetime
import ssl
import subprocess
import sys

from hotupgrade_api import tls

VALID_DAYS = 3650  # the operator checks the token, not this certificate's dates


def make_pem(name: str) -> bytes:
    from cryptography import x509  # noqa: PLC0415  (only in the child)
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def server_context(pem: bytes, ca_bundle: str) -> ssl.SSLContext:
    """TLS 1.3; a client must show a certificate of the operator's CA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=ca_bundle)
    tls.show(context, pem)
    return context


def pem_from_child(name: str) -> bytes:
    command = [sys.executable, "-m", "hotupgrade_agent.certificate", name]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


if __name__ == "__main__":
    sys.stdout.buffer.write(make_pem(sys.argv[1]))
