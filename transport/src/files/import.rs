//! What a device imports: from the bytes of a file to the agent's [`Import`] (`spec/formats.md` §3 to §6).

use slpsim_agent::{Account, Ack, Import, ImportKind, Udi};

use super::{ACK, AUTH_CODE, LicenseFile, Opener, POLICY, TRUST_CODE};
use crate::error::DecodeError;
use crate::message::{AckObject, Sealed, auth_code, element};

/// A file as a device takes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// For the agent. Of a file that cannot be read it is the element that the file begins with, as an unreadable one.
    pub import: Import,
    /// Why the file cannot be read.
    pub unreadable: Option<DecodeError>,
    /// Its elements of the kinds that are installed, as text, for `show license history message`.
    pub texts: Vec<(ImportKind, String)>,
}

/// Reads a file that a device imports. What is wrong with signatures is noted in `opener`.
#[must_use]
pub fn read_import(bytes: &[u8], opener: &mut Opener<'_>) -> Received {
    match LicenseFile::read(bytes, opener) {
        Ok(file) => Received {
            import: import_of(file),
            unreadable: None,
            texts: texts_of(&String::from_utf8_lossy(bytes)),
        },
        Err(error) => {
            // What a cut-off or forbidden file was meant to be stands at its beginning.
            let beginning = String::from_utf8_lossy(bytes.get(..HEAD).unwrap_or(bytes));
            let texts: Vec<_> = texts_of(&beginning).into_iter().take(1).collect();
            let kind = texts.first().map(|(kind, _)| *kind);
            let import = kind.map(|kind| Import::unreadable(kind, opener.stamp())).unwrap_or_default();
            Received { import, unreadable: Some(error), texts }
        }
    }
}

/// As much of a file that cannot be read is looked at, in bytes.
const HEAD: usize = 64 << 10;

/// Element names and what they are.
const KINDS: [(&str, ImportKind); 4] = [
    (TRUST_CODE, ImportKind::TrustCode),
    (POLICY, ImportKind::Policy),
    (ACK, ImportKind::Ack),
    (AUTH_CODE, ImportKind::Authorization),
];

fn import_of(file: LicenseFile) -> Import {
    let account = account_of(&file);
    Import {
        account,
        trust: file.trust_codes.into_iter().map(|code| element(code, |object| object.code)).collect(),
        policies: file.policies.into_iter().map(|policy| element(policy, |object| object.policy)).collect(),
        acks: file.acks.into_iter().map(|ack| (udi_of(&ack), acknowledgement(ack))).collect(),
        auth: file.auth_codes.into_iter().map(|code| element(code, auth_code)).collect(),
    }
}

/// The account that a part of the file names whose signature is good.
fn account_of(file: &LicenseFile) -> Option<Account> {
    fn good<T>(sealed: &Sealed<T>) -> Option<&T> {
        sealed.object.as_ref().filter(|_| sealed.fault.is_none())
    }
    let of_acks = file.acks.iter().filter_map(good).filter_map(|ack| ack.account.as_ref());
    let of_codes = file.trust_codes.iter().filter_map(good).filter_map(|code| code.account.as_ref());
    let of_policies = file.policies.iter().filter_map(good).filter_map(|policy| policy.account.as_ref());
    of_acks.chain(of_codes).chain(of_policies).next().cloned()
}

fn udi_of(ack: &Sealed<AckObject>) -> Option<Udi> {
    ack.object.as_ref().map(|object| object.udi)
}

fn acknowledgement(ack: Sealed<AckObject>) -> slpsim_agent::Element<Ack> {
    element(ack, |object| Ack { reports: object.reports })
}

/// The elements of known kinds by where they begin; one that is not closed goes to the end.
fn texts_of(text: &str) -> Vec<(ImportKind, String)> {
    let mut found = Vec::new();
    for (name, kind) in KINDS {
        let (open, close) = (format!("<{name}"), format!("</{name}>"));
        let mut from = 0;
        for _ in 0..MAX_TEXTS {
            let rest = text.get(from..).unwrap_or_default();
            let Some(start) = rest.find(&open) else { break };
            let rest = rest.get(start..).unwrap_or_default();
            let end = rest.find(&close).map_or(rest.len(), |at| at + close.len());
            found.push((from + start, kind, rest.get(..end).unwrap_or(rest).to_owned()));
            from += start + end;
        }
    }
    found.sort_by_key(|(start, ..)| *start);
    found.into_iter().map(|(_, kind, text)| (kind, text)).collect()
}

