//! What was acknowledged survives: kills under load, power cuts, disks that fail to flush, disks that are full.
//!
//! The built server runs as a process of its own and is used over HTTP by actors who remember each answer (`actor.rs`).
//! What proves what:
//!
//! * A kill (`kill -9`) shows that no rule lives in the memory of a process, and that a transaction is whole or not at
//!   all. It says nothing about flushing, because the kernel keeps what the dead process wrote.
//! * A power cut is a kill after which the files are set back to what had been flushed; a library that is preloaded
//!   into the server (`failing_fsync.c`) keeps that copy at each flush. It shows that no answer leaves before the flush.
//! * The same with flushes that only pretend shows that all this would be noticed. (That answers which leave before
//!   COMMIT are noticed is shown within the store: `answers_that_leave_early_are_noticed`.)
//! * Failing flushes and full disks show that trouble is answered by 503, and that the server recovers by itself.
//!
//! `./test --kills=500` kills more often than the 50 times that are usual. The tests on SQLite rest when
//! `TEST_DATABASE_URL` names a PostgreSQL: `./test` runs all tests once without and once with it.

#![expect(clippy::disallowed_methods, reason = "tests measure how long things take, and are told how long to go on")]

mod actor;
mod http;
mod place;
mod postgresql;
mod shim;

use actor::{Actor, Deed, Finding, Kind, Tally, Weather};
use place::{Place, Serving};
use postgresql::Cluster;
use shim::{Disk, Keeps};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::Ordering::SeqCst,
    thread,
    time::{Duration, Instant},
};

const ACTORS: usize = 4;

fn postgres_url() -> Option<String> {
    std::env::var("TEST_DATABASE_URL").ok().filter(|url| !url.is_empty())
}

/// Says what this machine cannot try: in the test's output, and to `./test`, whose summary repeats it.
fn skipped(reason: &str) {
    println!("skipped: {reason}");
    if let Some(list) = std::env::var_os("TEST_SKIPPED") {
        use std::io::Write as _;
        let mut list = fs::File::options().create(true).append(true).open(list).unwrap();
        writeln!(list, "{reason}").unwrap();
    }
}

/// Whether tests on SQLite rest, which the step before this one has run.
fn sqlite_rests() -> bool {
    let rests = postgres_url().is_some();
    if rests {
        println!("skipped: runs on SQLite, without TEST_DATABASE_URL");
    }
    rests
}

fn kills(usual: usize) -> usize {
    // Not `HOSPES_…`: programs that other tests start would take it for a setting.
    std::env::var("TEST_KILLS").map_or(usual, |kills| kills.parse().expect("TEST_KILLS is a number"))
}

/// The actors on one database, from one kill to the next.
struct Trial {
    place: Place,
    disk: Option<Disk>,
    actors: Vec<Actor>,
    random: u64,
    begun: Instant,
}

impl Trial {
    /// Everybody has logged in.
    fn begin(place: Place, disk: Option<Disk>, actors: usize) -> Self {
        let random = u64::from(std::process::id()) | 1;
        let actors = (0..actors).map(Actor::new).collect();
        let mut trial = Self { place, disk, actors, random, begun: Instant::now() };
        let serving = trial.serve();
        for actor in &mut trial.actors {
            actor.log_in(serving.address);
        }
        serving.kill();
        trial
    }

    fn serve(&self) -> Serving {
        let mut command = self.place.command(&["serve"]);
        if let Some(disk) = &self.disk {
            disk.preload(&mut command);
        }
        Serving::run(command)
    }

    /// All actors live on `serving` while `meanwhile` runs, which gets to them what they must know.
    fn under_load<T>(&mut self, serving: &mut Serving, meanwhile: impl FnOnce(&mut Serving, &Weather) -> T) -> T {
        let weather = Weather::default();
        let address = serving.address;
        thread::scope(|scope| {
            for actor in &mut self.actors {
                let weather = &weather;
                scope.spawn(move || actor.live(address, weather));
            }
            let outcome = meanwhile(serving, &weather);
            weather.is_over.store(true, SeqCst);
            outcome
        })
    }

    /// Starts the server, lets the actors check and go on, and kills it at some moment.
    fn kill_once(&mut self) {
        let mut serving = self.serve();
        // One in four dies while the actors still look at what the last kill left.
        let pause = Duration::from_millis(self.below(250));
        let waits = self.below(4) > 0;
        let actors = self.actors.len();
        self.under_load(&mut serving, |serving, weather| {
            if waits {
                wait_until(Duration::from_secs(20), || weather.checked.load(SeqCst) == actors);
            }
            thread::sleep(pause);
            weather.kill_is_near.store(true, SeqCst);
            assert!(serving.is_running(), "the server ended by itself");
            serving.end();
        });
        serving.kill();
    }

