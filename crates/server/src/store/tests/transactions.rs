//! What a transaction promises, whatever goes wrong around it.

use super::*;
use crate::store::Tx;
use anyhow::anyhow;
use hospes_protocol::{ErrorCode, Refusal, refuse};
use std::{
    sync::{Arc, Barrier, mpsc},
    time::{Duration, Instant},
};

const NO: Refusal = refuse(ErrorCode::InvalidGrant, "no");

#[test]
fn forty_racers_have_one_winner() {
    for db in databases() {
        let db = db.with_notes();
        add_note(&db.store, 1).unwrap();
        let barrier = Arc::new(Barrier::new(40));
        let racers: Vec<_> = (0..40)
            .map(|_| {
                let (store, barrier) = (db.store.clone(), Arc::clone(&barrier));
                thread::spawn(move || {
                    barrier.wait();
                    store.write_blocking(|tx| {
                        let size: Option<i64> = tx
                            .one(
                                "UPDATE notes SET body = 'taken' WHERE id = $1 RETURNING size",
                                &[1_i64.into()],
                                |row| row.get("size"),
                            )?
                            .unwrap();
                        if size.is_some() {
                            return Err(NO.into());
                        }
                        tx.run("UPDATE notes SET size = 1 WHERE id = $1", &[1_i64.into()])?;
                        Ok(())
                    })
                })
            })
            .collect();
        let outcomes: Vec<_> = racers.into_iter().map(|racer| racer.join().unwrap()).collect();
        let winners = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let losers = outcomes.iter().filter(|outcome| matches!(outcome, Err(Failure::Refused(_)))).count();
        assert_eq!((winners, losers), (1, 39), "{outcomes:?}");
    }
}

#[test]
fn a_fault_rolls_back_and_a_refusal_commits() {
    for db in databases() {
        let db = db.with_notes();
        let insert = |tx: &mut Tx<'_>, id: i64| tx.run("INSERT INTO notes (id) VALUES ($1)", &[id.into()]);
        let fault = db.store.write_blocking(move |tx| {
            insert(tx, 1)?;
            Err::<(), _>(anyhow!("broken").into())
        });
        assert!(matches!(fault, Err(Failure::Fault(_))), "{fault:?}");
        assert_eq!(db.notes(), 0);
        let refusal = db.store.write_blocking(move |tx| {
            insert(tx, 2)?;
            Err::<(), _>(NO.into())
        });
        assert!(matches!(refusal, Err(Failure::Refused(_))), "{refusal:?}");
        assert_eq!(db.notes(), 1);
    }
}

#[test]
fn a_panic_hurts_only_its_own_transaction() {
    for db in databases_with(|config| config.connections = 1) {
        let db = db.with_notes();
        let (neighbours, faults) = in_one_batch(&db, 6, |tx, id| {
            tx.run("INSERT INTO notes (id) VALUES ($1)", &[id.into()])?;
            assert!(id != 3, "three is too many");
            Ok(())
        })
        .into_iter()
        .partition::<Vec<_>, _>(|(_, outcome)| outcome.is_ok());
        assert_eq!(neighbours.len(), 5);
        let [(3, Err(Failure::Fault(fault)))] = faults.as_slice() else { panic!("{faults:?}") };
        assert!(format!("{fault:#}").contains("three is too many"), "{fault:#}");
        assert_eq!(db.notes(), 5);
        add_note(&db.store, 100).unwrap();
    }
}

#[test]
fn a_failed_statement_cannot_be_ignored() {
    for db in databases() {
        let db = db.with_notes();
        add_note(&db.store, 1).unwrap();
        let ignored = db.store.write_blocking(|tx| {
            tx.run("INSERT INTO notes (id) VALUES ($1)", &[2_i64.into()])?;
            let _ = tx.run("INSERT INTO notes (id) VALUES ($1)", &[1_i64.into()]);
            Ok(())
        });
        assert!(matches!(ignored, Err(Failure::Fault(_))), "{ignored:?}");
        assert_eq!(db.notes(), 1);
    }
}

