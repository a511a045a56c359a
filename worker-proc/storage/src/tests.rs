//! Storage as its users call it, on real files.

use std::collections::BTreeMap;
use std::path::Path;

use ipc::objects::Depth;
use proptest::prelude::*;

use super::*;

/// Runs a test on a runtime like the process's.
pub(super) fn run<F: Future>(test: impl FnOnce() -> F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async { test().await })
}

const NO_ALARMS: Alarms = Alarms::Refused("no alarms here");

async fn memory() -> Storage {
    Storage::open(Place::Memory, NO_ALARMS, None).await.unwrap()
}

async fn on_disk(folder: &Path, name: &str) -> Storage {
    let place = Place::File(folder.join(format!("{name}.sqlite")));
    Storage::open(place, NO_ALARMS, Some(HistoryLimits::default()))
        .await
        .unwrap()
}

fn rows(storage: &Storage, sql: &str) -> Result<Vec<String>> {
    let cursor = storage.sql.exec(sql, &[])?;
    let mut all = Vec::new();
    let columns = cursor.columns().len();
    while let Some(row) = cursor.next(|row| {
        let values = (0..columns).map(|index| match row.column(index) {
            ValueRef::Null => "null".to_owned(),
            ValueRef::Integer(value) => value.to_string(),
            ValueRef::Real(value) => format!("{value:?}"),
            ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
            ValueRef::Blob(bytes) => format!("{bytes:?}"),
        });
        values.collect::<Vec<_>>().join("|")
    })? {
        all.push(row);
    }
    Ok(all)
}

fn get(storage: &Storage, key: &str) -> Option<String> {
    storage
        .kv
        .get(key, |value| String::from_utf8_lossy(value).into_owned())
        .unwrap()
}

fn keys(storage: &Storage, options: &ListOptions) -> Vec<String> {
    let pairs = pairs(storage, options).into_iter();
    pairs.map(|(key, _)| key).collect()
}

fn pairs(storage: &Storage, options: &ListOptions) -> Vec<(String, Vec<u8>)> {
    let cursor = storage.kv.cursor(options).unwrap();
    let next = || {
        let shown = cursor.next(|key, value| (key.to_owned(), value.to_vec()));
        shown.unwrap()
    };
    std::iter::from_fn(next).collect()
}

/// Runs a `transactionSync` that fails.
fn undone(storage: &Storage, sql: &str) {
    storage.begin_sync().unwrap();
    rows(storage, sql).unwrap();
    storage.rollback_sync().unwrap();
}

#[test]
fn values_outlive_the_process_that_wrote_them() {
    run(async || {
        let folder = tempfile::tempdir().unwrap();
        let storage = on_disk(folder.path(), "a").await;
        assert_eq!(get(&storage, "k"), None);
        assert!(!storage.kv.delete("k", true).unwrap());
        storage.kv.put("k", b"one", true).unwrap();
        storage.kv.put("", b"empty key", true).unwrap();
        storage.kv.put("nul\0key", b"", true).unwrap();
        let committed = storage.commit().unwrap();
        assert!(committed.confirm);
        committed.ticket.wait().await.unwrap();
        storage.kv.put("k", b"two", false).unwrap();
        assert!(!storage.commit().unwrap().confirm);
        storage.kv.put("lost", b"never committed", true).unwrap();
        storage.close().await.unwrap();
        assert!(!folder.path().join("a.sqlite-wal").exists());

        let storage = on_disk(folder.path(), "a").await;
        assert_eq!(get(&storage, "k").as_deref(), Some("two"));
        assert_eq!(
            keys(&storage, &ListOptions::default()),
            ["", "k", "nul\0key"]
        );
        assert_eq!(get(&storage, "nul\0key").as_deref(), Some(""));
        // A second opening finds the log of one that never closed.
        storage.kv.put("k", b"three", true).unwrap();
        storage.commit().unwrap().ticket.wait().await.unwrap();
        let copy = folder.path().join("copy");
        std::fs::create_dir(&copy).unwrap();
        for file in ["a.sqlite", "a.sqlite-wal"] {
            std::fs::copy(folder.path().join(file), copy.join(file)).unwrap();
        }
        let again = on_disk(&copy, "a").await;
        assert_eq!(get(&again, "k").as_deref(), Some("three"));
    });
}

#[test]
fn the_tables_are_the_published_ones() {
    run(async || {
        let storage = memory().await;
        storage.kv.put("k", b"v", true).unwrap();
        let _ = storage.commit().unwrap();
        let found = rows(&storage, "SELECT sql FROM sqlite_master");
        assert_eq!(
            found.unwrap(),
            [
                "CREATE TABLE _cf_KV (\n        key TEXT PRIMARY KEY,\n        value BLOB\n      ) WITHOUT ROWID"
            ]
        );
    });
}

#[test]
fn many_keys_at_once() {
    run(async || {
        let storage = memory().await;
        let pairs: Vec<_> = (0..100)
            .map(|index| (format!("k{index:03}"), vec![index]))
            .collect();
        storage.kv.put_many(&pairs, true).unwrap();
        let too_large = vec![
            ("a".to_owned(), vec![0]),
            ("b".to_owned(), vec![0; 9 << 20]),
        ];
        let error = storage.kv.put_many(&too_large, true).unwrap_err();
        assert_eq!(error.message(), "string or blob too big: SQLITE_TOOBIG");
        assert!(!error.resets_object());
        assert_eq!(get(&storage, "a"), None, "all or none");
        assert_eq!(
            storage
                .kv
                .delete_many(&["k000", "k001", "nope"], true)
                .unwrap(),
            2
        );
        let _ = storage.commit().unwrap();
        let options = ListOptions {
            prefix: Some("k09".into()),
            reverse: true,
            limit: Some(2),
            ..Default::default()
        };
        assert_eq!(keys(&storage, &options), ["k099", "k098"]);
        assert_eq!(storage.delete_all(true).unwrap(), 98);
        let _ = storage.commit().unwrap();
        assert_eq!(keys(&storage, &ListOptions::default()).len(), 0);
        storage.kv.put("k", b"v", true).unwrap();
        assert_eq!(get(&storage, "k").as_deref(), Some("v"));
    });
}