    /// All that was ever acknowledged, on a server that was started once more.
    fn check_all(&mut self) {
        let serving = self.serve();
        let (weather, address) = (Weather::default(), serving.address);
        thread::scope(|scope| {
            for actor in &mut self.actors {
                let weather = &weather;
                scope.spawn(move || actor.check_all(address, weather));
            }
        });
        serving.kill();
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % limit
    }

    fn findings(&self) -> Vec<&Finding> {
        self.actors.iter().flat_map(|actor| &actor.findings).collect()
    }

    fn sum(&self, of: impl Fn(&Tally) -> usize) -> usize {
        self.actors.iter().map(|actor| of(&actor.tally)).sum()
    }

    /// That nothing was found, and enough was done for this to mean something.
    fn conclude(&self, what: &str, least: usize) {
        let acknowledged = self.acknowledged();
        println!(
            "{what}: {acknowledged} acknowledged ({} codes, {} redemptions, {} refreshes, {} endings, {} consents), \
             {} not answered, {} answered 503, {} checks, {:.1} s",
            self.sum(|tally| tally.codes),
            self.sum(|tally| tally.redemptions),
            self.sum(|tally| tally.refreshes),
            self.sum(|tally| tally.endings),
            self.sum(|tally| tally.decisions),
            self.sum(|tally| tally.lost),
            self.sum(|tally| tally.unavailable),
            self.sum(|tally| tally.checks),
            self.begun.elapsed().as_secs_f64(),
        );
        let findings = self.findings();
        assert!(findings.is_empty(), "{} findings: {findings:#?}", findings.len());
        assert!(acknowledged >= least, "only {acknowledged} answers were acknowledged");
    }

    fn acknowledged(&self) -> usize {
        self.sum(|tally| tally.codes + tally.redemptions + tally.refreshes + tally.endings + tally.decisions)
    }
}

fn wait_until(most: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < most {
        if is_so() {
            return true;
        }
        thread::sleep(Duration::from_millis(5));
    }
    false
}

// ---------------------------------------------------------------- kills

/// attacks.md row 2: Keycloak CVE-2026-9802 (replay after restart).
#[test]
fn fifty_kills_under_load_lose_nothing_that_was_acknowledged() {
    if sqlite_rests() {
        return;
    }
    let kills = kills(50);
    let mut trial = Trial::begin(Place::on_sqlite(ACTORS), None, ACTORS);
    for _ in 0..kills {
        trial.kill_once();
    }
    trial.check_all();
    trial.conclude(&format!("{kills} kills on SQLite"), kills * 10);
}

#[test]
fn kills_under_load_lose_nothing_on_postgres_either() {
    let Some(url) = postgres_url() else { return println!("skipped: TEST_DATABASE_URL names no PostgreSQL") };
    let kills = kills(12);
    let mut trial = Trial::begin(Place::on_postgres(&url, ACTORS), None, ACTORS);
    for _ in 0..kills {
        trial.kill_once();
    }
    trial.check_all();
    trial.conclude(&format!("{kills} kills on PostgreSQL"), kills * 10);
}

/// attacks.md row 2: dies at each write and at each flush of a deed, with and without what was not yet flushed.
#[test]
fn a_kill_at_any_write_leaves_all_of_a_deed_or_nothing() {
    if sqlite_rests() {
        return;
    }
    let place = Place::on_sqlite(1);
    let Some(disk) = Disk::under(&place.database()) else { return };
    let mut trial = Trial::begin(place, Some(disk), 1);
    let mut points = Vec::new();
    for deed in [Deed::Redeem, Deed::Rotate, Deed::Revoke, Deed::Decide] {
        let mut point = 1;
        while !dies_at(&mut trial, deed, point) {
            point += 1;
            assert!(point < 60, "{deed:?} writes without end");
        }
        points.push((deed, point - 1));
    }
    trial.check_all();
    println!("write points: {points:?}");
    assert!(points.iter().all(|(_, points)| *points >= 3), "{points:?}");
    trial.conclude("a kill at each write point", 10);
}

