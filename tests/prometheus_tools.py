"""promtool and amtool, as Debian's packages bring them."""

import shutil
import subprocess

PACKAGES = {"promtool": "prometheus", "amtool": "prometheus-alertmanager"}


def run(tool: str, *arguments: str) -> None:
    """Fails with what the tool says."""
    path = shutil.which(tool)
    assert path, f"cannot check: {tool} is not installed: apt-get install {PACKAGES[tool]}"
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
