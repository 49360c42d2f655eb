//! Which addresses belong to the public internet.
//!
//! Specs: RFC 6890 and the two special-purpose address registries that it opened; RFC 6052, RFC 4380, RFC 3056.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether `address` is an ordinary unicast address of the public internet. In doubt it is not.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        // "This network", private use, loopback; multicast, reserved, broadcast.
        (0 | 10 | 127 | 224..=255, _, _)
        | (172, 16..=31, _) | (192, 168, _)
        // Shared by a carrier's customers (CGN).
        | (100, 64..=127, _)
        // Link-local: the metadata service of every cloud.
        | (169, 254, _)
        // IETF protocol assignments, documentation, AS112, AMT, 6to4 relays.
        | (192, 0, 0 | 2) | (192, 31, 196) | (192, 52, 193) | (192, 88, 99) | (192, 175, 48)
        // Benchmarks, documentation.
        | (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113)
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, ..] = address.segments();
    // RFC 4291 §2.4 gave global unicast 2000::/3. Loopback, unspecified, IPv4-compatible, NAT64 (64:ff9b::), discard-only,
    // unique local, link-local, site-local, segment routing and multicast all lie outside of it.
    let is_global_unicast = (0x2000..=0x3fff).contains(&a);
    let is_special = matches!(
        (a, b, c),
        // IETF protocol assignments, with Teredo, benchmarks and ORCHID; documentation.
        (0x2001, 0..=0x01ff | 0x0db8, _) | (0x3fff, 0..=0x0fff, _)
        // 6to4 carries an IPv4 address that we did not check.
        | (0x2002, _, _)
        // AS112.
        | (0x2620, 0x004f, 0x8000)
    );
    is_global_unicast && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(addresses: &[&str], expected: bool) {
        for address in addresses {
            assert_eq!(is_public(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn public_addresses() {
        check(
            &[
                "1.1.1.1",
                "8.8.8.8",
                "93.184.216.34",
                "100.63.255.255",
                "100.128.0.0",
                "172.15.255.255",
                "172.32.0.0",
                "169.253.255.255",
                "169.255.0.0",
                "192.0.1.0",
                "192.167.255.255",
                "192.169.0.0",
                "198.17.255.255",
                "198.20.0.0",
                "203.0.112.255",
                "203.0.114.0",
                "223.255.255.255",
                "11.0.0.0",
                "9.255.255.255",
                "128.0.0.1",
                "2606:4700::1111",
                "2a00:1450:4001::1",
                "2001:4860:4860::8888",
                "2001:200::1",
                "2003::1",
                "2400::1",
                "3ffe::1",
            ],
            true,
        );
    }

    #[test]
    fn special_ipv4_ranges() {
        check(
            &[
                "0.0.0.0",
                "0.255.255.255",
                "10.0.0.0",
                "10.255.255.255",
                "100.64.0.0",
                "100.127.255.255",
                "127.0.0.1",
                "127.255.255.255",
                "169.254.0.0",
                "169.254.169.254",
                "169.254.255.255",
                "172.16.0.0",
                "172.31.255.255",
                "192.0.0.0",
                "192.0.0.8",
                "192.0.0.170",
                "192.0.0.192",
                "192.0.2.1",
                "192.31.196.1",
                "192.52.193.1",
                "192.88.99.1",
                "192.168.0.0",
                "192.168.255.255",
                "192.175.48.1",
                "198.18.0.0",
                "198.19.255.255",
                "198.51.100.1",
                "203.0.113.1",
                "224.0.0.1",
                "239.255.255.255",
                "240.0.0.1",
                "255.255.255.255",
            ],
            false,
        );
    }

    #[test]
    fn special_ipv6_ranges() {
        check(
            &[
                "::",
                "::1",
                "::2",
                "100::1",
                "100:0:0:1::1",
                "2001::1",
                "2001:1::1",
                "2001:2::1",
                "2001:10::1",
                "2001:20::1",
                "2001:1ff::1",
                "2001:db8::1",
                "2002::1",
                "2002:808:808::1",
                "2002:7f00:1::",
                "2620:4f:8000::1",
                "3fff::1",
                "3fff:fff::1",
                "4000::1",
                "5f00::1",
                "fc00::1",
                "fd00:ec2::254",
                "fe80::1",
                "febf::1",
                "fec0::1",
                "ff02::1",
                "ffff::1",
                "1::1",
            ],
            false,
        );
    }

    #[test]
    fn ipv4_addresses_inside_ipv6_are_judged_or_refused() {
        // Mapped (RFC 4291 §2.5.5.2) is the same host; compatible and translated forms are refused whatever they hold.
        check(&["::ffff:8.8.8.8"], true);
        check(
            &[
                "::ffff:127.0.0.1",
                "::ffff:10.0.0.1",
                "::ffff:169.254.169.254",
                "::ffff:0.0.0.0",
                "::127.0.0.1",
                "::8.8.8.8",
                "::ffff:0:127.0.0.1",
                "64:ff9b::127.0.0.1",
                "64:ff9b::10.0.0.1",
                "64:ff9b::8.8.8.8",
                "64:ff9b:1::8.8.8.8",
                "2001:0:7f00:1::",
                "fe80::5efe:127.0.0.1",
            ],
            false,
        );
    }
}