#[test]
fn one_listing_at_a_time() {
    run(async || {
        let storage = memory().await;
        for key in ["a", "b", "c"] {
            storage.kv.put(key, b"", true).unwrap();
        }
        let first = storage.kv.cursor(&ListOptions::default()).unwrap();
        assert_eq!(
            first.next(|key, _| key.to_owned()).unwrap().as_deref(),
            Some("a")
        );
        let second = storage.kv.cursor(&ListOptions::default()).unwrap();
        assert!(
            first
                .next(|_, _| ())
                .unwrap_err()
                .message()
                .starts_with("kv.list() iterator was inv")
        );
        for expected in [Some("a"), Some("b"), Some("c"), None, None] {
            assert_eq!(
                second.next(|key, _| key.to_owned()).unwrap().as_deref(),
                expected
            );
        }
    });
}

#[test]
fn statements_answer_as_the_published_binary() {
    run(async || {
        let storage = memory().await;
        storage.kv.put("k", b"v", true).unwrap();
        let transactions = "To execute a transaction, please use";
        for (sql, expected) in [
            ("", "SQL code did not contain a statement."),
            ("  ;", "SQL code did not contain a statement."),
            ("-- c", "SQL code did not contain a statement."),
            ("select 1; -- c", "SQL code did not contain a statement."),
            ("select 1;  ", "1"),
            (
                "selec",
                "near \"selec\": syntax error at offset 0: SQLITE_ERROR",
            ),
            ("begin", transactions),
            ("savepoint a", transactions),
            ("rollback", transactions),
            (
                "select ? ; select 1",
                "When executing multiple SQL statements in a single call, only the last",
            ),
            (
                "select 1 where 1=?",
                "Wrong number of parameter bindings for SQL query.",
            ),
            ("pragma journal_mode", "not authorized: SQLITE_AUTH"),
            ("attach 'x' as y", "not authorized: SQLITE_AUTH"),
            (
                "select * from _cf_KV",
                "access to _cf_KV.key is prohibited: SQLITE_AUTH",
            ),
            ("select load_extension('a')", "not authorized: SQLITE_ERROR"),
            ("create table _cf_x(a)", "not authorized: SQLITE_AUTH"),
            ("create table t(a unique not null, b check(b>0))", ""),
            (
                "insert into t values(null,1)",
                "NOT NULL constraint failed: t.a: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_NOTNULL)",
            ),
            (
                "insert into t values(1,0)",
                "CHECK constraint failed: b>0: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_CHECK)",
            ),
            (
                "insert into t values(1,1),(1,1)",
                "UNIQUE constraint failed: t.a: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)",
            ),
            ("select * from nope", "no such table: nope: SQLITE_ERROR"),
            (
                "select sqlite_version()",
                "not authorized to use function: sqlite_version at offset 7: SQLITE_ERROR",
            ),
            (
                "vacuum",
                "cannot VACUUM from within a transaction: SQLITE_ERROR",
            ),
            ("create temp table x(a)", "not authorized: SQLITE_AUTH"),
            (
                "alter table t rename to _cf_z",
                "not authorized: SQLITE_AUTH",
            ),
            (
                "drop table sqlite_master",
                "table sqlite_master may not be dropped: SQLITE_ERROR",
            ),
            ("delete from t limit 1", ""),
            ("update t set b = 2 order by a limit 1", ""),
            ("pragma foreign_keys", "1"),
            ("pragma foreign_keys=2", "not authorized: SQLITE_AUTH"),
            ("create virtual table v using fts5(a)", ""),
            (
                "create virtual table v2 using dbstat",
                "not authorized: SQLITE_AUTH",
            ),
            ("reindex; analyze", ""),
            (
                "create table c(a references t(a)); insert into c values(77)",
                "FOREIGN KEY constraint failed: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_FOREIGNKEY)",
            ),
            ("detach main", "not authorized: SQLITE_AUTH"),
            (
                "select * from pragma_table_info('_cf_KV')",
                "not authorized: SQLITE_AUTH",
            ),
            (
                "select max(1,1,1), sin(0.0), '{\"a\":1}' ->> 'a'",
                "1|0.0|1",
            ),
            (
                "select 1 like 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'",
                "LIKE or GLOB pattern too complex: SQLITE_ERROR",
            ),
            (
                "select ?101",
                "variable number must be between ?1 and ?100 at offset 7: SQLITE_ERROR",
            ),
            ("select length(zeroblob(8388642))", "8388642"),
            (
                "select zeroblob(8388643)",
                "string or blob too big: SQLITE_TOOBIG",
            ),
        ] {
            let answer = match rows(&storage, sql) {
                Ok(rows) => rows.join(","),
                Err(error) => {
                    assert!(!error.resets_object(), "{sql}: {error}");
                    error.message().to_owned()
                }
            };
            assert!(
                answer.starts_with(expected),
                "{sql}\n  expected {expected}\n  answered {answer}"
            );
            assert!(!expected.is_empty() || answer.is_empty(), "{sql}: {answer}");
        }
        let long = format!("select '{}'", "x".repeat(100_000));
        assert_eq!(
            rows(&storage, &long).unwrap_err().message(),
            "statement too long: SQLITE_TOOBIG"
        );
    });
}

