//! Certificates replaced while handshakes go on, in the three ways operators replace them: renamed
//! over, behind a symbolic link, and written in place with pauses. Row 2.5 at full length and in a
//! short form: see `main.rs`.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use edgekit_core::Clock;
use edgekit_tls::{
    Client, ClientOptions, Identity, Material, PairSource, Roots, Server, ServerOptions, Trust, keep,
    server_name,
};
use rustls::client::Resumption;

use crate::world::{Authority, Folder, Issued, handshake};

const NAME: &str = "swapped.example";
const WORKERS: usize = 2;
/// Beyond this a swap counts as missed.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Rename,
    Symlink,
    InPlace,
}

/// What was counted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Full handshakes that succeeded.
    pub(crate) handshakes: u64,
    /// Those that did not; a mismatched pair served would be one, as its signature is wrong.
    pub(crate) failed: u64,
    /// Those that showed a certificate nobody published.
    pub(crate) foreign: u64,
    /// Replacements that were served in the end.
    pub(crate) swaps: u64,
    /// Replacements that were not.
    pub(crate) missed: u64,
    /// Different certificates seen by clients.
    pub(crate) seen: u64,
}

struct Target {
    way: Way,
    folder: Folder,
    server: Arc<Server>,
}

impl Target {
    fn new(way: Way, folder: Folder, first: &Bundle) -> Target {
        let source = match way {
            Way::Symlink => {
                generation(&folder, 0, first);
                PairSource::folder(folder.path("current"), "chain.pem", "key.pem")
            }
            Way::Rename | Way::InPlace => PairSource::files(
                folder.write("chain.pem", &first.chain),
                folder.write("key.pem", &first.issued.key),
            ),
        };
        let options = ServerOptions::new(vec![Identity { source, names: Vec::new() }]);
        let (server, _) = Server::load(options, Clock::system()).unwrap();
        Target { way, folder, server: Arc::new(server) }
    }

    fn replace(&self, number: u64, bundle: &Bundle) {
        // Now and then a writer pauses for longer than a watch would wait: half a pair, or half a file,
        // is what there is to read then.
        let pause = Duration::from_millis(if number.is_multiple_of(4) { 80 } else { 3 });
        let mut files = [("key.pem", bundle.issued.key.as_bytes()), ("chain.pem", bundle.chain.as_bytes())];
        if number.is_multiple_of(8) {
            files.reverse();
        }
        match self.way {
            Way::Rename => {
                for (name, content) in files {
                    let new = self.folder.write("new", content);
                    fs::rename(new, self.folder.path(name)).unwrap();
                    thread::sleep(pause);
                }
            }
            Way::Symlink => generation(&self.folder, number, bundle),
            Way::InPlace => {
                for (name, content) in files {
                    let mut file = fs::File::create(self.folder.path(name)).unwrap();
                    // Between two certificates, too, where what is there so far looks whole.
                    let between = number % 8 == 4 && name == "chain.pem";
                    let half = if between { bundle.issued.certificate.len() } else { content.len() / 2 };
                    let (first, rest) = content.split_at(half);
                    file.write_all(first).unwrap();
                    thread::sleep(pause);
                    file.write_all(rest).unwrap();
                    drop(file);
                    thread::sleep(pause);
                }
            }
        }
    }
}

/// A new folder, and the link moved to it.
fn generation(folder: &Folder, number: u64, bundle: &Bundle) {
    let name = format!("generation-{number}");
    fs::create_dir_all(folder.path(&name)).unwrap();
    folder.write(&format!("{name}/chain.pem"), &bundle.chain);
    folder.write(&format!("{name}/key.pem"), &bundle.issued.key);
    let link: PathBuf = folder.path("next");
    std::os::unix::fs::symlink(&name, &link).unwrap();
    fs::rename(link, folder.path("current")).unwrap();
    if let Some(old) = number.checked_sub(3) {
        let _ = fs::remove_dir_all(folder.path(&format!("generation-{old}")));
    }
}

struct Bundle {
    issued: Issued,
    chain: String,
}

/// At least `handshakes` handshakes while `swaps` pairs are replaced, a third in each way.
pub(crate) fn run(handshakes: u64, swaps: u64) -> Tally {
    let root = Authority::root("root");
    let middle = root.below("middle");
    let published = Mutex::new(HashSet::new());
    let bundle = |subject: String| {
        let issued = middle.issue(&[subject.as_str(), NAME], |_| {});
        published.lock().unwrap().insert(issued.der.clone());
        Bundle { chain: issued.certificate.clone() + &middle.pem(), issued }
    };
    let trusted = Folder::new();
    let roots = Roots::File(trusted.write("roots.pem", root.pem()));
    let options = ClientOptions { trust: Trust { roots, ..Trust::default() }, ..ClientOptions::default() };
    let (client, _) = Client::load(options, Clock::system()).unwrap();
    let mut client = rustls::ClientConfig::clone(&client.config());
    client.resumption = Resumption::disabled();
    let client = Arc::new(client);
    let targets: Vec<Target> = [Way::Rename, Way::Symlink, Way::InPlace]
        .into_iter()
        .map(|way| Target::new(way, Folder::new(), &bundle("first".to_owned())))
        .collect();
    let (done, failed, foreign) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let (swapped, missed, stop) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let seen = Mutex::new(HashSet::new());
    thread::scope(|scope| {
        // What keeps each server's pair, as a daemon would on its control runtime.
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let keepers: Vec<Arc<Server>> = targets.iter().map(|target| target.server.clone()).collect();
        scope.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                for server in keepers {
                    tokio::spawn(async move { keep(server as Arc<dyn Material>).await.unwrap() });
                }
                let _ = ended.await;
            });
        });
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let (targets, client, published) = (&targets, &client, &published);
                let (done, failed, foreign, stop, seen) = (&done, &failed, &foreign, &stop, &seen);
                scope.spawn(move || {
                    let mut turn = worker;
                    while !stop.load(Ordering::Relaxed) || done.load(Ordering::Relaxed) < handshakes {
                        turn += 1;
                        let server = targets[turn % targets.len()].server.config();
                        match handshake(server, client.clone(), server_name(NAME).unwrap()) {
                            Ok(ends) => {
                                let leaf = ends.client.peer_certificates().unwrap()[0].clone();
                                if !published.lock().unwrap().contains(&leaf) {
                                    foreign.fetch_add(1, Ordering::Relaxed);
                                }
                                seen.lock().unwrap().insert(leaf.into_owned());
                            }
                            Err(error) => {
                                eprintln!("handshake failed: {error}");
                                failed.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let writers: Vec<_> = targets
            .iter()
            .enumerate()
            .map(|(at, target)| {
                let (bundle, swapped, missed) = (&bundle, &swapped, &missed);
                let share = swaps / 3 + u64::from((at as u64) < swaps % 3);
                scope.spawn(move || {
                    for number in 1..=share {
                        let subject = format!("pair-{number}");
                        target.replace(number, &bundle(subject.clone()));
                        let quoted = format!("'{subject}'");
                        let served = (0..PATIENCE.as_millis() / 2).any(|_| {
                            thread::sleep(Duration::from_millis(2));
                            target.server.status()[0].subject == quoted
                        });
                        if served { swapped } else { missed }.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        for worker in workers {
            worker.join().unwrap();
        }
        let _ = end.send(());
    });
    let seen = seen.lock().unwrap().len() as u64;
    let failed = failed.into_inner();
    Tally {
        handshakes: done.into_inner() - failed,
        failed,
        foreign: foreign.into_inner(),
        swaps: swapped.into_inner(),
        missed: missed.into_inner(),
        seen,
    }
}
