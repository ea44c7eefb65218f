//! `request_data` of each type (`spec/formats.md` §8.3).

use serde_json::Value;
use slpsim_agent::{PollId, Purpose, Role, Token, Unit};

use super::{Codec, owned, read_sudi, write_sudi};
use crate::error::{DecodeError, EncodeError, Rule};
use crate::json::{Field, Object, Writer};
use crate::message::{
    AuthEntry, DeviceBody, DeviceHeader, DeviceMessage, RequestType, SyncUnit, UsageReport,
};
use crate::rum::{MAX_ENTRIES, envelope_of, read_envelope, write_envelope};
use crate::sign::DeviceKeys;

impl Codec<'_> {
    pub(super) fn write_body(
        self,
        w: &mut Writer,
        message: &DeviceMessage,
        keys: Option<&DeviceKeys>,
    ) -> Result<(), EncodeError> {
        let names = self.names();
        match &message.body {
            DeviceBody::IdTokenTrust { .. } => return self.write_trust(w, message, keys),
            DeviceBody::LicenseUsage { hostname, software_tag, reports } => {
                if let Some(instance) = message.header.instance {
                    w.plain(&names.product_instance_identifier, instance);
                }
                self.write_names(w, hostname.as_deref(), software_tag);
                return self.write_reports(w, reports, keys);
            }
            DeviceBody::Poll { poll_id } => w.number(&names.poll_id, poll_id.0),
            DeviceBody::AuthRequest { keys } => w.list(&names.keys, |w| {
                for key in keys {
                    w.entry(|w| {
                        w.text(&names.entitlement, &key.entitlement);
                        w.plain(&names.count, key.count);
                    });
                }
            }),
            DeviceBody::AuthReturn { remove_code } => {
                w.list(&names.keys, |_| {});
                w.text(&names.remove_code, remove_code);
            }
            DeviceBody::TrustSync { units } if !units.is_empty() => w.list(&names.device_list, |w| {
                for SyncUnit { unit, instance } in units {
                    w.entry(|w| {
                        write_sudi(w, names, &unit.udi);
                        w.text(&names.role, unit.role.name());
                        if let Some(instance) = instance {
                            w.plain(&names.product_instance_identifier, instance);
                        }
                    });
                }
            }),
            DeviceBody::TrustSync { .. }
            | DeviceBody::Hello
            | DeviceBody::AuthRenew
            | DeviceBody::IdRenew
            | DeviceBody::Unknown(_) => {}
        }
        Ok(())
    }

    fn write_names(self, w: &mut Writer, hostname: Option<&str>, software_tag: &str) {
        if let Some(hostname) = hostname {
            w.text(&self.names().hostname, hostname);
        }
        w.text(&self.names().software_tag_identifier, software_tag);
    }

    fn write_trust(
        self,
        w: &mut Writer,
        message: &DeviceMessage,
        keys: Option<&DeviceKeys>,
    ) -> Result<(), EncodeError> {
        let DeviceBody::IdTokenTrust { token, hostname, software_tag, csr, mode, force, units } =
            &message.body
        else {
            return Ok(());
        };
        let names = self.names();
        let made;
        let csr = match csr {
            Some(csr) => csr.as_ref(),
            None => {
                made = keys.ok_or(EncodeError::NoKey)?.csr(&message.header.udi)?;
                &made
            }
        };
        w.text(&names.id_token, token.expose());
        self.write_names(w, hostname.as_deref(), software_tag);
        w.text(&names.csr, csr);
        w.text(&names.mode, mode);
        w.flag(&names.force, *force);
        w.list(&names.device_list, |w| {
            for unit in units {
                w.entry(|w| {
                    write_sudi(w, names, &unit.udi);
                    self.write_names(w, hostname.as_deref(), software_tag);
                    w.text(&names.role, unit.role.name());
                });
            }
        });
        Ok(())
    }

    /// Reports by device, in the order in which they come.
    fn write_reports(
        self,
        w: &mut Writer,
        reports: &[UsageReport],
        keys: Option<&DeviceKeys>,
    ) -> Result<(), EncodeError> {
        let names = self.names();
        let envelopes: Result<Vec<_>, _> = reports.iter().map(|report| envelope_of(report, keys)).collect();
        let envelopes: Vec<_> = reports.iter().zip(envelopes?).collect();
        w.list(&names.reports, |w| {
            for group in envelopes.chunk_by(|(one, _), (other, _)| one.udi == other.udi) {
                w.entry(|w| {
                    if let Some((first, _)) = group.first() {
                        write_sudi(w, names, &first.udi);
                    }
                    w.list(&names.usage, |w| {
                        for (_, envelope) in group {
                            w.entry(|w| write_envelope(w, envelope));
                        }
                    });
                });
            }
        });
        Ok(())
    }

    pub(super) fn read_body(
        self,
        data: Object<'_>,
        word: &str,
        header: &DeviceHeader,
    ) -> Result<DeviceBody, DecodeError> {
        let names = self.names();
        let purpose = match self.profile.request_type(word) {
            RequestType::Known(purpose) => purpose,
            RequestType::Other(word) => return Ok(DeviceBody::Unknown(word)),
        };
        Ok(match purpose {
            Purpose::Trust => self.read_trust(data)?,
            Purpose::Usage => {
                self.check_instance(data, header.instance)?;
                let (hostname, software_tag) = self.read_names(data)?;
                DeviceBody::LicenseUsage { hostname, software_tag, reports: self.read_reports(data)? }
            }
            Purpose::Poll => DeviceBody::Poll { poll_id: PollId(data.field(&names.poll_id).number()?) },
            Purpose::TrustSync => {
                let units = data.field(&names.device_list).optional();
                let units =
                    units.map(|list| list.each(self.max_units(), |unit| self.read_sync_unit(unit.object()?)));
                DeviceBody::TrustSync { units: units.transpose()?.unwrap_or_default() }
            }
            Purpose::Hello => DeviceBody::Hello,
            Purpose::AuthRequest => DeviceBody::AuthRequest {
                keys: data.field(&names.keys).each(self.max_units(), |key| self.read_key(key.object()?))?,
            },
            Purpose::AuthReturn => {
                DeviceBody::AuthReturn { remove_code: data.field(&names.remove_code).text()?.into() }
            }
            Purpose::AuthRenew => DeviceBody::AuthRenew,
            Purpose::IdRenew => DeviceBody::IdRenew,
        })
    }

    fn read_key(self, key: Object<'_>) -> Result<AuthEntry, DecodeError> {
        let entitlement = owned(key.field(&self.names().entitlement).text()?);
        Ok(AuthEntry { entitlement, count: key.field(&self.names().count).decimal()? })
    }

    fn read_trust(self, data: Object<'_>) -> Result<DeviceBody, DecodeError> {
        let names = self.names();
        let (hostname, software_tag) = self.read_names(data)?;
        let token = data.field(&names.id_token);
        let csr = data.field(&names.csr);
        if !csr.text()?.starts_with("-----BEGIN ") {
            return Err(csr.wrong(Rule::Pem));
        }
        Ok(DeviceBody::IdTokenTrust {
            token: Token::new(token.text()?).map_err(|_| token.wrong(Rule::Token))?,
            hostname,
            software_tag,
            csr: Some(csr.text()?.into()),
            mode: owned(data.field(&names.mode).text()?),
            force: data.field(&names.force).flag()?,
            units: data
                .field(&names.device_list)
                .each(self.max_units(), |unit| self.read_unit(unit.object()?))?,
        })
    }

    fn read_sync_unit(self, unit: Object<'_>) -> Result<SyncUnit, DecodeError> {
        let instance = unit.field(&self.names().product_instance_identifier).optional();
        Ok(SyncUnit { unit: self.read_unit(unit)?, instance: instance.map(Field::uuid).transpose()? })
    }

    fn read_unit(self, unit: Object<'_>) -> Result<Unit, DecodeError> {
        let field = unit.field(&self.names().role);
        let word = field.text()?;
        let role = [Role::Active, Role::Standby].into_iter().find(|role| role.name() == word);
        let role = role.ok_or_else(|| field.wrong(Rule::Word))?;
        Ok(Unit { role, udi: read_sudi(unit, self.names())? })
    }

    fn read_reports(self, data: Object<'_>) -> Result<Vec<UsageReport>, DecodeError> {
        let names = self.names();
        let reports = data.field(&names.reports);
        let counts =
            reports.each(MAX_ENTRIES, |group| Ok(group.object()?.field(&names.usage).list()?.len()))?;
        let total: usize = counts.into_iter().sum();
        if total > MAX_ENTRIES {
            let found = format!("{total} of at most {MAX_ENTRIES}");
            return Err(DecodeError::new(Rule::Count, &names.reports, found));
        }
        let groups = reports.each(MAX_ENTRIES, |group| {
            let group = group.object()?;
            let udi = read_sudi(group, names)?;
            group.field(&names.usage).each(MAX_ENTRIES, |envelope| {
                let value: &Value = envelope.value()?;
                let report = read_envelope(value)?;
                if report.udi == udi {
                    Ok(report)
                } else {
                    Err(Field::entry("payload", value).wrong(Rule::Agrees))
                }
            })
        })?;
        Ok(groups.into_iter().flatten().collect())
    }
}
