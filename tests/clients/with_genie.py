"""genie's parsers of IOS-XE, whose layout the licensing pages have (docs/spec/console.md, section 5): which of them can read
what a switch prints, and which cannot."""

from genie.libs.parser.iosxe import show_license
from netmiko import ConnectHandler
from switch import HOST, PASSWORD, SSH, USER, expect

# Parser, command, and a part of the result that says that it was understood.
READ = [
    ("ShowLicenseStatus", "show license status", "smart_licensing_using_policy"),
    ("ShowLicenseUdi", "show license udi", "N9K-C93180YC-FX3"),
    ("ShowLicenseUsage", "show license usage", "IN USE"),
    ("ShowLicenseSummary", "show license summary", "LAN_ENTERPRISE_SERVICES_PKG"),
    ("ShowLicenseHistoryMessage", "show license history message", "import_message_history"),
    ("ShowLicenseRumIdAll", "show license rum id all", "LAN_ENTERPRISE_SERVICES_PKG"),
    ("ShowLicenseEventlog2", "show license eventlog", "SAEVT_TRUST_INSTALL"),
    ("ShowLicenseTechSupport", "show license tech support", "smart_licensing_status"),
]
# The parser wants a heading `License Usage` whose blocks begin `network-advantage (...):` without brackets around the
# name; NX-OS is known to print `(NAME):`.
NOT_READ = [("ShowLicenseAll", "show license all")]


def parse(parser, text):
    return getattr(show_license, parser)(device=None).cli(output=text)


with ConnectHandler(device_type="cisco_nxos", host=HOST, port=SSH, username=USER, password=PASSWORD) as switch:
    for parser, command, part in READ:
        text = switch.send_command(command)
        parsed = parse(parser, text)
        expect(part in str(parsed), (command, parsed, text))
    for parser, command in NOT_READ:
        text = switch.send_command(command)
        try:
            parsed = parse(parser, text)
        except Exception as error:  # whatever the parser stumbles over
            print(f"{parser} cannot read {command!r}: {error}")
        else:
            expect(False, f"{parser} reads {command!r} now: say so above")