/// Whether the deed was done before so many write points were reached.
fn dies_at(trial: &mut Trial, deed: Deed, point: i32) -> bool {
    let mut serving = trial.serve();
    let weather = Weather::default();
    weather.kill_is_near.store(true, SeqCst);
    let (disk, actor) = (trial.disk.as_ref().unwrap(), &mut trial.actors[0]);
    actor.check_newest(serving.address, &weather);
    // What the deed needs, such as a code to redeem.
    actor.prepare(deed, serving.address, &weather);
    disk.die_at(point);
    let is_done = actor.do_once(deed, serving.address, &weather);
    disk.die_at(0);
    if is_done {
        assert!(serving.is_running(), "{deed:?} at {point}");
    } else {
        // The connection breaks a moment before the process is gone.
        assert!(wait_until(Duration::from_secs(10), || !serving.is_running()), "{deed:?} at {point}");
    }
    serving.kill();
    let keeps = point % 2 == 0;
    disk.cut_power(Keeps { database: keeps, log: keeps });
    is_done
}

// ---------------------------------------------------------------- flushes

#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged() {
    if sqlite_rests() {
        return;
    }
    let place = Place::on_sqlite(ACTORS);
    let Some(disk) = Disk::under(&place.database()) else { return };
    let mut trial = Trial::begin(place, Some(disk), ACTORS);
    for cut in 0..12 {
        trial.kill_once();
        // Mostly nothing survives that was not flushed; now and then the kernel was faster with one of the files.
        let keeps = Keeps { database: cut % 4 == 1, log: cut % 4 == 3 };
        trial.disk.as_ref().unwrap().cut_power(keeps);
    }
    trial.check_all();
    trial.conclude("12 power cuts", 120);
}

/// The test above is worth something: with flushes that only say that they flushed, the same actors find all kinds of
/// loss.
#[test]
fn flushes_that_only_pretend_are_noticed() {
    if sqlite_rests() {
        return;
    }
    let place = Place::on_sqlite(ACTORS);
    let Some(disk) = Disk::under(&place.database()) else { return };
    let mut trial = Trial::begin(place, Some(disk), ACTORS);
    let mut serving = trial.serve();
    let disk = trial.disk.take().unwrap();
    trial.under_load(&mut serving, |serving, weather| {
        thread::sleep(Duration::from_millis(700));
        disk.pretend_flushes(true);
        thread::sleep(Duration::from_millis(1500));
        weather.kill_is_near.store(true, SeqCst);
        serving.end();
    });
    serving.kill();
    disk.pretend_flushes(false);
    assert!(disk.faults() > 0);
    let findings = trial.findings();
    assert!(findings.is_empty(), "nothing is wrong before the cut: {findings:#?}");
    disk.cut_power(Keeps { database: false, log: false });
    trial.disk = Some(disk);
    trial.check_all();
    let kinds: BTreeSet<Kind> = trial.findings().iter().map(|finding| finding.kind).collect();
    println!("{} findings among {} acknowledged", trial.findings().len(), trial.acknowledged());
    assert_eq!(kinds, BTreeSet::from([Kind::Missing, Kind::CameBack]), "{:#?}", trial.findings());
}

#[test]
fn nothing_is_acknowledged_while_flushes_fail_and_afterwards_all_goes_on() {
    if sqlite_rests() {
        return;
    }
    let place = Place::on_sqlite(ACTORS);
    let Some(disk) = Disk::under(&place.database()) else { return };
    let mut trial = Trial::begin(place, Some(disk), ACTORS);
    for dies_while_failing in [false, false, true] {
        let mut serving = trial.serve();
        let disk = trial.disk.take().unwrap();
        let before = trial.acknowledged();
        trial.under_load(&mut serving, |serving, weather| {
            thread::sleep(Duration::from_millis(600));
            disk.fail_flushes(true);
            weather.flushes_fail.store(true, SeqCst);
            thread::sleep(Duration::from_secs(1));
            if dies_while_failing {
                weather.kill_is_near.store(true, SeqCst);
                serving.end();
            }
            weather.flushes_fail.store(false, SeqCst);
            disk.fail_flushes(false);
            if !dies_while_failing {
                thread::sleep(Duration::from_millis(600));
                assert!(serving.is_running(), "the server ended by itself");
            }
        });
        assert!(disk.faults() > 0, "no flush failed");
        trial.disk = Some(disk);
        if !dies_while_failing {
            expect_recovery(&mut trial, &mut serving);
        }
        assert!(trial.acknowledged() > before);
        assert!(serving.kill().contains("COMMIT failed"));
        if !dies_while_failing {
            trial.disk.as_ref().unwrap().cut_power(Keeps { database: false, log: false });
        }
    }
    assert!(trial.sum(|tally| tally.unavailable) > 20, "requests were answered 503");
    trial.check_all();
    trial.conclude("failing flushes", 60);
}

