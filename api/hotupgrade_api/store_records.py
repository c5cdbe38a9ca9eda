"""What lies on the store volume, written by agent and boot, read by agent and launcher.

blobs/<sha256>/<basename of replaces>   verified, mode 0555, directory mode 0755
revisions/<revision>.json               a RevisionRecord
current -> revisions/<revision>.json    replaced by rename, at commit only; absent: `image`
journal.json                            the agent's own (a private subfolder is not needed)
bin/hotupgrade-launcher                 copied by boot: temporary name, then rename
"""

from hotupgrade_api.launcher_messages import Base, Program
from hotupgrade_api.wire import Wire

CURRENT = "current"
BLOBS = "blobs"
REVISIONS = "revisions"
LAUNCHER = "bin/hotupgrade-launcher"


class RevisionRecord(Wire, frozen=True, kw_only=True):
    """A staged revision. `program.file` is relative to the store's root.

    base is empty until the first launcher has told it: an empty field matches anything.
    """

    revision: str
    program: Program
    version: str = ""
    base: Base = Base()
    v: int = 1
