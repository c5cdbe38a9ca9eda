"""The console script `hotupgrade-agent`: `serve` (the sidecar) and `boot` (the init container)."""

import argparse
import asyncio
import logging
import signal
import sys
import time

from hotupgrade_agent.boot import BootFailed, boot
from hotupgrade_agent.settings import Settings, SettingsError
from hotupgrade_agent.store import Store


async def serve(settings: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    # boot is every new pod's start: it does not pay for what only this imports.
    from hotupgrade_agent.certificate import pem_from_child  # noqa: PLC0415
    from hotupgrade_agent.driver import Driver  # noqa: PLC0415
    from hotupgrade_agent.launcher import Launcher  # noqa: PLC0415
    from hotupgrade_agent.server import Server  # noqa: PLC0415

    store = Store(settings.store, settings.store_limit_bytes)
    launcher = Launcher(settings.socket)
    driver = Driver(launcher, store, settings.default_health, time.time)
    pem = await asyncio.to_thread(pem_from_child, settings.pod_name[:64])
    await Server(settings, store, launcher, driver, pem).start()
    work = asyncio.create_task(driver.run())
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    work.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(prog="hotupgrade-agent", description=__doc__)
    parser.add_argument("verb", choices=["serve", "boot"])
    verb = parser.parse_args().verb
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        settings = Settings.from_environment()
        asyncio.run({"serve": serve, "boot": boot}[verb](settings))
    except (SettingsError, BootFailed) as error:
        sys.exit(f"hotupgrade-agent: {error}")


if __name__ == "__main__":
    main()
