//! The policy (`spec/formats.md` §4). The contents of `data` are modelled.

use slpsim_agent::Account;
use slpsim_policy::{Class, Policy, Values, Wall};

use super::{SealedText, sealed};
use crate::error::{DecodeError, EncodeError};
use crate::json::{Field, Object, Writer, parse_object};
use crate::message::{PolicyObject, Sealed, Word};
use crate::sign::Signer;

/// The name of a class in `attributes`.
const fn class_word(class: Class) -> &'static str {
    match class {
        Class::Unenforced => "unenforced",
        Class::Perpetual => "perpetual",
        Class::Subscription => "subscription",
        Class::Enforced => "enforced",
        Class::Export => "export",
    }
}

/// Writes and signs `data`.
pub(crate) fn seal(
    policy: &Sealed<PolicyObject>,
    signer: &Signer,
    kind: &str,
) -> Result<SealedText, EncodeError> {
    let data = policy.object.as_ref().map_or_else(String::new, |object| write(policy.issued, object));
    sealed::seal(data, policy.fault, signer, kind)
}

fn write(issued: Wall, object: &PolicyObject) -> String {
    Writer::object(|w| {
        w.text("version", "1.0");
        w.text("name", &object.policy.name);
        w.text("id", &object.id);
        w.number("timestamp", issued.0);
        write_account(w, object.account.as_ref());
        if let Some(required) = object.policy.ack_required {
            w.flag("ack_required", required);
        }
        w.inner("attributes", |w| {
            for class in Class::ALL {
                let values = object.policy.values[class.index()];
                if values != Values::default() {
                    w.inner(class_word(class), |w| write_values(w, values));
                }
            }
        });
    })
}

fn write_values(w: &mut Writer, values: Values) {
    for (name, value) in
        [("first_report", values.first), ("frequency", values.ongoing), ("on_change", values.on_change)]
    {
        if let Some(days) = value {
            w.number(name, days);
        }
    }
}

/// Reads `data`.
pub(crate) fn read(data: &str) -> Result<(Wall, PolicyObject), DecodeError> {
    let map = parse_object(data)?;
    let object = Object(&map);
    let mut policy = Policy {
        name: object.field("name").text()?.to_owned(),
        ack_required: object.field("ack_required").optional().map(Field::flag).transpose()?,
        values: [Values::default(); 5],
    };
    policy.values = object.field("attributes").object_with(|attributes| {
        let mut values = [Values::default(); 5];
        for class in Class::ALL {
            if let Some(field) = attributes.field(class_word(class)).optional() {
                values[class.index()] = field.object_with(read_values)?;
            }
        }
        Ok(values)
    })?;
    let id = Word::Owned(object.field("id").text()?.to_owned());
    let issued = object.field("timestamp").millis()?;
    Ok((issued, PolicyObject { id, policy, account: read_account(object)? }))
}

fn read_values(values: Object<'_>) -> Result<Values, DecodeError> {
    let days = |name| values.field(name).optional().map(Field::number).transpose();
    Ok(Values { first: days("first_report")?, ongoing: days("frequency")?, on_change: days("on_change")? })
}

/// `smart_account` and `virtual_account`, where there is an account.
pub(super) fn write_account(w: &mut Writer, account: Option<&Account>) {
    if let Some(account) = account {
        w.text("smart_account", &account.smart);
        w.text("virtual_account", &account.r#virtual);
    }
}

/// Both names, or none.
pub(super) fn read_account(object: Object<'_>) -> Result<Option<Account>, DecodeError> {
    let Some(smart) = object.field("smart_account").optional() else { return Ok(None) };
    let (smart, r#virtual) = (smart.text()?.to_owned(), object.field("virtual_account").text()?.to_owned());
    Ok(Some(Account { smart, r#virtual }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `spec/formats.md` §4.
    const EXAMPLE: &str = r#"{"version":"1.0","name":"Example Policy","id":"00000000-0000-4000-8000-0000000000d1","timestamp":1772446020000,"smart_account":"Example SA","virtual_account":"Lab","ack_required":true,"attributes":{"unenforced":{"first_report":60,"frequency":180,"on_change":60},"enforced":{"first_report":0,"frequency":0,"on_change":0},"export":{"first_report":0,"frequency":0,"on_change":0}}}"#;

    #[test]
    fn the_example_is_read_and_written_back_byte_for_byte() {
        let (issued, object) = read(EXAMPLE).unwrap();
        assert_eq!(object.policy.values[Class::Unenforced.index()], Values::of(60, 180, 60));
        assert_eq!(object.policy.values[Class::Perpetual.index()], Values::default());
        assert_eq!(write(issued, &object), EXAMPLE);
    }

    #[test]
    fn a_value_left_out_stays_out() {
        let (issued, object) =
            read(r#"{"name":"P","id":"1","timestamp":1,"attributes":{"unenforced":{"frequency":30}}}"#)
                .unwrap();
        assert_eq!(object.policy.ack_required, None);
        let values = object.policy.values[Class::Unenforced.index()];
        assert_eq!(values, Values { first: None, ongoing: Some(30), on_change: None });
        assert_eq!(read(&write(issued, &object)).unwrap(), (issued, object));
    }

    #[test]
    fn a_bad_value_is_named() {
        let bad = EXAMPLE.replace("180", "70000");
        assert_eq!(
            read(&bad).unwrap_err().to_string(),
            "attributes.unenforced.frequency must be a JSON integer within its range, found a number"
        );
    }
}
