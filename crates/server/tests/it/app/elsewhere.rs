//! Somebody else's server: answers with what the test puts there, and remembers who asked.

use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
};

#[derive(Clone)]
pub(crate) struct Elsewhere {
    pub(crate) base: String,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    /// Status and body by path.
    answers: BTreeMap<String, (u16, String)>,
    /// Path and `Authorization` of each request.
    requests: Vec<(String, String)>,
}

impl Elsewhere {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::<Mutex<Shared>>::default();
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
                let authorization = head.iter().find_map(|line| {
                    let (name, value) = line.split_once(": ")?;
                    name.eq_ignore_ascii_case("authorization").then(|| value.to_owned())
                });
                let mut shared = own.lock().unwrap();
                shared.requests.push((path.clone(), authorization.unwrap_or_default()));
                let (status, body) = shared.answers.get(&path).cloned().unwrap_or((404, "{}".into()));
                drop(shared);
                let head = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close");
                let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            }
        });
        Self { base, shared }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// What `path` answers from now on.
    pub(crate) fn answer(&self, path: &str, status: u16, body: &Value) {
        self.shared.lock().unwrap().answers.insert(path.to_owned(), (status, body.to_string()));
    }

    /// Path and `Authorization` of the requests so far.
    pub(crate) fn requests(&self) -> Vec<(String, String)> {
        self.shared.lock().unwrap().requests.clone()
    }
}