/// More elements of a kind are not remembered in a history that keeps ten.
const MAX_TEXTS: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::policy_file;
    use crate::message::PolicyObject;
    use crate::sign::{Signer, Verifier};
    use crate::{MAX_BYTES, Rule};
    use slpsim_agent::ElementFault;
    use slpsim_policy::{Policy, Values, Wall};

    const NOW: Wall = Wall(1_772_446_020_000);

    fn policy(signer: &Signer) -> String {
        let account = Some(Account { smart: "Example SA".into(), r#virtual: "Lab".into() });
        let policy = Policy::nxos("Example Policy", Values::of(60, 180, 60));
        let object = PolicyObject { id: "p".into(), policy, account };
        policy_file(&Sealed::good(NOW, object), signer).unwrap()
    }

    fn read(bytes: &[u8], verifier: &Verifier) -> (Received, Vec<String>) {
        let mut opener = Opener::new(verifier, NOW);
        let received = read_import(bytes, &mut opener);
        (received, opener.notes)
    }

    #[test]
    fn a_policy_is_taken_with_its_account_and_only_under_the_root() {
        let [ours, other] = [(); 2].map(|()| Signer::generate(NOW).unwrap());
        let verifier = Verifier::root(ours.root_pem()).unwrap();
        let text = policy(&ours);
        let (received, notes) = read(text.as_bytes(), &verifier);
        assert_eq!((received.unreadable, notes), (None, vec![]));
        assert_eq!(received.import.account.unwrap().r#virtual, "Lab");
        assert_eq!(received.import.policies[0].body.as_ref().unwrap().name, "Example Policy");
        assert_eq!(received.texts, [(ImportKind::Policy, text.trim().to_owned())]);

        let (received, notes) = read(policy(&other).as_bytes(), &verifier);
        assert_eq!(received.import.policies[0].body, Err(ElementFault::Signature));
        assert_eq!(received.import.account, None, "of what is not signed nothing is believed");
        assert!(notes[0].starts_with("policy: the signer's certificate"), "{notes:?}");
        let (received, _) = read(policy(&other).as_bytes(), &Verifier::OFF);
        assert!(received.import.policies[0].body.is_ok());
    }

    /// What is cut off or forbidden is still known for what it was meant to be.
    #[test]
    fn of_a_file_that_cannot_be_read_the_kind_is_known_where_it_can_be() {
        let laughs = |root: &str| {
            format!("<!DOCTYPE {root} [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;\">]><{root}>&b;</{root}>")
        };
        let external = "<!DOCTYPE smartLicense [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><smartLicense><smartLicenseRumAck><data>&x;</data></smartLicenseRumAck></smartLicense>";
        let large = format!("<smartLicensePolicy>{}</smartLicensePolicy>", " ".repeat(MAX_BYTES));
        for (text, rule, kind) in [
            ("not XML at all".to_owned(), Rule::Xml, None),
            ("<html><body/></html>".to_owned(), Rule::Root, None),
            ("<smartLicensePolicy><data>{".to_owned(), Rule::Xml, Some(ImportKind::Policy)),
            ("<smartLicense><smartLicenseTrustCode>".to_owned(), Rule::Xml, Some(ImportKind::TrustCode)),
            ("<smartLicense><specificPLR>".to_owned(), Rule::Xml, Some(ImportKind::Authorization)),
            (laughs("smartLicensePolicy"), Rule::NoDtd, Some(ImportKind::Policy)),
            (external.to_owned(), Rule::NoDtd, Some(ImportKind::Ack)),
            (large, Rule::Size, Some(ImportKind::Policy)),
        ] {
            let (received, _) = read(text.as_bytes(), &Verifier::OFF);
            assert_eq!(received.unreadable.unwrap().rule, rule);
            let expected = kind.map(|kind| Import::unreadable(kind, NOW)).unwrap_or_default();
            assert_eq!(received.import, expected);
        }
        let (received, _) = read(&[0xff, 0xfe, 0], &Verifier::OFF);
        assert_eq!(received.unreadable.unwrap().rule, Rule::Utf8);
    }

    #[test]
    fn a_history_text_never_holds_what_stands_between_two_elements() {
        let file = "<smartLicense><smartLicensePolicy>1</smartLicensePolicy><smartLicenseTrustRequest>EXAMPLETOKEN0001</smartLicenseTrustRequest><smartLicensePolicy>2</smartLicensePolicy></smartLicense>";
        let texts = texts_of(file);
        assert_eq!(texts.len(), 2);
        assert!(texts.iter().all(|(_, text)| !text.contains("EXAMPLETOKEN")), "{texts:?}");
    }
}
