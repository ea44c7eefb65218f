//! How long a page takes with 10,000 product instances that have reported: from the request to the last byte, over a
//! connection that is open. The aim is 100 ms.
#![expect(clippy::unwrap_used, reason = "a bench that cannot run has nothing to say")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use slpsim_agent::{
    Measurement, ProfileId, Reason, Report, ReportId, Request, Role, Sender, Signer as SignedBy, Udi, Unit,
};
use slpsim_cssm::server::{Server, ServerConfig, SystemClock};
use slpsim_cssm::{Arrived, Cssm, Route};
use slpsim_policy::Wall;
use slpsim_transport::message::compose;

const DEVICES: u32 = 10_000;
const LOADS: usize = 40;
const NOW: Wall = Wall::from_secs(1_772_445_600);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let server = Server::start(ServerConfig::default(), Arc::new(SystemClock)).await.unwrap();
        server.shared().with(|cssm| (0..DEVICES).for_each(|n| reports(cssm, n)));
        rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        for path in [
            "accounts",
            "inventory/0/general",
            "inventory/0/licenses",
            "inventory/0/product-instances",
            "inventory/0/product-instances?page=100",
            "inventory/0/product-instances?find=FDO00009",
            "inventory/0/event-log",
            "reports",
            "requests",
        ] {
            let url = format!("{}{path}", server.urls.web);
            let mut times = Vec::with_capacity(LOADS);
            let mut bytes = 0;
            for _ in 0..LOADS {
                let begin = Instant::now();
                let answer = http.get(&url).send().await.unwrap();
                assert!(answer.status().is_success(), "{path}: {}", answer.status());
                bytes = answer.bytes().await.unwrap().len();
                times.push(begin.elapsed());
            }
            times.sort();
            let (median, worst) = (times[LOADS / 2], times[LOADS - 1]);
            println!("{path:<45} {:>8.1} ms median {:>8.1} ms worst {bytes:>8} bytes", ms(median), ms(worst));
        }
        server.shutdown().await;
    });
}

fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

/// One device that reports once.
fn reports(cssm: &mut Cssm, n: u32) {
    let udi = Udi::new("N9K-C93180YC-FX3", &format!("FDO{n:08}")).unwrap();
    let units = vec![Unit { role: Role::Active, udi }];
    let profile = ProfileId::Nexus9000.profile();
    let hostname = Some(format!("n9k-leaf-{n}"));
    let sender = Sender {
        udi,
        units: units.clone(),
        identity: None,
        standby_identity: None,
        profile,
        hostname,
        send_version: true,
        custom_id: None,
    };
    let measurement = Measurement {
        start: NOW,
        end: NOW.plus_millis(120_000),
        value: 1,
        reason: Some(Reason::CurrentUsageRequested),
        clock_change_s: None,
    };
    let report = Report {
        id: ReportId(1_772_445_600),
        previous: None,
        license: &profile.licenses[0],
        signer: SignedBy::Builtin,
        units,
        measurements: vec![measurement],
    };
    let message = compose(&Request::Usage { reports: vec![report] }, &sender, NOW, u64::from(n));
    cssm.handle(NOW, &Arrived::in_process(Route::Cslu { tenant: None }, &message));
}