#[test]
fn cursors_live_on_until_what_they_read_is_gone() {
    run(async || {
        let storage = memory().await;
        rows(
            &storage,
            "create table t(a); insert into t values(1),(2),(3)",
        )
        .unwrap();
        let _ = storage.commit().unwrap();
        let one = |cursor: &Cursor| {
            cursor.next(|row| match row.column(0) {
                ValueRef::Integer(value) => value,
                _ => -1,
            })
        };
        let cursor = storage.sql.exec("select a from t", &[]).unwrap();
        assert_eq!(one(&cursor).unwrap(), Some(1));
        let same = storage.sql.exec("select a from t", &[]).unwrap();
        assert!(!same.reused_cached_query());
        rows(&storage, "insert into t values(4)").unwrap();
        let _ = storage.commit().unwrap();
        undone(&storage, "insert into t values(5)");
        let mut rest = Vec::new();
        while let Some(value) = one(&cursor).unwrap() {
            rest.push(value);
        }
        assert_eq!(rest, [2, 3, 4]);
        assert!(cursor.is_done());
        assert!(
            storage
                .sql
                .exec("select a from t", &[])
                .unwrap()
                .reused_cached_query()
        );

        assert_eq!(one(&same).unwrap(), Some(1));
        undone(&storage, "create table u(a)");
        let error = one(&same).and_then(|_| one(&same)).unwrap_err();
        assert_eq!(
            error.message(),
            "abort due to ROLLBACK: SQLITE_ABORT (extended: SQLITE_ABORT_ROLLBACK)"
        );

        let cursor = storage.sql.exec("select a from t", &[]).unwrap();
        storage.delete_all(true).unwrap();
        let error = one(&cursor).unwrap_err();
        assert_eq!(
            error.message(),
            "SQLite query was canceled because the database was deleted."
        );
        assert!(
            rows(&storage, "select a from t")
                .unwrap_err()
                .message()
                .starts_with("no such table")
        );
        let cursor = storage.sql.exec("values(1),(2)", &[]).unwrap();
        storage.close().await.unwrap();
        assert!(one(&cursor).unwrap_err().resets_object());
    });
}

#[test]
fn rows_are_counted_as_the_published_binary_counts() {
    run(async || {
        let storage = memory().await;
        rows(&storage, "create table t(a integer)").unwrap();
        for (sql, read, written) in [
            (
                "insert into t select value from json_each('[1,2,2,2,2]')",
                5,
                5,
            ),
            ("select count(*) from t", 5, 0),
            ("select * from t where a=2", 5, 0),
            ("select * from t where a=9", 5, 0),
            ("delete from t where a=1", 5, 1),
            ("create index ti on t(a)", 10, 5),
            ("insert into t values(7)", 0, 2),
            ("update t set a=8 where a=7", 3, 2),
            ("select * from t where a=8", 1, 0),
            ("select * from t where a in (7, 8)", 3, 0),
            ("select max(a) from t", 1, 0),
            ("delete from t", 0, 5),
            ("select * from t", 1, 0),
        ] {
            let cursor = storage.sql.exec(sql, &[]).unwrap();
            while cursor.next(|_| ()).unwrap().is_some() {}
            assert_eq!(
                (cursor.rows_read(), cursor.rows_written()),
                (read, written),
                "{sql}"
            );
        }
    });
}

#[test]
fn statements_arrive_in_pieces() {
    run(async || {
        let storage = memory().await;
        let ingested = storage
            .sql
            .ingest("create table t(a); insert into t values(1);\ninsert into t val")
            .unwrap();
        assert_eq!(
            (ingested.statements, &*ingested.remainder),
            (2, "\ninsert into t val")
        );
        let ingested = storage
            .sql
            .ingest(&(ingested.remainder + "ues(2);"))
            .unwrap();
        assert_eq!((ingested.statements, &*ingested.remainder), (1, ""));
        assert_eq!(rows(&storage, "select sum(a) from t").unwrap(), ["3"]);
        assert!(storage.sql.database_size().unwrap() >= 8192);
    });
}

#[test]
fn violated_constraints_at_commit_reset_the_object() {
    run(async || {
        let storage = memory().await;
        let tables = "create table p(a primary key); create table q(a references p deferrable initially deferred)";
        rows(&storage, tables).unwrap();
        let _ = storage.commit().unwrap();
        rows(&storage, "insert into q values(4)").unwrap();
        let error = storage.commit().err().unwrap();
        assert!(error.resets_object());
        assert_eq!(
            error.message(),
            "Durable Object was reset and rolled back to its last known good state because the application left the \
             database in a state where constraints were violated: FOREIGN KEY constraint failed: SQLITE_CONSTRAINT \
             (extended: SQLITE_CONSTRAINT_FOREIGNKEY)"
        );
        assert_eq!(
            storage.kv.put("a", b"", true).unwrap_err().message(),
            error.message()
        );
    });
}

#[test]
fn a_full_disk_breaks_the_object_and_not_what_it_had() {
    run(async || {
        let folder = tempfile::tempdir().unwrap();
        let storage = on_disk(folder.path(), "a").await;
        storage.kv.put("k", b"v", true).unwrap();
        storage.commit().unwrap().ticket.wait().await.unwrap();
        storage.sql.set_max_page_count(20).unwrap();
        let error =
            (0..100).find_map(|index| storage.kv.put(&format!("{index}"), &[1; 4000], true).err());
        assert_eq!(
            error.unwrap().message(),
            "database or disk is full: SQLITE_FULL"
        );
        assert!(storage.broken().is_some_and(|error| error.resets_object()));
        storage.close().await.unwrap();
        let storage = on_disk(folder.path(), "a").await;
        assert_eq!(keys(&storage, &ListOptions::default()), ["k"]);
    });
}

