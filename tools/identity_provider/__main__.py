"""`python -m tools.identity_provider [serve]`: read the settings, put everything together, run.

Exits 0 on SIGTERM and SIGINT, and 2 with one line on stderr when it cannot start.
"""

import argparse
import logging
import os
import signal
import sys
from threading import Event

from werkzeug.serving import BaseWSGIServer

from tools.identity_provider.accounts import AccountStore, AccountsUnreadable
from tools.identity_provider.app import create_app
from tools.identity_provider.config import ConfigurationError, ProviderConfig, read_config
from tools.identity_provider.faults import Faults
from tools.identity_provider.grants import Grants
from tools.identity_provider.logs import JsonHandler, log
from tools.identity_provider.server import listen, serving


def main() -> int:
    """Run until a signal says stop."""
    parser = argparse.ArgumentParser(prog="python -m tools.identity_provider", description=__doc__)
    parser.add_argument("role", nargs="?", default="serve", choices=["serve"])
    parser.parse_args()
    logging.basicConfig(handlers=[JsonHandler()])
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        config = read_config(os.environ)
        server = _prepare(config, stop)
    except ConfigurationError as error:
        return _refuse(str(error))
    except AccountsUnreadable as error:
        return _refuse(f"{error.login} is damaged: repair it, or remove it to begin anew")
    except OSError as error:
        return _refuse(str(error))
    with serving(server):
        log("started", address=config.bind_address, port=server.port)
        stop.wait()
    log("stopped")
    return 0


def _prepare(config: ProviderConfig, stop: Event) -> BaseWSGIServer:
    accounts = AccountStore(config.data_directory)
    app = create_app(config, accounts, Grants(), Faults(stop.wait))
    try:
        return listen(app, config.bind_address, config.port)
    except OSError as error:
        place = f"{config.bind_address}:{config.port}"
        raise OSError(
            f"cannot listen on {place} ({error.strerror}): set PORT to a free port"
        ) from error


def _refuse(problem: str) -> int:
    print(f"identity-provider: {problem}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
