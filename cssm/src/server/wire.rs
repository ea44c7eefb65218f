//! Between bytes and rules: who signed a message, certificates for trust codes, and the answer's bytes.

use std::sync::Arc;

use slpsim_agent::{IdCert, Udi};
use slpsim_transport::message::{DeviceBody, DeviceMessage, RumSigner, Sealed, ServerMessage, TrustObject};
use slpsim_transport::rum::{self, ReportSignature};
use slpsim_transport::sign::{IdRequest, PublicKey, VerifyingKey};
use slpsim_transport::smart::{ReceivedRequest, Sealing, encode_response};

use super::Shared;
use crate::exchange::{Csr, Signed};
use crate::records::Trust;

/// Keys of a device by serial number of the ID certificate, newest first. A certificate without a key is one that came
/// with an ACK.
pub(super) type Keys = Vec<(u64, Option<VerifyingKey>)>;

/// The keys with which a device may have signed. Those that a restart has forgotten are made again from the certificate
/// requests.
pub(super) fn keys_of(shared: &Shared, udi: &Udi) -> Keys {
    let trusts = shared.local(|cssm| cssm.trusts_of(udi));
    let key = |trust: Trust| {
        let serial = trust.identity.serial;
        let key = trust.key.or_else(|| {
            let request = IdRequest {
                csr: trust.csr.as_deref()?,
                product: udi.pid.as_str(),
                identity: trust.identity,
                valid_from: trust.issued,
                valid_to: trust.valid_to,
            };
            let pem = shared.signer.issue_id(request).ok()?;
            let key = Arc::new(PublicKey::from_certificate_pem(&pem).ok()?);
            shared.local(|cssm| cssm.set_key(udi, serial, Arc::clone(&key)));
            Some(key)
        });
        (serial, key.map(|key| key.verifying()))
    };
    trusts.into_iter().map(key).collect()
}

/// Judges the signature of a request. Without an identity in the header nothing is to be signed.
pub(super) fn request_signature(received: &ReceivedRequest, keys: &Keys) -> Signed {
    let header = &received.message.header;
    let Some(instance) = header.instance else { return Signed::Unverifiable };
    if received.signature.is_none() {
        return Signed::Missing;
    }
    let named = header.id_cert_serial.or(keys.first().map(|(serial, _)| *serial));
    match keys.iter().find(|(serial, _)| Some(*serial) == named) {
        Some((_, Some(key))) if received.is_signed_by(key) => Signed::Valid,
        Some((_, Some(_))) => Signed::Wrong,
        Some((_, None)) => Signed::Unverifiable,
        // The rules refuse the identity, so that its signature matters no more.
        None => {
            tracing::debug!(%instance, "no key is known for this identity");
            Signed::Unverifiable
        }
    }
}

/// Judges the signatures of the reports in a message, in their order. `own` are the keys of the sender; `keys_of` finds
/// those of the devices on whose behalf a controller sends.
pub(super) fn report_signatures(
    message: &DeviceMessage,
    own: &Keys,
    keys_of: impl Fn(&Udi) -> Keys,
) -> Vec<Signed> {
    let DeviceBody::LicenseUsage { reports, .. } = &message.body else { return Vec::new() };
    let mut of: Option<(Udi, Keys)> = None;
    reports
        .iter()
        .map(|report| {
            let keys = match &of {
                _ if report.udi == message.header.udi => own,
                Some((udi, keys)) if *udi == report.udi => keys,
                Some(_) | None => &of.insert((report.udi, keys_of(&report.udi))).1,
            };
            let key = |serial| keys.iter().find(|(other, _)| *other == serial);
            match rum::verify(report, |serial| key(serial)?.1.clone()) {
                ReportSignature::Genuine => Signed::Valid,
                ReportSignature::Missing => Signed::Missing,
                ReportSignature::Outer | ReportSignature::Inner => Signed::Wrong,
                // The word or key of real hardware, or of nobody: read by a mock that does not verify
                // (`spec/formats.md` §13).
                ReportSignature::Unchecked if matches!(report.signer, RumSigner::Other(_)) => Signed::Wrong,
                ReportSignature::Unchecked => Signed::Unverifiable,
                // A certificate that was made without knowing the device's key, against one that was never made.
                ReportSignature::UnknownKey(serial) if key(serial).is_some() => Signed::Unverifiable,
                ReportSignature::UnknownKey(_) => Signed::Wrong,
            }
        })
        .collect()
}

/// Largest certificate request; one of RSA-4096 with several names has 2,000 bytes.
const CSR_BYTES: usize = 16_384;

/// Judges the certificate request of a trust request.
pub(super) fn csr(message: &DeviceMessage) -> Csr {
    let DeviceBody::IdTokenTrust { csr, .. } = &message.body else { return Csr::NotNeeded };
    let Some(text) = csr.as_ref().filter(|csr| csr.len() <= CSR_BYTES) else { return Csr::Bad };
    match rcgen::CertificateSigningRequestParams::from_pem(text) {
        Ok(_) => Csr::Good(Arc::from(&**text)),
        Err(_) => Csr::Bad,
    }
}

/// Makes the ID certificates that the answer's trust codes lack, and tells the records the keys in them.
pub(super) fn certify(shared: &Shared, answer: &mut ServerMessage) {
    let data = &mut answer.data;
    let in_ack = data.ack.iter_mut().filter_map(|ack| ack.object.as_mut());
    let codes = data.trust_codes.iter_mut().chain(in_ack.flat_map(|ack| &mut ack.trust_codes));
    for code in codes.filter_map(|code: &mut Sealed<TrustObject>| code.object.as_mut()) {
        let IdCert { serial, .. } = code.code.identity;
        let udi = code.code.udi;
        let own = shared.local(|cssm| cssm.csr_of(&udi, serial));
        let is_own = own.is_some();
        let Some(csr) = own.or_else(|| shared.placeholder_csr(&udi)) else { continue };
        let made = shared.signer.issue_id(IdRequest {
            csr: &csr,
            product: udi.pid.as_str(),
            identity: code.code.identity,
            valid_from: code.valid_from,
            valid_to: code.code.valid_to,
        });
        match made {
            Ok(pem) => {
                if let (true, Ok(key)) = (is_own, PublicKey::from_certificate_pem(&pem)) {
                    shared.local(|cssm| cssm.set_key(&udi, serial, Arc::new(key)));
                }
                code.id_cert = Some(pem.into());
                code.sub_ca = Some(shared.signer.signer_pem().into());
            }
            // The request was checked before, so this is our own trouble; the device refuses the code as unreadable.
            Err(error) => tracing::error!(%error, "cannot make an ID certificate"),
        }
    }
}

/// The bytes of an answer; none where they cannot be made, which the caller answers with 503.
pub(super) fn encode(
    shared: &Shared,
    answer: &ServerMessage,
    spoiled: bool,
    stranger: bool,
) -> Option<String> {
    let signer = if stranger { shared.stranger()? } else { &shared.signer };
    match encode_response(answer, Sealing { signer, spoiled }, &shared.wire) {
        Ok(body) => Some(body),
        Err(error) => {
            tracing::error!(%error, "cannot make an answer");
            None
        }
    }
}