#[test]
fn files_that_are_no_databases_fail_and_stay() {
    run(async || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad.sqlite");
        let content = vec![7; 8192];
        std::fs::write(&path, &content).unwrap();
        let error = Storage::open(Place::File(path.clone()), NO_ALARMS, None)
            .await
            .err()
            .unwrap();
        assert!(error.resets_object());
        assert_eq!(
            error.message(),
            "cannot open the object's storage: file is not a database: SQLITE_NOTADB"
        );
        assert_eq!(std::fs::read(&path).unwrap(), content);
        let nowhere = Place::File(folder.path().join("no/such/folder.sqlite"));
        let error = Storage::open(nowhere, NO_ALARMS, None).await.err().unwrap();
        assert!(
            error.message().contains("unable to open database file"),
            "{error}"
        );
    });
}

#[test]
fn logs_are_written_back_while_the_object_writes_on() {
    run(async || {
        let folder = tempfile::tempdir().unwrap();
        let storage = on_disk(folder.path(), "a").await;
        for round in 0..3000 {
            storage
                .kv
                .put(&format!("k{}", round % 50), &[round as u8; 3000], true)
                .unwrap();
            let committed = storage.commit().unwrap();
            if round % 20 == 0 {
                committed.ticket.wait().await.unwrap();
            }
        }
        // However fast it writes on, the log starts over once the disk has caught up.
        let log = || {
            std::fs::metadata(folder.path().join("a.sqlite-wal"))
                .unwrap()
                .len()
        };
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        let mut value = 0u8;
        while log() > 9_000_000 && std::time::Instant::now() < deadline {
            // Another one each time: SQLite writes nothing for what is there already.
            value = value.wrapping_add(1);
            storage.kv.put("k0", &[value; 3000], true).unwrap();
            storage.commit().unwrap().ticket.wait().await.unwrap();
        }
        assert!(log() <= 9_000_000, "the log stays at {} bytes", log());
        storage.close().await.unwrap();
        let storage = on_disk(folder.path(), "a").await;
        assert_eq!(rows(&storage, "pragma quick_check").unwrap(), ["ok"]);
        assert_eq!(keys(&storage, &ListOptions::default()).len(), 50);
    });
}

#[test]
fn processes_that_start_at_once_make_one_schedule() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let start = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    let opened = Schedule::open(folder.path(), |_| true);
                    assert!(opened.is_ok(), "{:?}", opened.err());
                });
            }
        });
    }
}

#[test]
fn alarms_are_in_the_schedule_no_later_than_in_the_file() {
    run(async || {
        let folder = tempfile::tempdir().unwrap();
        let key = ObjectKey {
            id: "ab".repeat(32).into(),
            name: Some("n".into()),
        };
        let schedule = Schedule::open(folder.path(), |_| true).unwrap();
        let place = Place::File(folder.path().join("o.sqlite"));
        let alarms = Alarms::Scheduled(schedule.clone(), key.clone());
        let storage = Storage::open(place.clone(), alarms, None).await.unwrap();
        assert_eq!(storage.alarm.get().unwrap(), None);
        storage.alarm.set(Some(5000), true).unwrap();
        assert_eq!(schedule.next_ms(), None, "not before the commit");
        storage.commit().unwrap().ticket.wait().await.unwrap();
        assert_eq!(schedule.next_ms(), Some(5000));
        assert_eq!(schedule.all().unwrap()[0].name.as_deref(), Some("n"));

        // A rolled back change leaves both as they were.
        let depth = storage.begin().unwrap();
        storage.alarm.set(Some(1000), true).unwrap();
        assert_eq!(storage.alarm.get().unwrap(), Some(1000));
        storage.rollback_transaction(depth).unwrap();
        assert_eq!(storage.alarm.get().unwrap(), Some(5000));

        let due = schedule.take_due(6000, 10);
        assert_eq!(
            storage.alarm.arm(due[0].scheduled_ms, 6000).unwrap(),
            Armed::Run
        );
        assert_eq!(
            storage.alarm.get().unwrap(),
            None,
            "not while its handler runs"
        );
        assert_eq!(storage.alarm.handler_done(true).unwrap(), None);
        let _ = storage.commit().unwrap();
        assert_eq!(
            schedule.finished(&key.id, AlarmOutcome::Done, None, 6001, 0.0),
            Next::Over
        );
        assert!(schedule.all().unwrap().is_empty());

        // An alarm that the schedule has too early is put right.
        storage.alarm.set(Some(9000), true).unwrap();
        let _ = storage.commit().unwrap();
        let _ = schedule.set(&key, Some(7000)).unwrap();
        let due = schedule.take_due(7000, 10);
        assert_eq!(
            storage.alarm.arm(due[0].scheduled_ms, 7000).unwrap(),
            Armed::Cancel
        );
        assert_eq!(
            schedule.finished(&key.id, AlarmOutcome::Done, Some(9000), 7001, 0.0),
            Next::At(9000)
        );
        storage.kv.put("k", b"v", true).unwrap();
        let _ = storage.commit().unwrap();
        storage.delete_all(false).unwrap();
        // The process ends here: all is gone at once, and the alarm with no instant between.
        let copy = folder.path().join("copy");
        std::fs::create_dir(&copy).unwrap();
        for entry in ["o.sqlite", "o.sqlite-wal"] {
            std::fs::copy(folder.path().join(entry), copy.join(entry)).unwrap();
        }
        let left = on_disk(&copy, "o").await;
        assert_eq!(left.alarm.get().unwrap(), Some(9000));
        assert_eq!(get(&left, "k"), None);
        let _ = storage.commit().unwrap();
        assert_eq!(storage.alarm.get().unwrap(), Some(9000));
        storage.close().await.unwrap();

        // Another start, in which the schedule has lost it.
        let schedule = Schedule::open(folder.path(), |_| true).unwrap();
        assert_eq!(schedule.next_ms(), Some(9000));
        let _ = schedule.delete_all().unwrap();
        let alarms = Alarms::Scheduled(schedule.clone(), key.clone());
        let storage = Storage::open(place, alarms, None).await.unwrap();
        assert_eq!(schedule.next_ms(), Some(9000));
        storage.delete_all(true).unwrap();
        let _ = storage.commit().unwrap();
        assert_eq!(schedule.next_ms(), None);
    });
}

