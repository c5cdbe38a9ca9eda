"""Each certificate is made anew in time, and a new CA is trusted before it signs anything."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from hotupgrade_operator.certificates import DAY, NEXT_CA_TRUSTED, Identity, kept

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("hotupgrade.system.svc",)
YEAR = 365 * DAY


def cas(bundle: bytes) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(bundle)


def issuer(pem: bytes, bundle: bytes) -> x509.Certificate:
    """The CA of the bundle that signed it. Raises ValueError where none did."""
    leaf = x509.load_pem_x509_certificate(pem)
    for ca in cas(bundle):
        try:
            leaf.verify_directly_issued_by(ca)
            return ca
        except Exception:  # noqa: BLE001  (InvalidSignature: another CA of the same name)
            continue
    raise ValueError("signed by none of them")


def test_first_identity_is_whole_and_survives_its_secret() -> None:
    made = kept(None, NOW, NAMES)
    assert Identity.of_secret(made.secret_data()) == made
    assert kept(made, NOW, NAMES) is made
    for leaf in (made.client, made.webhook):
        issuer(leaf, made.bundle)


def test_secret_that_lacks_a_key_is_named() -> None:
    data = kept(None, NOW, NAMES).secret_data()
    del data["webhook.key"]
    with pytest.raises(KeyError, match=r"webhook\.key"):
        Identity.of_secret(data)


@pytest.mark.parametrize(("days", "renewed"), [(0, False), (59, False), (61, True), (400, True)])
def test_leaves_are_renewed_when_a_third_of_their_time_is_left(days: int, renewed: bool) -> None:
    made = kept(None, NOW, NAMES)
    after = kept(made, NOW + timedelta(days=days), NAMES)
    assert (after.client != made.client) is renewed
    assert (after.webhook != made.webhook) is renewed
    assert after.ca == made.ca


def test_another_service_name_gets_another_certificate() -> None:
    made = kept(None, NOW, NAMES)
    after = kept(made, NOW, ("other.system.svc",))
    assert after.webhook != made.webhook
    assert kept(after, NOW, ("other.system.svc",)) is after


def test_new_ca_is_in_the_bundle_for_a_while_before_it_signs() -> None:
    made = kept(None, NOW, NAMES)
    late = NOW + 9 * YEAR
    made = kept(made, late - DAY, NAMES)  # leaves of that time
    announced = kept(made, late, NAMES)
    assert announced.next_ca
    assert announced.ca == made.ca
    assert len(cas(announced.bundle)) == 2
    assert issuer(announced.client, announced.bundle) == cas(made.ca)[0]
    assert kept(announced, late + NEXT_CA_TRUSTED - DAY, NAMES).ca == made.ca
    signs = kept(announced, late + NEXT_CA_TRUSTED, NAMES)
    assert signs.ca == announced.next_ca
    assert not signs.next_ca
    assert issuer(signs.client, signs.bundle) == cas(announced.next_ca)[0]
    # An agent that has only the bundle of before knows the new signer already.
    issuer(signs.client, announced.bundle)
    # What the old CA signed is still trusted.
    issuer(made.webhook, signs.bundle)


def test_every_step_of_forty_years_is_trusted_by_the_bundle_before_it() -> None:
    identity = kept(None, NOW, NAMES)
    for day in range(0, 40 * 365, 7):
        now = NOW + day * DAY
        after = kept(identity, now, NAMES)
        issuer(after.client, identity.bundle)
        issuer(after.webhook, identity.bundle)
        assert min(after.expiries().values()) > now
        identity = after
