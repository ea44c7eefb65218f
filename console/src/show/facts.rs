//! What automation asks every switch for, beside licensing (`spec/console.md` §3, §4).

use alloc::format;

use slpsim_network::Interface;

use crate::session::{Exec, Outcome, Refusal};
use crate::syntax::Parsed;

/// `show interface`, in the order of NX-OS' lines for a management port; speed, duplex and MTU are modelled.
pub(crate) fn interface(cx: &mut Exec<'_, '_>, parsed: &Parsed) -> Outcome {
    let wanted = parsed.arg("interface");
    let serial = cx.device.agent.udi().serial;
    let all = cx.device.config.ip.interfaces.iter();
    let mut shown = (0_u8..)
        .zip(all)
        .filter(|(_, interface)| wanted.is_none_or(|wanted| interface.name.eq_ignore_ascii_case(wanted)))
        .peekable();
    if let (Some(wanted), None) = (wanted, shown.peek()) {
        return Err(Refusal(format!("% Invalid interface {wanted}")));
    }
    for (number, one) in shown {
        let mac = mac(serial.as_str(), number);
        let (state, admin) = if one.shut { ("down", "down") } else { ("up", "up") };
        let doc = &mut *cx.doc;
        let why = if one.shut { " (Administratively down)" } else { "" };
        doc.text(format_args!("{} is {state}{why}", one.name));
        doc.text(format_args!("admin state is {admin},"));
        doc.indented(2, |doc| {
            doc.text(format_args!("Hardware: Ethernet, address: {mac} (bia {mac})"));
            if let Some(net) = one.address {
                doc.text(format_args!("Internet Address is {}/{}", net.address, net.prefix));
            }
            doc.text("MTU 1500 bytes, BW 1000000 Kbit, DLY 10 usec");
            doc.text("reliability 255/255, txload 1/255, rxload 1/255");
            doc.text("Encapsulation ARPA, medium is broadcast");
            doc.text("full-duplex, 1000 Mb/s");
        });
        doc.blank();
        doc.row("interface", |doc| row(doc, one, state, admin, &mac));
    }
    Ok(())
}

fn row(doc: &mut crate::Document, interface: &Interface, state: &str, admin: &str, mac: &str) {
    doc.data("interface", interface.name.as_str());
    doc.data("state", state);
    doc.data("admin_state", admin);
    doc.data("eth_hw_desc", "Ethernet");
    doc.data("eth_hw_addr", mac);
    doc.data("eth_bia_addr", mac);
    if let Some(net) = interface.address {
        doc.data("eth_ip_addr", format!("{}", net.address));
        doc.data("eth_ip_mask", i64::from(net.prefix));
    }
    doc.data("eth_mtu", "1500");
    doc.data("eth_bw", 1_000_000_i64);
    doc.data("eth_duplex", "full");
    doc.data("eth_speed", "1000 Mb/s");
}

/// An address of the range that is nobody's (IEEE 802, locally administered), the same for the same switch.
fn mac(serial: &str, number: u8) -> alloc::string::String {
    // FNV-1a.
    let hash =
        serial.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let [a, b, c, d] = hash.to_be_bytes();
    format!("02{a:02x}.{b:02x}{c:02x}.{d:02x}{number:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_local_and_differ_by_switch_and_port() {
        let one = mac("FDO00000001", 0);
        assert!(one.starts_with("02") && one.len() == 14, "{one}");
        assert_eq!(mac("FDO00000001", 0), one);
        assert_ne!(mac("FDO00000002", 0), one);
        assert_ne!(mac("FDO00000001", 1), one);
    }
}