/// What is asked on the caller's thread is asked again on a reader's when that cannot answer: all connections at hand
/// are taken, or a statement failed on one, or they are closed.
#[test]
fn a_look_up_falls_back_on_a_reader() {
    let db = sqlite().with_notes();
    add_note(&db.store, 1).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let asked_on = Arc::new(std::sync::Mutex::new(Vec::new()));
    let look_up = |fails_at_hand: bool| {
        let (threads, here) = (Arc::clone(&asked_on), thread::current().id());
        let count = move |tx: &mut Tx<'_>| {
            threads.lock().unwrap().push(thread::current().name().map(str::to_owned));
            if fails_at_hand && thread::current().id() == here {
                tx.run("SELECT nothing FROM nowhere", &[])?;
            }
            Ok(tx.one("SELECT COUNT(*) AS notes FROM notes", &[], |row| row.get::<i64>("notes"))?)
        };
        let notes = runtime.block_on(db.store.look_up(count)).unwrap();
        assert_eq!(notes, Some(1));
        std::mem::take(&mut *asked_on.lock().unwrap())
    };
    let here = vec![thread::current().name().map(str::to_owned)];
    let on_a_reader = vec![Some("store-reader".to_owned())];
    assert_eq!(look_up(false), here);
    assert_eq!(look_up(true), [here.clone(), on_a_reader.clone()].concat());
    let taken = db.store.take_what_is_at_hand();
    assert_eq!(look_up(false), on_a_reader);
    drop(taken);
    assert_eq!(look_up(false), here);
}

#[test]
fn a_read_cannot_write() {
    for db in databases() {
        let db = db.with_notes();
        let written = db.store.read_blocking(|tx| Ok(tx.run("INSERT INTO notes (id) VALUES (1)", &[])?));
        assert!(matches!(written, Err(Failure::Fault(_))), "{written:?}");
        assert_eq!(db.notes(), 0);
    }
    // And on SQLite the connection would not let it, whatever the statement looks like.
    let db = sqlite().with_notes();
    let path = db.store.sqlite_path().unwrap();
    let connection = Connection::open(path, crate::store::sql::Access::Read).unwrap();
    assert!(connection.raw().execute("INSERT INTO notes (id) VALUES (1)", []).is_err());
}

#[test]
fn a_full_queue_is_busy_at_once() {
    for db in databases_with(|config| (config.queue, config.connections) = (2, 1)) {
        let db = db.with_notes();
        let (release, blocker) = block_the_writer(&db);
        let waiting: Vec<_> = (0..2).map(|n| spawn_note(&db, n)).collect();
        while db.store.pressure().writes_waiting < 2 {
            thread::sleep(Duration::from_millis(1));
        }
        let begun = Instant::now();
        assert!(matches!(add_note(&db.store, 9), Err(Failure::Busy)));
        assert!(begun.elapsed() < Duration::from_millis(100), "{:?}", begun.elapsed());
        release.send(()).unwrap();
        blocker.join().unwrap();
        for waiting in waiting {
            assert_eq!(waiting.join().unwrap().unwrap(), 1);
        }
        assert_eq!(db.notes(), 2);
    }
}

/// Reads share transactions under load, and each still sees what its caller wrote before.
#[test]
fn everybody_reads_what_they_wrote_before() {
    for db in databases() {
        let db = db.with_notes();
        thread::scope(|scope| {
            for writer in 0..24_i64 {
                let store = &db.store;
                scope.spawn(move || {
                    for n in 0..10 {
                        let id = writer * 100 + n;
                        add_note(store, id).unwrap();
                        let seen = store.read_blocking(move |tx| {
                            assert!(id % 7 != 6, "a panic in a read that others share a transaction with");
                            Ok(tx.one("SELECT id FROM notes WHERE id = $1", &[id.into()], |row| row.get::<i64>("id"))?)
                        });
                        match seen {
                            Ok(seen) => assert_eq!(seen, Some(id)),
                            Err(failure) => assert!(id % 7 == 6 && matches!(failure, Failure::Fault(_)), "{failure}"),
                        }
                    }
                });
            }
        });
    }
}

