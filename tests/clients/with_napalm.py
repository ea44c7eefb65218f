"""NAPALM: facts and commands, over SSH and over both ends of NX-API."""

from napalm import get_network_driver
from switch import HOST, NXAPI, NXAPI_HTTPS, PASSWORD, SSH, USER, expect

WAYS = [
    ("nxos_ssh", {"port": SSH}),
    ("nxos", {"port": NXAPI, "transport": "http"}),
    ("nxos", {"port": NXAPI_HTTPS, "transport": "https", "ssl_verify": False}),
]

for name, options in WAYS:
    driver = get_network_driver(name)
    with driver(HOST, USER, PASSWORD, optional_args=options) as switch:
        facts = switch.get_facts()
        expect(facts["hostname"] == "leaf-1", facts)
        expect(facts["serial_number"] == "FDO00000001", facts)
        # Over NX-API this version of NAPALM reads keys that NX-OS 10 does not have any more.
        expect(facts["os_version"] == "10.3(3)" or name == "nxos", facts)
        expect(facts["model"].startswith("Nexus9000 "), facts)
        expect(facts["uptime"] >= 0 and facts["interface_list"], facts)

        texts = switch.cli(["show license usage", "show license status"])
        expect("(LAN_ENTERPRISE_SERVICES_PKG):" in texts["show license usage"], texts)
        expect("Transport:" in texts["show license status"], texts)
