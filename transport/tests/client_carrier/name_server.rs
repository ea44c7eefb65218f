//! A name server on loopback whose answers a test changes as it goes.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::proto::op::{Header, HeaderCounts, Metadata, ResponseCode};
use hickory_server::proto::rr::rdata::{CNAME, SOA};
use hickory_server::proto::rr::{Name, RData, Record, RecordType};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio::net::UdpSocket;

/// What a name server does when it is asked for a name. What it does not have does not exist (NXDOMAIN).
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Addresses, with their TTL in seconds.
    Addresses(Vec<IpAddr>, u32),
    /// Another name for it; the resolver has to ask for that one.
    Alias(&'static str),
    /// The name exists and has nothing.
    Nothing,
    /// An error.
    Code(ResponseCode),
    /// No answer at all.
    Silence,
}

/// A zone in the making; clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Zone {
    names: Arc<Mutex<BTreeMap<String, Answer>>>,
    asked: Arc<Mutex<Vec<(String, IpAddr)>>>,
}

/// How long an NXDOMAIN holds, in seconds.
pub(crate) const NEGATIVE_TTL: u32 = 30;

impl Zone {
    pub(crate) fn set(&self, name: &str, answer: Answer) {
        self.names.lock().unwrap().insert(name.to_owned(), answer);
    }

    pub(crate) fn address(&self, name: &str, address: &str) {
        self.set(name, Answer::Addresses(vec![address.parse().unwrap()], 60));
    }

    /// The names asked for since the last call, a row of equal ones once, with who asked.
    pub(crate) fn asked(&self) -> Vec<(String, IpAddr)> {
        let mut asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked.dedup();
        asked
    }

    pub(crate) fn names_asked(&self) -> Vec<String> {
        self.asked().into_iter().map(|(name, _)| name).collect()
    }

    /// Serves it over UDP; the server ends when the value is dropped.
    pub(crate) async fn serve(&self) -> (SocketAddr, Server<Self>) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let mut server = Server::new(self.clone());
        server.register_socket(socket);
        (address, server)
    }

    fn records(&self, name: &Name, kind: RecordType) -> Result<Vec<Record>, Answer> {
        let known = self.names.lock().unwrap().get(name.to_string().trim_end_matches('.')).cloned();
        match known {
            None => Err(Answer::Code(ResponseCode::NXDomain)),
            Some(Answer::Addresses(addresses, ttl)) => Ok(addresses
                .into_iter()
                .map(RData::from)
                .filter(|data| data.record_type() == kind)
                .map(|data| Record::from_rdata(name.clone(), ttl, data))
                .collect()),
            Some(Answer::Alias(target)) => {
                let target = Name::from_ascii(target).unwrap();
                Ok(vec![Record::from_rdata(name.clone(), 60, RData::CNAME(CNAME(target)))])
            }
            Some(other) => Err(other),
        }
    }
}

#[async_trait::async_trait]
impl RequestHandler for Zone {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut handle: R,
    ) -> ResponseInfo {
        let info = request.request_info().unwrap();
        let name = Name::from(info.query.name().clone());
        let text = name.to_string().trim_end_matches('.').to_owned();
        self.asked.lock().unwrap().push((text, info.src.ip()));
        let mut metadata = Metadata::response_from_request(&request.metadata);
        let (answers, authority) = match self.records(&name, info.query.query_type()) {
            Ok(records) if records.is_empty() => (Vec::new(), true),
            Ok(records) => (records, false),
            Err(Answer::Code(code)) => {
                metadata.response_code = code;
                (Vec::new(), code == ResponseCode::NXDomain)
            }
            Err(Answer::Silence) => {
                return ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() });
            }
            Err(Answer::Nothing | Answer::Addresses(..) | Answer::Alias(_)) => (Vec::new(), true),
        };
        let root = Name::root();
        let soa = SOA::new(root.clone(), root.clone(), 1, 3600, 600, 86_400, NEGATIVE_TTL);
        let soa = Record::from_rdata(root, NEGATIVE_TTL, RData::SOA(soa));
        let response = MessageResponseBuilder::from_message_request(request).build(
            metadata,
            &answers,
            authority.then_some(&soa),
            None,
            None,
        );
        handle.send_response(response).await.unwrap()
    }
}