#[test]
fn nobody_runs_what_nobody_waits_for() {
    for db in databases_with(|config| config.connections = 1) {
        let db = db.with_notes();
        let (release, blocker) = block_the_writer(&db);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let store = db.store.clone();
        let abandoned = runtime.block_on(async move {
            let write = store.write(|tx| Ok(tx.run("INSERT INTO notes (id) VALUES (7)", &[])?));
            tokio::time::timeout(Duration::from_millis(20), write).await
        });
        assert!(abandoned.is_err());
        release.send(()).unwrap();
        blocker.join().unwrap();
        add_note(&db.store, 8).unwrap();
        assert_eq!(db.notes(), 1);
    }
}

#[test]
fn what_waits_is_committed_together() {
    let db = sqlite().with_notes();
    let before = db.store.switches().batches.load(Ordering::SeqCst);
    let outcomes = in_one_batch(&db, 50, |tx, id| {
        tx.run("INSERT INTO notes (id) VALUES ($1)", &[id.into()])?;
        Ok(())
    });
    assert!(outcomes.iter().all(|(_, outcome)| outcome.is_ok()));
    // One for the blocker, one for the fifty; the blocker's may have taken them in as well.
    assert!(db.store.switches().batches.load(Ordering::SeqCst) - before <= 2);
    assert_eq!(db.notes(), 50);
}

#[test]
fn a_failing_commit_answers_ok_to_nobody() {
    let outcomes = fail_a_commit(|_| ());
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(Failure::Busy))), "{outcomes:?}");
}

/// The test above would notice answers that leave before the flush: here they do.
#[test]
fn answers_that_leave_early_are_noticed() {
    let outcomes = fail_a_commit(|switches| switches.answer_early.store(true, Ordering::SeqCst));
    assert!(outcomes.iter().any(|outcome| outcome.is_ok()), "{outcomes:?}");
}

/// Ten jobs in one batch whose COMMIT fails: every third is a refusal, one is a fault.
fn fail_a_commit(prepare: impl Fn(&Switches)) -> Vec<Result<(), Failure>> {
    let db = sqlite().with_notes();
    let (release, blocker) = block_the_writer(&db);
    let waiting: Vec<_> = (0..10)
        .map(|id: i64| {
            let store = db.store.clone();
            thread::spawn(move || {
                store.write_blocking(move |tx| {
                    tx.run("INSERT INTO notes (id) VALUES ($1)", &[id.into()])?;
                    match id {
                        3 | 6 | 9 => Err(NO.into()),
                        5 => Err(anyhow!("broken").into()),
                        _ => Ok(()),
                    }
                })
            })
        })
        .collect();
    while db.store.pressure().writes_waiting < 10 {
        thread::sleep(Duration::from_millis(1));
    }
    // The running batch would take in what waits, so a full one is needed: it ends by time.
    prepare(db.store.switches());
    db.store.switches().fail_commit.store(true, Ordering::SeqCst);
    thread::sleep(Duration::from_millis(30));
    release.send(()).unwrap();
    blocker.join().unwrap();
    let outcomes = waiting.into_iter().map(|waiting| waiting.join().unwrap()).collect();
    assert_eq!(db.notes(), 0, "nothing was committed");
    db.store.switches().answer_early.store(false, Ordering::SeqCst);
    db.store.switches().fail_commit.store(false, Ordering::SeqCst);
    add_note(&db.store, 100).unwrap();
    assert_eq!(db.notes(), 1, "and the writer goes on");
    outcomes
}

#[test]
fn a_failing_commit_is_busy_on_postgres_too() {
    let Some(db) = postgres() else { return };
    let db = db.with_notes();
    db.execute(
        "ALTER TABLE notes ADD CONSTRAINT parent FOREIGN KEY (size) REFERENCES notes DEFERRABLE INITIALLY DEFERRED",
    );
    let orphan = db.store.write_blocking(|tx| Ok(tx.run("INSERT INTO notes (id, size) VALUES (1, 99)", &[])?));
    assert!(matches!(orphan, Err(Failure::Busy)), "{orphan:?}");
    assert_eq!(db.notes(), 0);
}

