"""What a command to an agent may hold: it ends in a log, a journal, a file's name, the launcher."""

import msgspec
import pytest

from hotupgrade_agent.fetch import unsupported
from hotupgrade_api.agent_messages import UpgradeCommand
from hotupgrade_api.resource import (
    Artifact,
    ArtifactFormat,
    CosignSignature,
    HttpSource,
    PlatformArtifact,
    SecretRef,
    Signature,
    Source,
)

GOOD = UpgradeCommand(
    pod_uid="p", hot_upgrade_uid="h", revision="9f86d081884c7d65", id="u1", version="1.8.2 beta"
)
SOURCE = Source(http=HttpSource(url="http://example.com/web"))


def read(command: UpgradeCommand) -> UpgradeCommand:
    return msgspec.json.decode(msgspec.json.encode(command), type=UpgradeCommand)


def test_an_ordinary_command_is_read() -> None:
    assert read(GOOD) == GOOD


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"id": "i" * 129},
        {"revision": ""},
        {"revision": "../../journal"},
        {"revision": "r2\n"},
        {"version": "v" * 129},
        {"version": "1\naudit: a line of its own"},
        {"version": "1\n"},
        {"version": "\x1b[2J"},
    ],
    ids=repr,
)
def test_a_command_out_of_bounds_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        read(msgspec.structs.replace(GOOD, **change))


@pytest.mark.parametrize(
    ("artifact", "field"),
    [
        (Artifact(signature=Signature(cosign=CosignSignature(key="k"))), "artifact.signature"),
        (Artifact(secret_ref=SecretRef(name="s")), "artifact.secretRef"),
        (
            Artifact(platforms={"linux/arm64": PlatformArtifact(source=SOURCE, sha256="a")}),
            "artifact.platforms",
        ),
        (Artifact(format=ArtifactFormat.TAR_GZ), "artifact.format TarGz"),
        (Artifact(format=ArtifactFormat.TAR_ZST), "artifact.format TarZst"),
    ],
)
def test_what_an_agent_cannot_honour_is_named(artifact: Artifact, field: str) -> None:
    assert unsupported(artifact) == [field]


@pytest.mark.parametrize("form", [ArtifactFormat.AUTO, ArtifactFormat.BINARY])
def test_an_ordinary_artifact_is_honoured(form: ArtifactFormat) -> None:
    assert unsupported(Artifact(source=SOURCE, sha256="a" * 64, format=form)) == []
