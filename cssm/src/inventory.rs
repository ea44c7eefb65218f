//! What *Inventory > Product Instances* of CSSM shows and does, and uploads over the REST interface.

use slpsim_agent::{PollId, ReportId, Udi};
use slpsim_policy::Wall;

use crate::cssm::{Cssm, ManageError};
use crate::draw::For;
use crate::records::{AccountId, Device, Event, EventRecord, Pending, Upload};

impl Cssm {
    /// The product instances of an account, the first ones first.
    #[must_use]
    pub fn instances(&self, account: AccountId) -> Vec<&Device> {
        let mut devices: Vec<&Device> =
            self.store().devices().filter(|device| device.account == account).collect();
        devices.sort_by_key(|device| (device.first_seen, device.udi));
        devices
    }

    /// Moves a product instance to another account of this server; its trust goes with it. Its next answers carry the
    /// policy of that account.
    ///
    /// # Errors
    /// Where there is no such device or account, or the account takes listed devices only.
    pub fn transfer(&mut self, name: &str, r#virtual: &str, now: Wall) -> Result<Udi, ManageError> {
        self.account(r#virtual)?;
        let id = self.account_or_new(None, Some(r#virtual))?;
        self.transfer_to(name, id, now)
    }

    /// The same by the account's position.
    ///
    /// # Errors
    /// As [`Cssm::transfer`].
    pub fn transfer_to(&mut self, name: &str, id: AccountId, now: Wall) -> Result<Udi, ManageError> {
        let udi = self.device_called(name).map(|device| device.udi);
        let udi = udi.ok_or_else(|| ManageError::NotFound(format!("no device is called {name:?}")))?;
        let account = self.store().accounts().get(usize::from(id.0));
        let account = account.ok_or_else(|| ManageError::NotFound("there is no such account".into()))?;
        if !account.membership.takes(&udi) {
            let r#virtual = &account.names.r#virtual;
            return Err(ManageError::Wrong(format!(
                "{virtual} takes listed devices only; put {} on its list first",
                udi.in_show()
            )));
        }
        let at = self.clock(now);
        if let Some(device) = self.store_mut().device_mut(&udi) {
            device.account = id;
        }
        self.store_mut().note(EventRecord { at, device: Some(udi), event: Event::DeviceMoved(id) });
        Ok(udi)
    }

    /// Keeps an upload under a poll id of its own.
    pub fn put_upload(&mut self, upload: Upload) -> u64 {
        self.uploads_made += 1;
        // As the poll ids of devices: long, beginning with 77, unharmed by readers whose numbers are doubles. They grow,
        // so that the oldest one is the smallest.
        let drawn = self.luck().number(2, For::Poll, self.uploads_made) % 1_000;
        let number = self.uploads_made % 10_000_000_000;
        let poll_id = 77_000_000_000_000_000 + (number * 1_000 + drawn) * 80;
        self.store_mut().put_upload(poll_id, upload);
        poll_id
    }

    /// The push of `sender` that carried this report last, with the poll id of its upload where there was one.
    #[must_use]
    pub fn uploaded_before(&self, sender: &Udi, report: (Udi, ReportId)) -> Option<(PollId, u64)> {
        let device = self.store().device(sender)?;
        let carries = |pending: &&Pending| pending.keys(*sender).any(|key| key == report);
        let push = device.polls.iter().rev().find(carries)?.poll_id;
        Some((push, self.store().upload_of((*sender, push))?))
    }
}