#[test]
fn a_transaction_that_was_rolled_back_under_a_job_is_a_fault_for_the_whole_batch() {
    let db = sqlite().with_notes();
    let ran = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ran);
    let outcomes = in_one_batch(&db, 9, move |tx, id| {
        tx.run("INSERT INTO notes (id) VALUES ($1)", &[id.into()])?;
        if counted.fetch_add(1, Ordering::SeqCst) == 4 {
            // What SQLite does by itself when it runs out of disk or memory.
            tx.run("ROLLBACK", &[])?;
        }
        Ok(())
    });
    // The batch with the fifth job is lost as a whole; those that had not begun may come in the next one.
    let lost = outcomes.iter().filter(|(_, outcome)| matches!(outcome, Err(Failure::Fault(_)))).count();
    let kept = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).count();
    assert_eq!((lost, kept), (5, 4), "{outcomes:?}");
    assert_eq!(db.notes(), 4);
    add_note(&db.store, 100).unwrap();
}

#[test]
fn nothing_acknowledged_is_missing_when_the_disk_is_full() {
    let db = sqlite().with_notes();
    db.store.switches().fill_disk.store(true, Ordering::SeqCst);
    let outcomes = in_one_batch(&db, 20, |tx, id| {
        let picture = vec![0_u8; 3000];
        tx.run("INSERT INTO notes (id, picture) VALUES ($1, $2)", &[id.into(), (&picture).into()])?;
        Ok(())
    });
    let acknowledged = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).count();
    assert!(acknowledged < 20, "the disk was not full");
    // In a statement or at COMMIT: nobody is at fault, and it may be tried again.
    assert!(outcomes.iter().all(|(_, outcome)| matches!(outcome, Ok(()) | Err(Failure::Busy))), "{outcomes:?}");
    assert_eq!(db.open_again_and_count(), i64::try_from(acknowledged).unwrap());
    db.store.switches().fill_disk.store(false, Ordering::SeqCst);
    add_note(&db.store, 100).unwrap();
}

/// The same where one statement is larger than what SQLite keeps in memory, so that it cannot even be ended.
#[test]
fn a_disk_that_fills_up_in_the_middle_of_a_statement_is_busy() {
    let db = sqlite().with_notes();
    db.store.switches().fill_disk.store(true, Ordering::SeqCst);
    let picture = vec![0_u8; 16 << 20];
    let insert = "INSERT INTO notes (id, picture) VALUES ($1, $2)";
    let outcome = db.store.write_blocking(move |tx| Ok(tx.run(insert, &[1_i64.into(), (&picture).into()])?));
    assert!(matches!(outcome, Err(Failure::Busy)), "{outcome:?}");
    db.store.switches().fill_disk.store(false, Ordering::SeqCst);
    add_note(&db.store, 100).unwrap();
    assert_eq!(db.notes(), 1);
}

#[test]
fn a_full_disk_of_postgres_is_busy() {
    let Some(db) = postgres() else { return };
    db.execute(
        "CREATE FUNCTION fill() RETURNS BIGINT LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$",
    );
    let outcome = db.store.write_blocking(|tx| Ok(tx.run("SELECT fill()", &[])?));
    assert!(matches!(outcome, Err(Failure::Busy)), "{outcome:?}");
}

