"""A switch and its mock CSSM as fixtures."""


def test_a_switch_gets_its_trust_code(slpsim_run):
    switch = slpsim_run()
    switch.advance("5m")
    assert "Trust Code Installed:" in switch.exec("show license status")
    assert len(switch.manage("GET", "devices")) == 1


def test_a_fault_of_the_mock_has_an_end(slpsim_cssm):
    cssm = slpsim_cssm()
    begun = cssm.manage("POST", "faults", {"kind": "quota", "after": 10, "for": "1h"})
    assert [fault["id"] for fault in cssm.manage("GET", "faults")] == [begun["id"]]
    assert cssm.manage("DELETE", "faults/{}".format(begun["id"])) == {"deleted": 1}


def test_a_line_of_a_log_is_known(slpsim):
    done = slpsim("messages")
    assert done.returncode == 0 and "LOG_SMART_LIC_COMM_FAILED" in done.stdout
