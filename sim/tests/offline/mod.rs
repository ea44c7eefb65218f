//! CSSM as its users find it without any connection: files are uploaded, files come back (`spec/behaviour.md` §12).
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "test support")]

use std::collections::BTreeMap;

use slpsim_agent::{Account, ElementFault, IdCert, InstanceId, ReportId, ReportVerdict, TrustCode, Udi};
use slpsim_policy::{Policy, Values, Wall};
use slpsim_transport::files::{LicenseFile, Opener, ack_file, auth_file, policy_file, trust_code_file};
use slpsim_transport::rum::{ReportSignature, verify};
use slpsim_transport::sign::{ID_VALID_FROM_OFFSET_S, IdRequest, PublicKey, Signer, Verifier};
use slpsim_transport::{AckObject, AuthEntry, AuthObject, PolicyObject, Sealed, TrustObject};

/// An account at CSSM.
pub struct Offline {
    pub signer: Signer,
    keys: BTreeMap<u64, PublicKey>,
    serial: u64,
    /// Spoils what is issued.
    pub fault: Option<ElementFault>,
}

impl Offline {
    pub fn new(now: Wall) -> Self {
        let signer = Signer::generate(now).unwrap();
        Self { signer, keys: BTreeMap::new(), serial: 16_451_200, fault: None }
    }

    pub fn verifier(&self) -> Verifier {
        Verifier::root(self.signer.root_pem()).unwrap()
    }

    /// *Upload* of a trust request; the trust code file comes back.
    pub fn trust(&mut self, request: &[u8], now: Wall) -> String {
        let [request] = &read(request).trust_requests[..] else { panic!("not one trust request") };
        self.serial += 1;
        let mut instance = [0; 16];
        instance[8..].copy_from_slice(&self.serial.to_be_bytes());
        let identity = IdCert { instance: InstanceId(instance), serial: self.serial };
        let valid_from = now.plus_millis(ID_VALID_FROM_OFFSET_S * 1000);
        let valid_to = now.plus_days(2922);
        let id = IdRequest { csr: &request.csr, product: "N9K", identity, valid_from, valid_to };
        let id_cert = self.signer.issue_id(id).unwrap();
        self.keys.insert(self.serial, PublicKey::from_certificate_pem(&id_cert).unwrap());
        let object = TrustObject {
            code: TrustCode { udi: request.udi, trust_id: 101, identity, valid_to },
            valid_from,
            id_cert: Some(id_cert.into()),
            sub_ca: Some(self.signer.signer_pem().into()),
            nonce: Some(request.nonce.clone()),
            account: Some(account()),
        };
        trust_code_file(&[self.sealed(now, object)], &self.signer).unwrap()
    }

    /// *Upload* of usage; each report must be genuine. The ACK file comes back, with the account's policy.
    pub fn acknowledge(&self, usage: &[u8], policy: Option<Policy>, now: Wall) -> (String, Vec<ReportId>) {
        let file = read(usage);
        for report in &file.reports {
            let signature = verify(report, |serial| self.keys.get(&serial).map(PublicKey::verifying));
            assert_eq!(signature, ReportSignature::Genuine, "{}", report.id.0);
        }
        let info = file.system_info.unwrap();
        let ids: Vec<_> = file.reports.iter().map(|report| report.id).collect();
        let object = AckObject {
            udi: info.udi,
            nonce: Some(info.nonce),
            account: Some(account()),
            transaction_id: "00000000-0000-4000-8000-0000000000c1".into(),
            reports: ids.iter().map(|id| (*id, ReportVerdict::Acknowledged)).collect(),
            policy: policy.map(|policy| self.sealed(now, object_of(policy))),
            trust_codes: Vec::new(),
        };
        (ack_file(&self.sealed(now, object), &self.signer).unwrap(), ids)
    }

    /// An ACK for another device, with a policy beside it.
    pub fn ack_for(&self, udi: Udi, ids: &[ReportId], now: Wall) -> String {
        let object = AckObject {
            udi,
            nonce: None,
            account: Some(account()),
            transaction_id: "00000000-0000-4000-8000-0000000000c2".into(),
            reports: ids.iter().map(|id| (*id, ReportVerdict::Acknowledged)).collect(),
            policy: Some(self.sealed(now, object_of(Policy::nxos("Foreign", Values::of(1, 2, 3))))),
            trust_codes: Vec::new(),
        };
        ack_file(&self.sealed(now, object), &self.signer).unwrap()
    }

    /// *Downloading a Policy File from CSSM*.
    pub fn policy(&self, policy: Policy, now: Wall) -> String {
        policy_file(&self.sealed(now, object_of(policy)), &self.signer).unwrap()
    }

    /// An authorization code (`mds9000`).
    pub fn authorization(&self, udi: Udi, tag: &str, now: Wall) -> String {
        let entry = AuthEntry { entitlement: tag.to_owned().into(), count: 2 };
        let object = AuthObject {
            udi,
            instance: None,
            flag: "A".into(),
            entitlements: vec![(entry, "Example licence".into())],
        };
        auth_file(&[self.sealed(now, object)], &self.signer).unwrap()
    }

    fn sealed<T>(&self, now: Wall, object: T) -> Sealed<T> {
        Sealed { fault: self.fault, ..Sealed::good(now, object) }
    }
}

/// A file as CSSM reads it.
pub fn read(bytes: &[u8]) -> LicenseFile {
    LicenseFile::read(bytes, &mut Opener::new(&Verifier::OFF, Wall(0))).unwrap()
}

pub fn example_policy() -> Policy {
    Policy::nxos("Example Policy", Values::of(60, 180, 60))
}

fn account() -> Account {
    Account { smart: "Example SA".into(), r#virtual: "Lab".into() }
}

fn object_of(policy: Policy) -> PolicyObject {
    PolicyObject { id: "00000000-0000-4000-8000-0000000000d1".into(), policy, account: Some(account()) }
}
