//! Durable appends of 1 kB, one process a measurement:
//! `bench-store WHO WRITERS RECORDS FOLDER CAP`, the cap of our store in MiB.
//!
//! Prints `records/s`, `p99 in ms`, `bytes written per byte accepted` (the process's `write_bytes`, which counts
//! what goes to the storage layer) and, for `store`, the bytes written while idle. Who: `store`, `sqlite` (WAL,
//! synchronous=FULL), `redb` (immediate durability, two-phase commit), `bare` (write and fdatasync at the end of a
//! file), `overwrite` (the same into blocks that are there already, the least a disk can do).

use std::{
    error::Error,
    fs::{File, OpenOptions},
    io::Write,
    os::unix::fs::FileExt,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use edgekit_store::{Disk, Options, Table};
use redb::{Database, TableDefinition};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const RECORD: usize = 1000;
/// Keys that are written over and over: what is kept stays the same.
const KEYS: u64 = 1000;
const REDB: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("t");

/// Somebody who can make a record durable.
trait Peer: Sync {
    fn put(&self, key: u64, value: &[u8]) -> Result<()>;
}

struct Store(Table);

impl Peer for Store {
    fn put(&self, key: u64, value: &[u8]) -> Result<()> {
        Ok(self.0.put(&key.to_be_bytes(), value)?)
    }
}

struct Sqlite(Mutex<rusqlite::Connection>);

impl Peer for Sqlite {
    fn put(&self, key: u64, value: &[u8]) -> Result<()> {
        let db = self.0.lock().map_err(|_| "a writer panicked")?;
        let key = i64::try_from(key)?;
        db.prepare_cached("INSERT OR REPLACE INTO t VALUES (?1, ?2)")?.execute((key, value))?;
        Ok(())
    }
}

struct Redb(Database);

impl Peer for Redb {
    fn put(&self, key: u64, value: &[u8]) -> Result<()> {
        let mut write = self.0.begin_write()?;
        write.set_two_phase_commit(true);
        write.open_table(REDB)?.insert(key, value)?;
        Ok(write.commit()?)
    }
}

struct Bare(Mutex<File>);

impl Peer for Bare {
    fn put(&self, _: u64, value: &[u8]) -> Result<()> {
        let mut file = self.0.lock().map_err(|_| "a writer panicked")?;
        file.write_all(value)?;
        Ok(file.sync_data()?)
    }
}

struct Overwrite(Mutex<(File, u64)>);

impl Peer for Overwrite {
    fn put(&self, _: u64, value: &[u8]) -> Result<()> {
        let mut at = self.0.lock().map_err(|_| "a writer panicked")?;
        at.0.write_all_at(value, at.1)?;
        at.1 = (at.1 + RECORD as u64) % (8 << 20);
        Ok(at.0.sync_data()?)
    }
}

fn peer(who: &str, folder: &Path, cap: u64) -> Result<Box<dyn Peer>> {
    Ok(match who {
        "store" => {
            let options = Options { cap: cap << 20, ..Options::default() };
            Box::new(Store(Table::open(Arc::new(Disk), &folder.join("store"), options)?))
        }
        "sqlite" => {
            let db = rusqlite::Connection::open(folder.join("sqlite"))?;
            db.execute_batch(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (k INTEGER PRIMARY KEY, v BLOB);",
            )?;
            Box::new(Sqlite(Mutex::new(db)))
        }
        "redb" => Box::new(Redb(Database::create(folder.join("redb"))?)),
        "bare" => Box::new(Bare(Mutex::new(File::create(folder.join("bare"))?))),
        "overwrite" => {
            let file = OpenOptions::new().write(true).create_new(true).open(folder.join("overwrite"))?;
            file.write_all_at(&vec![0; (8 << 20) + RECORD], 0)?;
            file.sync_all()?;
            Box::new(Overwrite(Mutex::new((file, 0))))
        }
        other => return Err(format!("'{other}' is none of store, sqlite, redb, bare, overwrite").into()),
    })
}

/// Bytes this process sent to storage.
fn written() -> Result<u64> {
    let io = std::fs::read_to_string("/proc/self/io")?;
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).ok_or("no write_bytes")?;
    Ok(line.parse()?)
}

/// Every writer's share of the records; gives how long each put took.
fn write(peer: &dyn Peer, writers: u64, records: u64) -> Result<Vec<Duration>> {
    let share = |writer: u64| -> Result<Vec<Duration>> {
        let mut times = Vec::new();
        for n in (writer..records).step_by(writers as usize) {
            let began = Instant::now();
            peer.put(n % KEYS, &[n as u8; RECORD])?;
            times.push(began.elapsed());
        }
        Ok(times)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..writers).map(|writer| scope.spawn(move || share(writer))).collect();
        let mut times = Vec::new();
        for thread in threads {
            times.extend(thread.join().map_err(|_| "a writer panicked")??);
        }
        Ok(times)
    })
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let [_, who, writers, records, folder, cap] = args.as_slice() else {
        return Err("usage: bench-store WHO WRITERS RECORDS FOLDER CAP".into());
    };
    let (writers, records) = (writers.parse::<u64>()?.max(1), records.parse::<u64>()?.max(1));
    let peer = peer(who, Path::new(folder), cap.parse()?)?;
    let before = written()?;
    let began = Instant::now();
    let mut times = write(&*peer, writers, records)?;
    let took = began.elapsed().as_secs_f64();
    times.sort();
    let p99 = times[(times.len() - 1) * 99 / 100].as_secs_f64() * 1e3;
    let after = written()?;
    let amplification = (after - before) as f64 / (records * RECORD as u64) as f64;
    std::thread::sleep(Duration::from_secs(1));
    println!("{:.1} {p99:.3} {amplification:.3} {}", records as f64 / took, written()? - after);
    Ok(())
}