/// The same process acknowledges again, and what it refused to promise is whole or not there at all.
fn expect_recovery(trial: &mut Trial, serving: &mut Serving) {
    let (before, busy) = (trial.acknowledged(), trial.sum(|tally| tally.unavailable));
    trial.under_load(serving, |_, _| thread::sleep(Duration::from_millis(600)));
    assert!(serving.is_running(), "the server ended by itself");
    assert!(trial.acknowledged() > before, "the server did not recover");
    assert_eq!(trial.sum(|tally| tally.unavailable), busy, "503 although nothing is wrong any more");
}

// ---------------------------------------------------------------- no room

/// A small file system, unmounted at the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(kilobytes: usize) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap().keep();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kilobytes}k"), "tmpfs"])
            .arg(&folder)
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        skipped("only root can mount a small file system");
        fs::remove_dir(folder).unwrap();
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_full_disk_is_503_until_there_is_room_again() {
    if sqlite_rests() {
        return;
    }
    let Some(disk) = SmallDisk::mount(16 * 1024) else { return };
    let mut trial = Trial::begin(Place::on_sqlite_in(&disk.0, ACTORS), None, ACTORS);
    let mut serving = trial.serve();
    let ballast = disk.0.join("ballast");
    without_room(&mut trial, &mut serving, |_| fill(&ballast), |_| fs::remove_file(&ballast).unwrap());
    serving.kill();
    trial.check_all();
    trial.conclude("a full disk", 60);
}

/// Takes every byte that is left.
fn fill(path: &Path) {
    use std::io::Write as _;
    let mut file = fs::File::options().create(true).append(true).open(path).unwrap();
    for size in [64 * 1024, 4096, 512, 1] {
        while file.write(&vec![0; size]).is_ok_and(|written| written > 0) {}
    }
}

#[test]
fn a_file_that_may_not_grow_is_503_until_it_may() {
    if sqlite_rests() {
        return;
    }
    if Command::new("prlimit").arg("--version").output().is_err() {
        return skipped("needs prlimit, of util-linux");
    }
    let mut trial = Trial::begin(Place::on_sqlite(ACTORS), None, ACTORS);
    // The signal that comes with the limit would end the process; bash passes on that it is ignored.
    let script = "trap '' XFSZ; exec \"$@\"";
    let mut command = Command::new("bash");
    command.args(["-c", script, "bash", env!("CARGO_BIN_EXE_hospes"), "serve"]);
    trial.place.prepare(&mut command);
    let mut serving = Serving::run(command);
    let limit = |serving: &Serving, soft: &str| {
        let pid = serving.id().to_string();
        let set = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={soft}:")]).output().unwrap();
        assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
    };
    without_room(&mut trial, &mut serving, |serving| limit(serving, "65536"), |serving| limit(serving, "unlimited"));
    serving.kill();
    trial.check_all();
    trial.conclude("files that may not grow", 60);
}

/// Under load the room is taken and given back, twice.
fn without_room(trial: &mut Trial, serving: &mut Serving, take: impl Fn(&Serving), give: impl Fn(&Serving)) {
    for _ in 0..2 {
        trial.under_load(serving, |serving, weather| {
            thread::sleep(Duration::from_millis(600));
            take(serving);
            // The log is written over before it must grow.
            let refused = wait_until(Duration::from_secs(30), || weather.unavailable.load(SeqCst) > 20);
            assert!(refused, "requests were answered 503");
            assert!(serving.is_running(), "the server ended by itself");
            give(serving);
            thread::sleep(Duration::from_millis(600));
        });
        expect_recovery(trial, serving);
    }
}

// ---------------------------------------------------------------- PostgreSQL dies

#[test]
fn a_killed_postgresql_loses_nothing_that_was_acknowledged() {
    if postgres_url().is_none() {
        return println!("skipped: runs with the tests on PostgreSQL, when TEST_DATABASE_URL is set");
    }
    let Some(mut cluster) = Cluster::start() else { return };
    let mut trial = Trial::begin(Place::on_postgres(&cluster.url(), ACTORS), None, ACTORS);
    let mut serving = trial.serve();
    let kills = kills(6);
    for kill in 0..kills {
        trial.under_load(&mut serving, |serving, _| {
            thread::sleep(Duration::from_millis(700));
            if kill % 3 == 2 {
                cluster.kill_postmaster();
                thread::sleep(Duration::from_millis(200));
                cluster.start_postmaster();
            } else {
                cluster.kill_a_backend();
            }
            thread::sleep(Duration::from_millis(300));
            wait_until(Duration::from_secs(20), || place::on_postgres(&cluster.url(), "SELECT 1").is_ok());
            thread::sleep(Duration::from_millis(700));
            assert!(serving.is_running(), "the server ended by itself");
        });
    }
    serving.kill();
    trial.check_all();
    trial.conclude(&format!("{kills} kills of PostgreSQL"), 60);
}
