"""The id of a revision: a digest over what changes the running program, and nothing else."""

import hashlib

import msgspec

from hotupgrade_api.resource import IMAGE_REVISION, Artifact

ID_LENGTH = 16


def revision_of(artifact: Artifact | None) -> str:
    """The revision's id: 16 hex digits, or `image` where there is no artifact.

    Over digests, `replaces` and `format`; not over where it is fetched from, nor over time-outs.
    Agents check the id that they are sent: the artifacts that releases know today keep theirs.
    """
    if artifact is None:
        return IMAGE_REVISION
    digests = {name: part.sha256 for name, part in sorted(artifact.platforms.items())}
    identity = (artifact.sha256, digests, artifact.replaces, artifact.format)
    return hashlib.sha256(msgspec.json.encode(identity)).hexdigest()[:ID_LENGTH]
