"""Pure: amounts of a resource as Kubernetes writes them, compared and added as amounts: 1Gi is
1073741824. https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/"""

import re
from decimal import Decimal

_FORMAT = re.compile(r"([+-]?[0-9]*\.?[0-9]+\.?)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,2})?")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_MILLI = Decimal("0.001")


def parsed(text: str | float) -> Decimal:
    """In whole units: cores, bytes. Raises ValueError."""
    found = _FORMAT.fullmatch(str(text))
    if found is None:
        raise ValueError(f"cannot read the quantity {text!r}: 100m, 96Mi, 1.5 or 2e9 is right")
    number, suffix = Decimal(found[1]), found[2] or ""
    if suffix in _BINARY:
        return number * Decimal(1024 ** _BINARY[suffix])
    exponent = _DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:] or 0)
    return number.scaleb(exponent)


def total(first: str | float, second: str | float) -> str:
    """Their sum: a whole number, or one of thousandths."""
    value = parsed(first) + parsed(second)
    if value == value.to_integral_value():
        return str(int(value))
    return f"{int((value / _MILLI).to_integral_value(rounding='ROUND_UP'))}m"