/// Counts for the history's tests: the value of `n`, a second apart.
async fn count_to(storage: &Storage, most: u8) -> Vec<String> {
    let mut bookmarks = Vec::new();
    for value in 1..=most {
        storage.kv.put("n", &[value], true).unwrap();
        let _ = storage.commit().unwrap();
        bookmarks.push(storage.current_bookmark().await.unwrap());
    }
    bookmarks
}

/// What of a bookmark tells one state from another.
fn state_of(bookmark: &str) -> &str {
    &bookmark[..17]
}

fn count(storage: &Storage) -> Option<u8> {
    storage.kv.get("n", |value| value[0]).unwrap()
}

#[test]
fn going_back_and_undoing_it() {
    run(async || {
        let folder = tempfile::tempdir().unwrap();
        let storage = on_disk(folder.path(), "a").await;
        let empty = storage.current_bookmark().await.unwrap();
        let bookmarks = count_to(&storage, 5).await;
        assert!(
            bookmarks.is_sorted() && empty < bookmarks[0],
            "{bookmarks:?}"
        );
        let again = storage.current_bookmark().await.unwrap();
        assert!(again > bookmarks[4], "every one is greater: {again}");
        assert_eq!(state_of(&again), state_of(&bookmarks[4]));
        rows(&storage, "create table t(a); insert into t values(1)").unwrap();
        let _ = storage.commit().unwrap();
        let undo = storage
            .restore_on_next_session(&bookmarks[1])
            .await
            .unwrap();
        assert!(undo > bookmarks[4]);
        assert_eq!(count(&storage), Some(5), "not in this session");
        storage.close().await.unwrap();

        let storage = on_disk(folder.path(), "a").await;
        assert_eq!(count(&storage), Some(2));
        assert!(rows(&storage, "select * from t").is_err());
        assert!(storage.current_bookmark().await.unwrap() > undo);
        count_to(&storage, 9).await;
        let second_undo = storage.restore_on_next_session(&undo).await.unwrap();
        storage.close().await.unwrap();

        let storage = on_disk(folder.path(), "a").await;
        assert_eq!(count(&storage), Some(5));
        assert_eq!(rows(&storage, "select * from t").unwrap(), ["1"]);
        assert_eq!(rows(&storage, "pragma quick_check").unwrap(), ["ok"]);
        let _ = storage.restore_on_next_session(&empty).await.unwrap();
        storage.close().await.unwrap();
        let storage = on_disk(folder.path(), "a").await;
        assert_eq!(count(&storage), None);
        let _ = storage.restore_on_next_session(&second_undo).await.unwrap();
        storage.close().await.unwrap();
        let storage = on_disk(folder.path(), "a").await;
        assert_eq!(count(&storage), Some(9));

        let other = on_disk(folder.path(), "b").await;
        let foreign = other.current_bookmark().await.unwrap();
        for bad in ["", "x", &foreign, &undo.replace("-0000000", "-1000000")] {
            assert!(storage.restore_on_next_session(bad).await.is_err(), "{bad}");
        }
    });
}

#[test]
fn the_past_survives_deletion_kills_and_other_writers() {
    run(async || {
        let folder = tempfile::tempdir().unwrap();
        let storage = on_disk(folder.path(), "a").await;
        let bookmarks = count_to(&storage, 3).await;
        storage.delete_all(true).unwrap();
        let _ = storage.commit().unwrap();
        storage.kv.put("n", &[100], true).unwrap();
        storage.commit().unwrap().ticket.wait().await.unwrap();
        // The process ends here: its files are as they are at this instant.
        let copy = folder.path().join("copy");
        std::fs::create_dir_all(copy.join(".history")).unwrap();
        for entry in ["a.sqlite", "a.sqlite-wal", ".history/a.log"] {
            std::fs::copy(folder.path().join(entry), copy.join(entry)).unwrap();
        }
        // Half a record, as power left it.
        let log = copy.join(".history/a.log");
        let whole = std::fs::read(&log).unwrap();
        std::fs::write(&log, [&whole[..], &whole[whole.len() - 40..]].concat()).unwrap();
        let storage = on_disk(&copy, "a").await;
        assert_eq!(count(&storage), Some(100));
        storage.close().await.unwrap();

        // Another program writes the file.
        let other = Storage::open(Place::File(copy.join("a.sqlite")), NO_ALARMS, None)
            .await
            .unwrap();
        other.kv.put("n", &[200], true).unwrap();
        let _ = other.commit().unwrap();
        other.close().await.unwrap();
        let storage = on_disk(&copy, "a").await;
        assert_eq!(count(&storage), Some(200));
        let undo = storage
            .restore_on_next_session(&bookmarks[2])
            .await
            .unwrap();
        storage.close().await.unwrap();
        let storage = on_disk(&copy, "a").await;
        assert_eq!(count(&storage), Some(3));
        let _ = storage.restore_on_next_session(&undo).await.unwrap();
        storage.close().await.unwrap();
        assert_eq!(count(&on_disk(&copy, "a").await), Some(200));
    });
}

