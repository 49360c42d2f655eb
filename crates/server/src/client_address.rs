//! Which address a request comes from: the peer's, or what a trusted proxy says about its own peer.
//!
//! Only for rate limits and the audit trail: the issuer and our URLs never come from a request (attacks.md row 17).

use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// More hops than any real chain of proxies; a longer header is not read to its end.
const MAX_HOPS: usize = 32;

/// The client's address. `forwarded` are the values of the `X-Forwarded-For` fields in the order they came in; they are
/// looked at only if the peer is in `trusted`, and from the right, since everything left of the first hop that
/// we do not trust was written by whoever sent it.
pub fn client_address<'a>(
    peer: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'a [u8]>,
    trusted: &[IpNet],
) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let mut last = peer.to_canonical();
    if !is_trusted(last) {
        return last;
    }
    for hop in forwarded.rev().flat_map(|value| value.rsplit(|byte| *byte == b',')).take(MAX_HOPS) {
        // A hop that cannot be read ends the chain: what is left of it proves nothing.
        let Some(address) = parse_hop(hop) else { return last };
        last = address;
        if !is_trusted(last) {
            return last;
        }
    }
    last
}

/// `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]`, each with or without a port.
fn parse_hop(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip())).ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(peer: &str, forwarded: &[&str], expected: &str) {
        let trusted: Vec<IpNet> = ["10.0.0.0/8", "fd00::/8"].iter().map(|net| net.parse().unwrap()).collect();
        let found = client_address(peer.parse().unwrap(), forwarded.iter().map(|value| value.as_bytes()), &trusted);
        assert_eq!(found, expected.parse::<IpAddr>().unwrap());
    }

    #[test]
    fn a_stranger_cannot_name_another_address() {
        check("203.0.113.9", &["198.51.100.1"], "203.0.113.9");
        check("203.0.113.9", &["10.0.0.1"], "203.0.113.9");
    }

    #[test]
    fn a_trusted_proxy_names_its_peer() {
        check("10.0.0.1", &["198.51.100.1"], "198.51.100.1");
        check("10.0.0.1", &["2001:db8::7"], "2001:db8::7");
        check("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1");
        check("10.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7");
        check("10.0.0.1", &["[2001:db8::7]"], "2001:db8::7");
        check("fd00::1", &["198.51.100.1"], "198.51.100.1");
    }

    #[test]
    fn what_the_client_wrote_itself_is_not_believed() {
        check("10.0.0.1", &["192.0.2.66, 198.51.100.1"], "198.51.100.1");
        check("10.0.0.1", &["192.0.2.66", "198.51.100.1"], "198.51.100.1");
        check("10.0.0.1", &["192.0.2.66, 198.51.100.1, 10.9.9.9"], "198.51.100.1");
        check("10.0.0.1", &["10.7.7.7, 198.51.100.1", "10.9.9.9"], "198.51.100.1");
    }

    #[test]
    fn an_unreadable_hop_ends_the_chain() {
        check("10.0.0.1", &["198.51.100.1, unknown, 10.0.0.2"], "10.0.0.2");
        check("10.0.0.1", &["198.51.100.1, "], "10.0.0.1");
        check("10.0.0.1", &["\u{fffd}\0"], "10.0.0.1");
        check("10.0.0.1", &[], "10.0.0.1");
    }

    #[test]
    fn mapped_addresses_are_the_addresses_they_map() {
        check("::ffff:10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1");
        check("::ffff:203.0.113.9", &["198.51.100.1"], "203.0.113.9");
    }

    #[test]
    fn an_endless_header_is_not_read_to_its_end() {
        let chain = vec!["10.0.0.2"; 100_000].join(",");
        check("10.0.0.1", &["198.51.100.1", &chain], "10.0.0.2");
    }
}