#[test]
fn another_process_that_holds_the_file_makes_writers_wait() {
    let db = sqlite().with_notes();
    let other = rusqlite::Connection::open(db.store.sqlite_path().unwrap()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE; INSERT INTO notes (id) VALUES (1)").unwrap();
    let waiting = spawn_note(&db, 2);
    thread::sleep(Duration::from_millis(50));
    other.execute_batch("COMMIT").unwrap();
    waiting.join().unwrap().unwrap();
    assert_eq!(db.notes(), 2);
}

#[test]
fn deadlocks_are_run_again_on_postgres() {
    let Some(db) = postgres() else { return };
    let db = db.with_notes();
    add_note(&db.store, 1).unwrap();
    add_note(&db.store, 2).unwrap();
    let (barrier, runs) = (Arc::new(Barrier::new(2)), Arc::new(AtomicUsize::new(0)));
    let racers: Vec<_> = [(1_i64, 2_i64), (2, 1)]
        .into_iter()
        .map(|(first, second)| {
            let (store, barrier, runs) = (db.store.clone(), Arc::clone(&barrier), Arc::clone(&runs));
            thread::spawn(move || {
                let met = AtomicBool::new(false);
                store.write_blocking(move |tx| {
                    runs.fetch_add(1, Ordering::SeqCst);
                    let count = "UPDATE notes SET size = COALESCE(size, 0) + 1 WHERE id = $1";
                    tx.run(count, &[first.into()])?;
                    if !met.swap(true, Ordering::SeqCst) {
                        barrier.wait();
                    }
                    tx.run(count, &[second.into()])?;
                    Ok(())
                })
            })
        })
        .collect();
    for racer in racers {
        racer.join().unwrap().unwrap();
    }
    assert_eq!(runs.load(Ordering::SeqCst), 3);
    let size: Option<i64> = db
        .store
        .read_blocking(|tx| Ok(tx.one("SELECT size FROM notes WHERE id = 1", &[], |row| row.get("size"))?))
        .unwrap();
    assert_eq!(size, Some(2));
}

#[test]
fn waiting_too_long_for_a_lock_is_busy() {
    let Some(db) = postgres_with(|config| config.statement_timeout = Duration::from_millis(200)) else { return };
    let db = db.with_notes();
    add_note(&db.store, 1).unwrap();
    let (release, gate) = mpsc::channel();
    let gate = std::sync::Mutex::new(gate);
    let store = db.store.clone();
    let (ready, is_held) = mpsc::channel();
    let holder = thread::spawn(move || {
        store.write_blocking(move |tx| {
            tx.run("UPDATE notes SET size = 1 WHERE id = 1", &[])?;
            ready.send(()).unwrap();
            gate.lock().unwrap().recv_timeout(Duration::from_millis(350)).ok();
            Ok(())
        })
    });
    is_held.recv().unwrap();
    let late = db.store.write_blocking(|tx| Ok(tx.run("UPDATE notes SET size = 2 WHERE id = 1", &[])?));
    assert!(matches!(late, Err(Failure::Busy)), "{late:?}");
    release.send(()).unwrap();
    holder.join().unwrap().unwrap();
}

impl Database {
    fn open_again_and_count(&self) -> i64 {
        let again = self.open_again();
        let notes = count_notes(&again);
        again.close();
        notes
    }
}

type Release = mpsc::Sender<()>;

/// Keeps the only writing thread busy until it is released.
fn block_the_writer(db: &Database) -> (Release, thread::JoinHandle<()>) {
    let (release, gate) = mpsc::channel();
    let (ready, is_blocked) = mpsc::channel();
    let (store, gate) = (db.store.clone(), std::sync::Mutex::new(gate));
    let blocker = thread::spawn(move || {
        let blocked = store.write_blocking(move |_| {
            ready.send(()).unwrap();
            gate.lock().unwrap().recv_timeout(Duration::from_secs(10)).unwrap();
            Ok(())
        });
        // Where COMMIT was made to fail, the blocker's fails too.
        assert!(matches!(blocked, Ok(()) | Err(Failure::Busy | Failure::Fault(_))), "{blocked:?}");
    });
    is_blocked.recv().unwrap();
    (release, blocker)
}

fn spawn_note(db: &Database, id: i64) -> thread::JoinHandle<Result<u64, Failure>> {
    let store = db.store.clone();
    thread::spawn(move || add_note(&store, id))
}

/// Lets `jobs` jobs wait behind a blocked writer, each with its number, and then lets them all go.
fn in_one_batch(
    db: &Database,
    jobs: i64,
    body: impl Fn(&mut Tx<'_>, i64) -> Result<(), Failure> + Send + Sync + 'static,
) -> Vec<(i64, Result<(), Failure>)> {
    let (release, blocker) = block_the_writer(db);
    let body = Arc::new(body);
    let waiting: Vec<_> = (0..jobs)
        .map(|id| {
            let (store, body) = (db.store.clone(), Arc::clone(&body));
            thread::spawn(move || (id, store.write_blocking(move |tx| body(tx, id))))
        })
        .collect();
    while i64::try_from(db.store.pressure().writes_waiting).unwrap() < jobs {
        thread::sleep(Duration::from_millis(1));
    }
    // The blocker's batch is over its time by now, so what waits begins a batch of its own.
    thread::sleep(Duration::from_millis(30));
    release.send(()).unwrap();
    blocker.join().unwrap();
    waiting.into_iter().map(|job| job.join().unwrap()).collect()
}