#[test]
fn history_is_kept_beside_write_backs_and_within_its_bound() {
    run(async || {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::File(folder.path().join("a.sqlite"));
        let limits = HistoryLimits {
            days: 30,
            max_bytes: 2_000_000,
        };
        let storage = Storage::open(place.clone(), NO_ALARMS, Some(limits))
            .await
            .unwrap();
        let early = count_to(&storage, 1).await;
        let mut late = String::new();
        for round in 0..1500_u32 {
            let mut seed = u64::from(round) + 1;
            let noise: Vec<u8> = std::iter::repeat_with(|| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 56) as u8
            })
            .take(3000)
            .collect();
            storage
                .kv
                .put(&format!("k{}", round % 300), &noise, true)
                .unwrap();
            storage.kv.put("n", &[(round % 251) as u8], true).unwrap();
            let committed = storage.commit().unwrap();
            if round % 50 == 0 {
                committed.ticket.wait().await.unwrap();
                late = storage.current_bookmark().await.unwrap();
            }
        }
        let size = std::fs::metadata(folder.path().join(".history/a.log"))
            .unwrap()
            .len();
        assert!(size < 4_000_000, "{size} bytes");
        let error = storage
            .restore_on_next_session(&early[0])
            .await
            .unwrap_err();
        assert_eq!(
            error.message(),
            "The bookmark is before the oldest point that can be recovered."
        );
        assert!(storage.bookmark_for_time(0).await.is_err());
        let _ = storage.restore_on_next_session(&late).await.unwrap();
        storage.close().await.unwrap();
        let storage = Storage::open(place, NO_ALARMS, Some(limits)).await.unwrap();
        assert_eq!(count(&storage), Some((1450 % 251) as u8));
        assert_eq!(rows(&storage, "pragma quick_check").unwrap(), ["ok"]);
    });
}

#[test]
fn damaged_histories_are_put_aside() {
    run(async || {
        let folder = tempfile::tempdir().unwrap();
        let storage = on_disk(folder.path(), "a").await;
        let bookmarks = count_to(&storage, 3).await;
        storage.close().await.unwrap();
        std::fs::write(folder.path().join(".history/a.log"), [3; 500]).unwrap();
        let storage = on_disk(folder.path(), "a").await;
        assert_eq!(count(&storage), Some(3));
        assert!(folder.path().join(".history/a.log-damaged").exists());
        assert!(
            storage
                .restore_on_next_session(&bookmarks[0])
                .await
                .is_err()
        );
        let three = storage.current_bookmark().await.unwrap();
        count_to(&storage, 5).await;
        let _ = storage.restore_on_next_session(&three).await.unwrap();
        storage.close().await.unwrap();
        assert_eq!(count(&on_disk(folder.path(), "a").await), Some(3));
    });
}

#[test]
fn times_lead_to_bookmarks() {
    run(async || {
        let folder = tempfile::tempdir().unwrap();
        let storage = on_disk(folder.path(), "a").await;
        let now = || {
            let since = std::time::UNIX_EPOCH.elapsed().unwrap();
            i64::try_from(since.as_millis()).unwrap()
        };
        let before = now() - 1;
        let bookmarks = count_to(&storage, 3).await;
        let latest = storage.bookmark_for_time(now()).await.unwrap();
        assert_eq!(state_of(&latest), state_of(&bookmarks[2]));
        assert!(storage.bookmark_for_time(before).await.unwrap() < bookmarks[0]);
        assert!(storage.bookmark_for_time(0).await.is_err());
        let memory = memory().await;
        let first = memory.current_bookmark().await.unwrap();
        assert_eq!(
            first,
            "00000000-00000000-00000000-00000000000000000000000000000000"
        );
        assert!(memory.current_bookmark().await.unwrap() > first);
        assert_eq!(
            memory.bookmark_for_time(0).await.unwrap_err().message(),
            pitr::NOT_IMPLEMENTED
        );
    });
}

