"""The base of every type that crosses a process boundary."""

import msgspec


class Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A frozen value, camelCase on the wire; fields equal to their default are left out.

    Subclasses repeat frozen and kw_only: msgspec inherits the first only, type checkers neither.
    Unknown fields are ignored on reading: a peer may be up to two releases newer.
    """
