//! HTTP as simple as it gets: one connection, one request at a time, and an error when the server dies under it.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// The connection broke. Whether the request was carried out is not known.
#[derive(Debug)]
pub(super) struct Lost;

pub(super) struct Answer {
    pub(super) status: u16,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    /// A parameter of the URL to which the answer redirects.
    pub(super) fn redirected_with(&self, name: &str) -> Option<String> {
        let (_, query) = self.header("location").split_once('?')?;
        form_urlencoded::parse(query.as_bytes()).find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
    }
}

/// A connection that is kept alive, with the cookies of its browser.
pub(super) struct Connection {
    stream: BufReader<TcpStream>,
}

pub(super) type Cookies = BTreeMap<String, String>;

pub(super) fn encoded(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

impl Connection {
    pub(super) fn open(address: SocketAddr) -> Result<Self, Lost> {
        let stream = TcpStream::connect(address).map_err(|_| Lost)?;
        stream.set_nodelay(true).unwrap();
        // Longer than any request may take: a server that hangs fails the test, not the machine.
        stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
        Ok(Self { stream: BufReader::new(stream) })
    }

    pub(super) fn get(&mut self, target: &str, cookies: &mut Cookies) -> Result<Answer, Lost> {
        let head = format!("GET {target} HTTP/1.1\r\nhost: 127.0.0.1\r\ncookie: {}\r\n\r\n", join(cookies));
        self.send(&head, cookies)
    }

    pub(super) fn post(
        &mut self,
        target: &str,
        cookies: &mut Cookies,
        authorization: Option<&str>,
        fields: &[(&str, &str)],
    ) -> Result<Answer, Lost> {
        let body = encoded(fields);
        let authorization = authorization.map(|value| format!("authorization: Basic {value}\r\n")).unwrap_or_default();
        let request = format!(
            "POST {target} HTTP/1.1\r\nhost: 127.0.0.1\r\n{authorization}cookie: {}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
            join(cookies),
            body.len()
        );
        self.send(&request, cookies)
    }

    fn send(&mut self, request: &str, cookies: &mut Cookies) -> Result<Answer, Lost> {
        self.stream.get_mut().write_all(request.as_bytes()).map_err(|_| Lost)?;
        let status = self.line()?.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(Lost)?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: String::new() };
        assert_eq!(answer.header("transfer-encoding"), "", "all our bodies have a known length");
        let length = answer.header("content-length").parse().unwrap_or(0);
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).map_err(|_| Lost)?;
        answer.body = String::from_utf8(body).unwrap();
        for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            cookies.insert(name.to_owned(), value.to_owned());
        }
        Ok(answer)
    }

    fn line(&mut self) -> Result<String, Lost> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(length) if length > 0 && line.ends_with('\n') => Ok(line.trim_end().to_owned()),
            _ => Err(Lost),
        }
    }
}

fn join(cookies: &Cookies) -> String {
    cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}
