"""pyATS' unicon, which wants everything that it sends at log-in to be accepted."""

import logging

from switch import HOST, PASSWORD, SSH, USER, expect
from unicon import Connection

options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o PubkeyAuthentication=no"
switch = Connection(
    hostname="leaf-1",
    start=[f"ssh {options} -p {SSH} {USER}@{HOST}"],
    os="nxos",
    credentials={"default": {"username": USER, "password": PASSWORD}},
    log_buffer=True,
    logfile="/dev/null",
    learn_hostname=True,
)
logging.getLogger("unicon").setLevel(logging.ERROR)
switch.connect()
try:
    usage = switch.execute("show license usage")
    expect("Status: IN USE" in usage, usage)
    switch.configure(["license smart usage interval 23"])
    running = switch.execute("show running-config")
    expect("license smart usage interval 23" in running, running)
finally:
    switch.disconnect()