#[test]
fn objects_travel_in_archives() {
    run(async || {
        let disk = tempfile::tempdir().unwrap();
        let (here, there) = (disk.path().join("here/key"), disk.path().join("there/key"));
        std::fs::create_dir_all(&here).unwrap();
        let schedule = Schedule::open(&here, |_| true).unwrap();
        let ids = ["a1".repeat(32), "b2".repeat(32)];
        for (index, id) in ids.iter().enumerate() {
            let key = ObjectKey {
                id: id.as_str().into(),
                name: Some("n".into()),
            };
            let place = Place::File(here.join(format!("{id}.sqlite")));
            let alarms = Alarms::Scheduled(schedule.clone(), key);
            let storage = Storage::open(place, alarms, None).await.unwrap();
            storage.kv.put("n", &[index as u8], true).unwrap();
            storage.alarm.set(Some(77 + index as i64), true).unwrap();
            storage.commit().unwrap().ticket.wait().await.unwrap();
            if index == 0 {
                storage.close().await.unwrap();
            } else {
                // The other is exported while it is open.
                std::mem::forget(storage);
            }
        }
        let ours = |_: &str| true;
        let (listed, wrong) = inspect::survey(&here, &ours).unwrap();
        assert!(wrong.is_empty(), "{wrong:?}");
        let listed_ids: Vec<_> = listed.iter().map(|object| &object.id).collect();
        assert_eq!(listed_ids, [&ids[0], &ids[1]]);
        assert_eq!(
            (listed[1].next_alarm_ms, listed[1].name.as_deref()),
            (Some(78), Some("n"))
        );
        for (id, keys) in [(&ids[0], 1), (&ids[1], 1)] {
            let content = inspect::look_into(&here, id, Depth::Full).unwrap();
            assert_eq!((content.keys, content.rows), (keys, 0));
            assert_eq!(content.problems, []);
        }
        let left: Vec<_> = names_in(&here)
            .into_iter()
            .filter(|name| name.starts_with(&ids[0]))
            .collect();
        assert_eq!(
            left,
            [format!("{}.sqlite", ids[0])],
            "looking leaves nothing behind"
        );
        let foreign = inspect::survey(&here, &|id: &str| id == ids[0]).unwrap().1;
        assert!(
            foreign
                .iter()
                .any(|problem| problem.file.starts_with(&ids[1])),
            "{foreign:?}"
        );

        let export = |ids: &[String]| {
            let (mut archive, scratch) = (Vec::new(), tempfile::tempdir().unwrap());
            let done = portable::export(
                &here,
                "key",
                ids,
                &mut archive,
                scratch.path(),
                &mut |_, _| (),
            );
            (done.unwrap(), archive)
        };
        let import = |archive: &[u8], folder: &Path, overwrite| {
            let import = portable::Import {
                folder,
                unique_key: folder.file_name().unwrap().to_str().unwrap(),
                belongs: &ours,
                ids: &[],
                overwrite,
            };
            let done = import.run(&mut &archive[..], &mut |_, _| ());
            assert!(!folder.join(".import").exists());
            done.map_err(|error| error.message().to_owned())
        };
        let (exported, archive) = export(&ids);
        assert_eq!((exported.objects, exported.left_out), (2, Vec::new()));
        let error = import(&archive, &disk.path().join("there/other"), false).unwrap_err();
        assert!(error.contains("are not valid for other"), "{error}");
        assert_eq!(import(&archive, &there, false), Ok(2));
        let error = import(&archive, &there, false).unwrap_err();
        assert!(error.contains("exists: with --overwrite"), "{error}");
        let schedule = Schedule::open(&there, |_| true).unwrap();
        assert_eq!(schedule.next_ms(), Some(77));
        drop(schedule);
        let storage = on_disk(&there, &ids[1]).await;
        assert_eq!(count(&storage), Some(1));
        storage.kv.put("n", &[9], true).unwrap();
        storage.commit().unwrap().ticket.wait().await.unwrap();
        storage.close().await.unwrap();
        assert_eq!(import(&archive, &there, true), Ok(2));
        let storage = on_disk(&there, &ids[1]).await;
        assert_eq!(
            count(&storage),
            Some(1),
            "the archive's object is there again"
        );
        // It is open, though its lock is not held: another program may have no locks.
        let error = import(&archive, &there, true).unwrap_err();
        assert!(error.contains("in use by another program"), "{error}");
        storage.close().await.unwrap();

        // A folder where one is alive, an archive that ends too early or has a wrong byte, and an object that is damaged.
        let (_, one) = export(&ids[1..]);
        let third = disk.path().join("third/key");
        std::fs::create_dir_all(&third).unwrap();
        let locks = ObjectLocks::open(&third).unwrap();
        let lock = locks.try_lock(&[0xb2; 32]).unwrap();
        assert!(import(&one, &third, false).unwrap_err().contains("alive"));
        drop(lock);
        let server = FolderLock::acquire(&disk.path().join("third")).unwrap();
        assert!(
            import(&one, &third, false)
                .unwrap_err()
                .contains("another running server")
        );
        drop(server);
        assert!(import(&one[..one.len() / 2], &third, false).is_err());
        let mut wrong = one.clone();
        let last = wrong.len() - 5;
        wrong[last] ^= 1;
        assert!(
            import(&wrong, &third, false).is_err(),
            "the checksum is checked"
        );
        assert!(!third.join(format!("{}.sqlite", ids[1])).exists());
        std::fs::write(here.join(format!("{}.sqlite", ids[0])), vec![1; 5000]).unwrap();
        let damaged = inspect::look_into(&here, &ids[0], Depth::Quick).unwrap();
        assert!(
            damaged.problems[0].what.contains("file is not a database"),
            "{damaged:?}"
        );
        let (exported, archive) = export(&ids);
        assert_eq!((exported.objects, exported.left_out.len()), (1, 1));
        assert_eq!(import(&archive, &third, false), Ok(1));
    });
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The process that `what_is_confirmed_survives_a_kill` kills: it says each number that is confirmed.
#[test]
#[ignore = "runs in a process of its own"]
fn killed_writer() {
    let Some(folder) = std::env::var_os("STORAGE_FOLDER") else {
        return;
    };
    run(async || {
        let folder = Path::new(&folder);
        let schedule = Schedule::open(folder, |_| true).unwrap();
        let key = ObjectKey {
            id: "ab".repeat(32).into(),
            name: None,
        };
        let place = Place::File(folder.join("a.sqlite"));
        let history = Some(HistoryLimits {
            days: 30,
            max_bytes: 500_000,
        });
        let alarms = Alarms::Scheduled(schedule, key);
        let storage = Storage::open(place, alarms, history).await.unwrap();
        let first = get(&storage, "n").map_or(0, |text| text.parse::<u32>().unwrap());
        for number in first + 1.. {
            storage
                .kv
                .put("n", number.to_string().as_bytes(), true)
                .unwrap();
            storage
                .kv
                .put(
                    &format!("log{}", number % 3000),
                    &[number as u8; 2000],
                    true,
                )
                .unwrap();
            storage.alarm.set(Some(i64::from(number)), true).unwrap();
            let committed = storage.commit().unwrap();
            if number % 7 == 0 {
                committed.ticket.wait().await.unwrap();
                println!("confirmed {number}");
            }
            if number % 400 == 0 {
                println!(
                    "bookmark {number} {}",
                    storage.current_bookmark().await.unwrap()
                );
            }
        }
    });
}

#[test]
fn what_is_confirmed_survives_a_kill() {
    use std::io::{BufRead, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let mut bookmark = None;
    for round in 0..8_u64 {
        let mut writer = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "tests::killed_writer",
                "--ignored",
                "--nocapture",
            ])
            .env("STORAGE_FOLDER", folder.path())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(writer.stdout.take().unwrap())
            .lines()
            .map_while(std::result::Result::ok);
        let (mut confirmed, mut said) = (0, 0);
        let mut wait = 40 + round * 37 % 200;
        for line in lines {
            if let Some(number) = line.strip_prefix("confirmed ") {
                confirmed = number.parse().unwrap();
                said += 1;
            } else if let Some(text) = line.strip_prefix("bookmark ") {
                let (number, text) = text.split_once(' ').unwrap();
                bookmark = Some((number.to_owned(), text.to_owned()));
            }
            if said == wait {
                writer.kill().unwrap();
                wait = 0;
            }
        }
        writer.wait().unwrap();
        run(async || {
            let storage = on_disk(folder.path(), "a").await;
            let found: u32 = get(&storage, "n").unwrap().parse().unwrap();
            assert!(
                confirmed > 0 && found >= confirmed,
                "{confirmed} was confirmed and {found} is there"
            );
            assert_eq!(storage.alarm.get().unwrap(), Some(i64::from(found)));
            let schedule = Schedule::open(folder.path(), |_| true).unwrap();
            assert!(
                schedule.next_ms().unwrap() <= i64::from(found),
                "an alarm is lost"
            );
            assert_eq!(rows(&storage, "pragma quick_check").unwrap(), ["ok"]);
            storage.close().await.unwrap();
        });
    }
    run(async || {
        let (number, bookmark) = bookmark.unwrap();
        let storage = on_disk(folder.path(), "a").await;
        let _ = storage.restore_on_next_session(&bookmark).await.unwrap();
        storage.close().await.unwrap();
        let storage = on_disk(folder.path(), "a").await;
        assert_eq!(get(&storage, "n"), Some(number));
        assert_eq!(rows(&storage, "pragma quick_check").unwrap(), ["ok"]);
    });
}

