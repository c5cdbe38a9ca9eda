"""`python -m bench`: measures everything once and writes docs/performance.md."""

import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench import agent_memory, measure, report
from bench.processes import ROOT, build

PAGE = ROOT / "docs" / "performance.md"


def main() -> int:
    today, busy = datetime.now(UTC).strftime("%Y-%m-%d"), os.getloadavg()[0]
    when = f"on {today} (load average {busy:.1f} before)"
    with tempfile.TemporaryDirectory(prefix="hotupgrade-bench-") as name:
        directory = Path(name)
        print("building", flush=True)
        binaries = build(directory)
        print(f"throughput: {measure.ROUNDS} rounds", flush=True)
        throughput = measure.throughput(binaries, directory)
        print(f"upgrades: {measure.UPGRADES} under load", flush=True)
        upgrades = measure.upgrades(binaries, directory)
        agent = agent_memory.agent_resident(directory)
    text = report.render(throughput, upgrades, agent, when)
    PAGE.write_text(text)
    print(text)
    print(f"written to {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
