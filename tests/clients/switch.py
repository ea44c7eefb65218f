"""Where the switch is: what the scripts beside this one are told by the test that runs them."""

import os

HOST = "127.0.0.1"
SSH = int(os.environ["SLPSIM_SSH"])
NXAPI = int(os.environ["SLPSIM_NXAPI"])
NXAPI_HTTPS = int(os.environ["SLPSIM_NXAPI_HTTPS"])
USER = "admin"
PASSWORD = "secret"


def expect(what, seen):
    """Ends the script where something is not so, with what was seen."""
    if not what:
        raise SystemExit(f"unexpected: {seen!r:.2000}")