/// One step of the transaction test.
#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8),
    Delete(u8),
    Begin,
    Commit,
    Rollback,
    EndTurn,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..8_u8, any::<u8>()).prop_map(|(key, value)| Step::Put(key, value)),
        2 => (0..8_u8).prop_map(Step::Delete),
        1 => Just(Step::Begin),
        1 => Just(Step::Commit),
        1 => Just(Step::Rollback),
        2 => Just(Step::EndTurn),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn listing_agrees_with_a_map(
        all in proptest::collection::btree_set("[ab\u{7f}é]{0,3}", 0..20),
        start in proptest::option::of("[ab]{0,2}"),
        after in proptest::option::of("[ab\u{7f}]{0,2}"),
        end in proptest::option::of("[abé]{0,2}"),
        prefix in proptest::option::of("[ab\u{7f}]{0,2}"),
        reverse: bool,
        limit in proptest::option::of(1..5_u32),
    ) {
        run(async || {
            let storage = memory().await;
            for key in &all {
                storage.kv.put(key, b"", true).unwrap();
            }
            let start = start.filter(|_| after.is_none());
            let mut expected: Vec<String> = all.iter().filter(|key| {
                start.as_ref().is_none_or(|start| *key >= start)
                    && after.as_ref().is_none_or(|after| *key > after)
                    && end.as_ref().is_none_or(|end| *key < end)
                    && prefix.as_ref().is_none_or(|prefix| key.starts_with(prefix.as_str()))
            }).cloned().collect();
            if reverse {
                expected.reverse();
            }
            expected.truncate(limit.map_or(usize::MAX, |limit| limit as usize));
            let options = ListOptions { start, start_after: after, end, prefix, reverse, limit };
            prop_assert_eq!(keys(&storage, &options), expected);
            Ok(())
        })?;
    }

    #[test]
    fn transactions_nest_like_copies_of_a_map(steps in proptest::collection::vec(step(), 0..60)) {
        run(async || {
            let storage = memory().await;
            let mut maps: Vec<BTreeMap<String, u8>> = vec![BTreeMap::new()];
            for step in steps {
                let depth = maps.len() - 1;
                let map = maps.last_mut().unwrap();
                match step {
                    Step::Put(key, value) => {
                        storage.kv.put(&key.to_string(), &[value], true).unwrap();
                        map.insert(key.to_string(), value);
                    }
                    Step::Delete(key) => {
                        let found = storage.kv.delete(&key.to_string(), true).unwrap();
                        prop_assert_eq!(found, map.remove(&key.to_string()).is_some());
                    }
                    Step::Begin => {
                        let _ = storage.commit().unwrap();
                        prop_assert_eq!(storage.begin().unwrap(), depth);
                        let copy = map.clone();
                        maps.push(copy);
                    }
                    Step::Commit if depth > 0 => {
                        let _ = storage.commit_transaction(depth - 1).unwrap();
                        let inner = maps.pop().unwrap();
                        *maps.last_mut().unwrap() = inner;
                    }
                    Step::Rollback if depth > 0 => {
                        storage.rollback_transaction(depth - 1).unwrap();
                        maps.pop();
                    }
                    _ => {
                        let _ = storage.commit().unwrap();
                    }
                }
                let found = pairs(&storage, &ListOptions::default());
                let found: BTreeMap<_, _> = found.into_iter().map(|(key, value)| (key, value[0])).collect();
                prop_assert_eq!(&found, maps.last().unwrap());
            }
            Ok(())
        })?;
    }
}
