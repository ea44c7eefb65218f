//! Real name servers, asked for a device outside its own task: its clock does not wait for them.

use std::net::IpAddr;
use std::sync::Arc;

use slpsim_console::{Reply, Session};
use slpsim_network::{Answers, Question, Said};
use slpsim_sim::{Operated, operate};
use slpsim_transport::client::Dns;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::host::ask;
use super::{Device, DriverError, Order, run_line};

/// Most questions that one line leads to: each name server for each form of the name.
const MOST_QUESTIONS: usize = 64;

/// Runs a line of a session on a device. Where it needs a name server that is a real one, that is asked in between, and the
/// line is run again.
///
/// # Errors
/// One line, where the device has ended.
pub(crate) async fn line(
    orders: &mpsc::Sender<Order>,
    session: Session,
    line: &str,
) -> Result<(Session, Reply), String> {
    let mut answers = Answers::default();
    for _ in 0..MOST_QUESTIONS {
        let (mut after, line, asked) = (session.clone(), line.to_owned(), Arc::new(answers.clone()));
        let run = move |device: &mut Device| {
            let asker = device.asker();
            if asker.is_some() {
                device.switch().0.asked = Some(asked);
            }
            let reply = run_line(device, &mut after, &line);
            device.switch().0.asked = None;
            Ok((after, reply?, asker))
        };
        let (after, mut reply, asker) = ask(orders, run).await?;
        match (reply.asks.take(), asker) {
            (Some(question), Some((dns, from))) => {
                let said = put(&dns, &question, from).await;
                answers.add(question, said);
            }
            (_, _) => return Ok((after, reply)),
        }
    }
    let mut reply = Reply::default();
    reply.refuse_with("% Too many name servers would have to be asked");
    Ok((session, reply))
}

async fn put(dns: &Dns, question: &Question, from: Option<IpAddr>) -> Said {
    match dns.ask(question.server, &question.name, from).await {
        Ok(addresses) => Said::Addresses(addresses),
        Err(fault) if fault.asks_the_next() => Said::Fault(fault.to_string()),
        Err(fault) => Said::Nothing(fault.to_string()),
    }
}

/// Questions that a device asks by itself: what the configured servers of NTP and of the log stand for.
#[derive(Debug, Default)]
pub(super) struct Names {
    open: JoinSet<(Question, Said)>,
    asked: Vec<Question>,
}

impl Names {
    /// The next answer; never where none is awaited.
    pub(super) async fn next(&mut self) -> (Question, Said) {
        loop {
            match self.open.join_next().await {
                Some(Ok(answer)) => return answer,
                // One that broke off says nothing.
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }
}

impl Device {
    /// Who asks real name servers for this device, and from where.
    fn asker(&mut self) -> Option<(Arc<Dns>, Option<IpAddr>)> {
        let dns = self.parts.connect.dns()?;
        let config = &self.parts.switch.config;
        let from = config.network(&self.parts.switch.world).source_address(config.source()).ok().flatten();
        Some((dns, from))
    }

    /// The device starts, or its configuration is another one: what is not known is asked, also what no name server knew
    /// before. An address that was found stays, so that a clock that the operator has set does (modelled).
    pub(super) fn ask_names_anew(&mut self) {
        let heard = &mut self.parts.switch.heard;
        match (self.parts.connect.dns(), heard) {
            (None, _) => return,
            (Some(_), Some(heard)) => {
                let kept = Arc::make_mut(heard);
                kept.keep_addresses();
                self.names.asked.retain(|question| kept.get(question).is_some());
            }
            (Some(_), heard @ None) => *heard = Some(Arc::default()),
        }
        self.names.open.abort_all();
        self.ask_names();
    }

    fn ask_names(&mut self) {
        let Some((dns, from)) = self.asker() else { return };
        for question in self.parts.switch.questions() {
            if self.names.asked.contains(&question) {
                continue;
            }
            self.names.asked.push(question.clone());
            let dns = Arc::clone(&dns);
            self.names.open.spawn(async move {
                let said = put(&dns, &question, from).await;
                (question, said)
            });
        }
    }

    /// A name server has answered: a server of NTP that is found sets the clock.
    pub(super) fn heard(&mut self, (question, said): (Question, Said)) -> Result<(), DriverError> {
        let before = self.parts.switch.ntp_heard();
        if let Some(heard) = &mut self.parts.switch.heard {
            Arc::make_mut(heard).add(question, said);
        }
        self.ask_names();
        operate::follow_ntp(self, &before)
    }
}
