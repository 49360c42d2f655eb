//! Limits of rate, asked before the database is: by client address, by account and by client.
//!
//! Specs: RFC 6749 §10.10, RFC 6585 §4, RFC 9110 §10.2.3.
//!
//! Kept in memory, so each process counts for itself; what must hold across processes (wrong passwords of one
//! account) is counted in the database. Memory is bounded by construction: keys are hashed into a fixed number of cells.

use crate::{clock::Clock, config};
use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, Reference as _},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed, StateStore},
};
use hospes_protocol::{ErrorCode::TooManyRequests, Refusal, Seconds, Timestamp, refuse};
use std::{
    fmt,
    hash::{BuildHasher as _, Hash, RandomState},
    net::IpAddr,
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

pub const TOO_MANY: Refusal = refuse(TooManyRequests, "too many requests; wait as long as Retry-After says");

/// Cells a row; two rows a limit, eight bytes a cell.
const CELLS: u64 = 1 << 15;

/// An account may be tried from many addresses this much more often than from one: enough to slow guessing down, too
/// much for a nuisance to keep the owner out with a handful of requests.
const ACCOUNT_FACTOR: u32 = 5;

/// What an authorization request usually has, in bytes.
const STORED: usize = 2048;

/// The limits of one process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Limits(Arc<Table>);

#[derive(Debug)]
struct Table {
    login_by_address: Option<Limit>,
    login_by_account: Option<Limit>,
    forgot_by_address: Option<Limit>,
    forgot_by_account: Option<Limit>,
    search_by_address: Option<Limit>,
    authorize_by_address: Option<Limit>,
    register_by_address: Option<Limit>,
    token_by_client: Option<Limit>,
    failures_by_address: Option<Limit>,
}

/// How long to wait before the next attempt: at least a second, for `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait(pub Seconds);

impl From<Wait> for Refusal {
    fn from(_: Wait) -> Self {
        TOO_MANY
    }
}

impl Limits {
    pub fn new(config: &config::Limits, clock: &Clock) -> Self {
        let per_minute = |count| Limit::new(count, Quota::per_minute, clock);
        let per_second = |count| Limit::new(count, Quota::per_second, clock);
        Self(Arc::new(Table {
            login_by_address: per_minute(config.login_per_minute),
            login_by_account: per_minute(config.login_per_minute.saturating_mul(ACCOUNT_FACTOR)),
            forgot_by_address: per_minute(config.login_per_minute),
            forgot_by_account: per_minute(config.login_per_minute.saturating_mul(ACCOUNT_FACTOR)),
            search_by_address: per_minute(config.login_per_minute),
            authorize_by_address: per_minute(config.authorize_per_minute),
            register_by_address: per_minute(config.register_per_minute),
            token_by_client: per_second(config.token_per_second),
            failures_by_address: per_minute(config.failed_authentication_per_minute),
        }))
    }

    /// One login attempt from `address` for what the user typed as `login`; both must have room.
    pub fn login(&self, address: IpAddr, login: &str) -> Result<(), Wait> {
        pass(self.0.login_by_address.as_ref(), &network(address))?;
        // Folded as far as this needs: another spelling must not be another account.
        pass(self.0.login_by_account.as_ref(), &login.trim().to_lowercase())
    }

    /// One question from `address` for a new password of the account `login`; both must have room. As often as logins,
    /// and counted apart from them: who has guessed their own password too often may still ask for another.
    pub fn forgot(&self, address: IpAddr, login: &str) -> Result<(), Wait> {
        pass(self.0.forgot_by_address.as_ref(), &network(address))?;
        pass(self.0.forgot_by_account.as_ref(), &login.trim().to_lowercase())
    }

    /// One question from `address` whether somebody has an account. As often as logins, and counted apart from them: a
    /// page asks it before each.
    pub fn search(&self, address: IpAddr) -> Result<(), Wait> {
        pass(self.0.search_by_address.as_ref(), &network(address))
    }

    /// One authorization request from `address`.
    pub fn authorize(&self, address: IpAddr) -> Result<(), Wait> {
        pass(self.0.authorize_by_address.as_ref(), &network(address))
    }

    /// One registration of a client from `address`.
    pub fn register(&self, address: IpAddr) -> Result<(), Wait> {
        pass(self.0.register_by_address.as_ref(), &network(address))
    }

    /// `bytes` that are to be stored for an authorization request from `address`. Each [`STORED`] of them beyond the
    /// first count as one request more, so that few large ones fill the database no faster than many small ones.
    pub fn store(&self, address: IpAddr, bytes: usize) -> Result<(), Wait> {
        (0..bytes / STORED).try_for_each(|_| self.authorize(address))
    }

    /// One token, introspection or revocation request that says it comes from `client_id`.
    ///
    /// Anybody can say so: the sender's network is a part of the key, so that a stranger cannot use up a client's share.
    pub fn token(&self, address: IpAddr, client_id: &str) -> Result<(), Wait> {
        pass(self.0.token_by_client.as_ref(), &(network(address), client_id))
    }

    /// Whether `address` may still try to authenticate as a client; does not count.
    pub fn may_authenticate(&self, address: IpAddr) -> Result<(), Wait> {
        self.0.failures_by_address.as_ref().map_or(Ok(()), |limit| limit.peek(&network(address)))
    }

    /// One failed client authentication from `address`.
    pub fn authentication_failed(&self, address: IpAddr) {
        // The answer to this failure is already known; the next attempt will be told to wait.
        let _ = pass(self.0.failures_by_address.as_ref(), &network(address));
    }
}

fn pass<K: Hash>(limit: Option<&Limit>, key: &K) -> Result<(), Wait> {
    limit.map_or(Ok(()), |limit| limit.pass(key))
}

/// Whoever has an IPv6 address has its whole /64 (RFC 4291 §2.5.1), so that is one sender.
fn network(address: IpAddr) -> (u8, u64) {
    match address.to_canonical() {
        IpAddr::V4(address) => (4, u32::from(address).into()),
        IpAddr::V6(address) => (6, u64::try_from(u128::from(address) >> 64).unwrap_or_default()),
    }
}

/// One rate for many keys. A key has a cell in each of two rows and may pass while either has room: sharing one cell
/// with a noisy stranger costs nothing, and sharing both is rare (one in 2^30 for each stranger).
struct Limit {
    rows: [Row; 2],
    ticks: Ticks,
    quota: Quota,
}

struct Row {
    limiter: RateLimiter<usize, Cells, Ticks, NoOpMiddleware<Nanos>>,
    cells: Cells,
    /// Random for each process and row: nobody can choose keys that meet.
    hasher: RandomState,
}

impl Limit {
    /// `None` for 0, which turns a limit off.
    fn new(count: u32, quota: impl Fn(NonZeroU32) -> Quota, clock: &Clock) -> Option<Self> {
        let quota = quota(NonZeroU32::new(count)?);
        let ticks = Ticks::of(clock);
        Some(Self { rows: [Row::new(quota, &ticks), Row::new(quota, &ticks)], ticks, quota })
    }

    /// Counts an attempt; a refused one costs nothing.
    fn pass<K: Hash>(&self, key: &K) -> Result<(), Wait> {
        let now = self.ticks.now();
        // Both rows are asked, so that both count.
        join(self.rows.each_ref().map(|row| {
            let until = row.limiter.check_key(&row.cell(key)).err()?;
            Some(until.wait_time_from(now))
        }))
    }

    /// What [`Limit::pass`] would say, without counting.
    fn peek<K: Hash>(&self, key: &K) -> Result<(), Wait> {
        let now = self.ticks.now();
        let interval = self.quota.replenish_interval();
        let tolerance = interval.saturating_mul(self.quota.burst_size().get() - 1);
        join(self.rows.each_ref().map(|row| {
            // GCRA: the next attempt may come `tolerance` before the time at which it would be due.
            let earliest = row.cells.due(row.cell(key))?.saturating_sub(tolerance.into());
            (now < earliest).then(|| earliest.duration_since(now).into())
        }))
    }
}

/// Refused only if both rows refuse.
fn join(waits: [Option<Duration>; 2]) -> Result<(), Wait> {
    let [Some(one), Some(other)] = waits else { return Ok(()) };
    let whole = one.min(other).as_nanos().div_ceil(1_000_000_000).max(1);
    Err(Wait(Seconds(i64::try_from(whole).unwrap_or(i64::MAX))))
}

impl Row {
    fn new(quota: Quota, ticks: &Ticks) -> Self {
        let cells = Cells((0..CELLS).map(|_| InMemoryState::default()).collect());
        let limiter = RateLimiter::new(quota, cells.clone(), ticks.clone());
        Self { limiter, cells, hasher: RandomState::new() }
    }

    fn cell<K: Hash>(&self, key: &K) -> usize {
        usize::try_from(self.hasher.hash_one(key) % CELLS).unwrap_or_default()
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.quota.fmt(f)
    }
}

/// When the next attempt of each cell is due.
#[derive(Clone)]
struct Cells(Arc<[InMemoryState]>);

impl Cells {
    fn due(&self, cell: usize) -> Option<Nanos> {
        // Refusing to replace is how this store lets itself be read.
        self.measure_and_replace(&cell, Err::<((), Nanos), _>).err().flatten()
    }
}

impl StateStore for Cells {
    type Key = usize;

    fn measure_and_replace<T, F, E>(&self, cell: &usize, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        match self.0.get(*cell) {
            Some(state) => state.measure_and_replace(&NotKeyed::NonKey, decide),
            None => decide(None).map(|(decision, _)| decision),
        }
    }
}

/// Time since the start, for the limiter: the machine's monotonic time, or a test's clock.
#[derive(Debug, Clone)]
enum Ticks {
    Monotonic(Instant),
    Fixed(Clock, Timestamp),
}

impl Ticks {
    #[expect(clippy::disallowed_methods, reason = "a rate is measured in time that never goes back")]
    fn of(clock: &Clock) -> Self {
        match clock {
            Clock::System => Self::Monotonic(Instant::now()),
            Clock::Fixed(_) => Self::Fixed(clock.clone(), clock.now()),
        }
    }
}

impl governor::clock::Clock for Ticks {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        match self {
            Self::Monotonic(start) => start.elapsed().into(),
            Self::Fixed(clock, start) => {
                Duration::from_secs(u64::try_from(clock.now().since(*start).0).unwrap_or_default()).into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    const OFF: config::Limits = config::Limits {
        login_per_minute: 0,
        authorize_per_minute: 0,
        register_per_minute: 0,
        token_per_second: 0,
        failed_authentication_per_minute: 0,
    };

    fn limits(config: config::Limits) -> (Limits, Clock) {
        let clock = Clock::fixed(Timestamp(1_000_000));
        (Limits::new(&config, &clock), clock)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_burst_passes_then_the_answer_says_how_long_to_wait() {
        let (limits, clock) = limits(config::Limits { authorize_per_minute: 6, ..OFF });
        let here = address("192.0.2.1");
        for _ in 0..6 {
            assert_eq!(limits.authorize(here), Ok(()));
        }
        assert_eq!(limits.authorize(here), Err(Wait(Seconds(10))));
        clock.advance(Seconds(9));
        assert_eq!(limits.authorize(here), Err(Wait(Seconds(1))));
        clock.advance(Seconds(1));
        assert_eq!(limits.authorize(here), Ok(()));
        assert_eq!(limits.authorize(here), Err(Wait(Seconds(10))));
        // Refused attempts cost nothing: a minute later everything is as at first.
        clock.advance(Seconds(60));
        for _ in 0..6 {
            assert_eq!(limits.authorize(here), Ok(()));
        }
        assert!(limits.authorize(here).is_err());
    }

    #[test]
    fn what_fills_the_database_counts_by_its_size() {
        let (limits, _) = limits(config::Limits { authorize_per_minute: 8, ..OFF });
        let here = address("192.0.2.1");
        assert_eq!(limits.store(here, 2047), Ok(()));
        assert_eq!(limits.store(here, 16 * 1024), Ok(()));
        assert!(limits.authorize(here).is_err());
        assert_eq!(limits.store(here, 2047), Ok(()));
    }

    #[test]
    fn one_sender_does_not_use_up_the_share_of_others() {
        let (limits, _) = limits(config::Limits { authorize_per_minute: 2, ..OFF });
        let noisy = address("192.0.2.1");
        for _ in 0..100 {
            let _ = limits.authorize(noisy);
        }
        for n in 1..=100 {
            assert_eq!(limits.authorize(address(&format!("198.51.100.{n}"))), Ok(()));
        }
    }

    #[test]
    fn a_whole_ipv6_network_is_one_sender_and_a_mapped_address_is_what_it_maps() {
        let (limits, _) = limits(config::Limits { authorize_per_minute: 2, ..OFF });
        assert_eq!(limits.authorize(address("2001:db8:1:2::1")), Ok(()));
        assert_eq!(limits.authorize(address("2001:db8:1:2:ffff::9")), Ok(()));
        assert!(limits.authorize(address("2001:db8:1:2::abcd")).is_err());
        assert_eq!(limits.authorize(address("2001:db8:1:3::1")), Ok(()));

        assert_eq!(limits.authorize(address("192.0.2.1")), Ok(()));
        assert_eq!(limits.authorize(address("::ffff:192.0.2.1")), Ok(()));
        assert!(limits.authorize(address("192.0.2.1")).is_err());
    }

    #[test]
    fn an_account_is_limited_across_addresses_and_spellings() {
        let (limits, _) = limits(config::Limits { login_per_minute: 2, ..OFF });
        let spellings = ["Alice", "alice", " ALICE "];
        let passed = (0..=255)
            .filter(|n| {
                let spelling = spellings[n % 3];
                limits.login(address(&format!("192.0.2.{n}")), spelling).is_ok()
            })
            .count();
        assert_eq!(passed, 2 * usize::try_from(ACCOUNT_FACTOR).unwrap());
        assert_eq!(limits.login(address("198.51.100.1"), "bob"), Ok(()));
    }

    #[test]
    fn whoever_failed_to_log_in_may_still_ask_for_a_new_password() {
        let (limits, _) = limits(config::Limits { login_per_minute: 2, ..OFF });
        let here = address("192.0.2.1");
        while limits.login(here, "alice").is_ok() {}
        let passed = (0..50).filter(|n| limits.forgot(here, &format!("user{n}")).is_ok()).count();
        assert_eq!(passed, 2);
        let elsewhere = |n: usize| address(&format!("198.51.100.{n}"));
        let passed = (0..50).filter(|n| limits.forgot(elsewhere(*n), "Alice").is_ok()).count();
        assert_eq!(passed, 2 * usize::try_from(ACCOUNT_FACTOR).unwrap());
    }

    #[test]
    fn an_address_is_limited_across_accounts() {
        let (limits, _) = limits(config::Limits { login_per_minute: 2, ..OFF });
        let passed = (0..50).filter(|n| limits.login(address("192.0.2.1"), &format!("user{n}")).is_ok()).count();
        assert_eq!(passed, 2);
    }

    #[test]
    fn a_stranger_cannot_use_up_a_clients_share() {
        let (limits, clock) = limits(config::Limits { token_per_second: 3, ..OFF });
        let (client, stranger) = (address("192.0.2.1"), address("198.51.100.1"));
        assert_eq!((0..50).filter(|_| limits.token(stranger, "web").is_ok()).count(), 3);
        assert_eq!((0..50).filter(|_| limits.token(client, "web").is_ok()).count(), 3);
        assert_eq!(limits.token(client, "other"), Ok(()));
        clock.advance(Seconds(1));
        assert_eq!((0..50).filter(|_| limits.token(client, "web").is_ok()).count(), 3);
    }

    #[test]
    fn only_failed_authentications_count() {
        let (limits, clock) = limits(config::Limits { failed_authentication_per_minute: 3, ..OFF });
        let here = address("192.0.2.1");
        for _ in 0..100 {
            assert_eq!(limits.may_authenticate(here), Ok(()));
        }
        for _ in 0..3 {
            assert_eq!(limits.may_authenticate(here), Ok(()));
            limits.authentication_failed(here);
        }
        assert_eq!(limits.may_authenticate(here), Err(Wait(Seconds(20))));
        assert_eq!(limits.may_authenticate(address("192.0.2.2")), Ok(()));
        clock.advance(Seconds(20));
        assert_eq!(limits.may_authenticate(here), Ok(()));
    }

    #[test]
    fn zero_turns_a_limit_off() {
        let (limits, _) = limits(OFF);
        for _ in 0..10_000 {
            assert_eq!(limits.login(address("192.0.2.1"), "alice"), Ok(()));
            assert_eq!(limits.token(address("192.0.2.1"), "web"), Ok(()));
            limits.authentication_failed(address("192.0.2.1"));
            assert_eq!(limits.may_authenticate(address("192.0.2.1")), Ok(()));
        }
    }

    // attacks.md row 34: a flood from everywhere takes no memory and leaves the quiet ones alone.
    #[test]
    fn a_flood_of_addresses_takes_no_memory_and_hardly_ever_another_share() {
        let (limits, _) = limits(config::Limits { authorize_per_minute: 1, ..OFF });
        let flood = |n: u32| IpAddr::V4(std::net::Ipv4Addr::from(0x0b00_0000 + n));
        for n in 0..2_000 {
            let _ = limits.authorize(flood(n));
        }
        let refused = (100_000..101_000).filter(|n| limits.authorize(flood(*n)).is_err()).count();
        // Each newcomer has both cells taken with a chance of about (3000 / 32768)² < 1 %.
        assert!(refused < 40, "{refused} of 1000");
        let table = limits.0.authorize_by_address.as_ref().unwrap();
        assert_eq!(table.rows.each_ref().map(|row| row.cells.0.len()), [1 << 15, 1 << 15]);
    }

    #[test]
    fn the_system_clock_limits_too() {
        let limits = Limits::new(&config::Limits { authorize_per_minute: 2, ..OFF }, &Clock::System);
        let mut answers = HashMap::new();
        for _ in 0..10 {
            *answers.entry(limits.authorize(address("192.0.2.1")).is_ok()).or_insert(0) += 1;
        }
        assert_eq!(answers, HashMap::from([(true, 2), (false, 8)]));
    }
}
