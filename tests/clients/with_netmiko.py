"""netmiko (cisco_nxos): connect, show commands with TextFSM, configuration mode, save_config."""

from netmiko import ConnectHandler
from switch import HOST, PASSWORD, SSH, USER, expect

with ConnectHandler(device_type="cisco_nxos", host=HOST, port=SSH, username=USER, password=PASSWORD) as switch:
    expect(switch.find_prompt() == "leaf-1#", switch.find_prompt())

    rows = switch.send_command("show license usage", use_textfsm=True)
    expect(isinstance(rows, list) and len(rows) == 1, rows)
    expect(rows[0]["feature"] == "LAN_ENTERPRISE_SERVICES_PKG", rows)
    expect(rows[0]["status"] == "IN USE", rows)

    version = switch.send_command("show version", use_textfsm=True)
    expect(isinstance(version, list) and version[0]["hostname"] == "leaf-1", version)

    pages = switch.send_command("show license all")
    expect("--More--" not in pages and "License Usage" in pages, pages)

    wrong = switch.send_command("show rubbish")
    expect("% Invalid command at '^' marker." in wrong, wrong)

    done = switch.send_config_set(["license smart usage interval 22", "hostname leaf-2"])
    expect("% " not in done, done)
    switch.set_base_prompt()
    expect(switch.find_prompt() == "leaf-2#", switch.find_prompt())
    running = switch.send_command("show running-config")
    expect("license smart usage interval 22" in running, running)
    switch.send_config_set(["hostname leaf-1"])
    switch.set_base_prompt()

    saved = switch.save_config()
    expect("Copy complete." in saved, saved)
    startup = switch.send_command("show startup-config")
    expect("license smart usage interval 22" in startup, startup)
