//! An HTTP/1.1 client that costs little: one connection, prepared bytes out, a few searched bytes in.
//!
//! It knows what the measured programs send (a `Content-Length`, no chunks) and refuses anything else.

use anyhow::{Context as _, Result, bail, ensure};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const MOST: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) head: &'a str,
    pub(crate) body: &'a str,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends `request` and waits for its whole answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let (head_end, whole) = loop {
            if let Some(ends) = ends(&self.buffer)? {
                break ends;
            }
            self.more().await?;
        };
        while self.buffer.len() < whole {
            self.more().await?;
        }
        ensure!(self.buffer.len() == whole, "more bytes than the answer has");
        let (head, body) = self.buffer.split_at(head_end);
        let head = std::str::from_utf8(head).context("a head that is not text")?;
        let status = head.get(9..12).and_then(|digits| digits.parse().ok()).context("an answer without a status")?;
        Ok(Answer { status, head, body: std::str::from_utf8(body).context("a body that is not text")? })
    }

    async fn more(&mut self) -> Result<()> {
        ensure!(self.buffer.len() < MOST, "an answer of more than a mebibyte");
        let count = self.stream.read_buf(&mut self.buffer).await?;
        ensure!(count > 0, "the connection was closed in the middle of an answer");
        Ok(())
    }
}

/// One request on a connection of its own; for preparing, not for measuring.
pub(crate) async fn once<T>(
    address: SocketAddr,
    request: &[u8],
    take: impl FnOnce(&Answer<'_>) -> Result<T>,
) -> Result<T> {
    let mut connection = Connection::open(address).await?;
    take(&timeout(PATIENCE, connection.exchange(request)).await.context("no answer in time")??)
}

/// Where the head of the answer ends, and where all of it does; `None` while the head is incomplete.
fn ends(bytes: &[u8]) -> Result<Option<(usize, usize)>> {
    let Some(head_end) = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at.saturating_add(4)) else {
        return Ok(None);
    };
    let head =
        bytes.get(..head_end).and_then(|head| std::str::from_utf8(head).ok()).context("a head that is not text")?;
    let has_no_body = head.get(9..12).is_some_and(|status| status == "204" || status == "304");
    let length = match header(head, "content-length") {
        _ if has_no_body => 0,
        Some(length) => length.parse().context("Content-Length")?,
        None => bail!("an answer without Content-Length:\n{head}"),
    };
    Ok(Some((head_end, head_end.saturating_add(length))))
}

/// The first header of this name.
pub(crate) fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    headers(head, name).next()
}

pub(crate) fn headers<'h>(head: &'h str, name: &str) -> impl Iterator<Item = &'h str> {
    head.lines().skip(1).filter_map(move |line| {
        let (own, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(':')?;
        own.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// What every request says it was sent to: the host of the issuer that is measured.
pub(crate) const HOST: &str = "localhost";

/// The bytes of a `GET`. `extra` are whole header lines, each with its line end.
pub(crate) fn get(target: &str, extra: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\n{extra}\r\n").into_bytes()
}

/// The bytes of a `POST` of a form.
pub(crate) fn post(target: &str, extra: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {target} HTTP/1.1\r\nHost: {HOST}\r\n{extra}Content-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_its_length_says() {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nContent-Length: 3\r\n\r\n";
        assert_eq!(ends(head.as_bytes()).unwrap(), Some((head.len(), head.len() + 3)));
        assert_eq!(ends(b"HTTP/1.1 200 OK\r\ncontent-le").unwrap(), None);
        assert!(ends(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert_eq!(header(head, "content-type"), Some("text/plain"));
        assert_eq!(header(head, "content"), None);
    }
}
