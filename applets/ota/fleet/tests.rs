//! The loop, played: a device and origins of our own, with a clock that passes as fast as it is asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use edgekit_core::{Clock, Hands};
use edgekit_rt::BoxFuture;
use edgekit_rt::metrics::Metrics;
use serde_json::Value;
use tokio::sync::watch;

use super::config::Window;
use super::event::Events;
use super::follow::{Asked, Follower, Ground, Settings};
use super::job::tests::{id, version};
use super::line::Line;
use super::machine::{From, Glance, Machine, Runs, Stage, Standing, Underway, Unfit};
use super::offer;
use super::origin::{About, Heard, Kind, News, Offer, Origin, Trouble};
use crate::apply::{Installed, Moved, Outcome, Phase, Plan, Terms, Watcher};
use crate::boot::Name;
use crate::fault::Fault;
use crate::halt::Halt;

/// Monday, 2026-11-23, noon.
const NOON: u64 = 1_795_435_200;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A device that boots when it is told to.
struct Box_ {
    standing: Standing,
    notes: BTreeMap<String, Vec<u8>>,
    /// Faults of installations to come, the next one last.
    faults: Vec<Fault>,
    /// Pages of an image, and those written.
    pages: u64,
    written: u64,
    /// How long a page takes, in real time.
    page: Duration,
    is_good: bool,
    installs: u32,
    most: Option<u64>,
    unfit: Option<Unfit>,
}

#[derive(Clone)]
struct Device(Arc<Mutex<Box_>>);

impl Device {
    fn new() -> Device {
        let runs = Runs { id: id(1), name: "gw".to_owned(), version: version("1.4"), digests: Vec::new() };
        let standing = Standing {
            slot: Name::A,
            runs: Some(runs),
            deployment: None,
            hardware: Some("gw-2b".to_owned()),
        };
        Device(Arc::new(Mutex::new(Box_ {
            standing,
            notes: BTreeMap::new(),
            faults: Vec::new(),
            pages: 8,
            written: 0,
            page: Duration::ZERO,
            is_good: true,
            installs: 0,
            most: None,
            unfit: None,
        })))
    }

    fn get(&self) -> MutexGuard<'_, Box_> {
        lock(&self.0)
    }

    fn stage(&self) -> Option<Stage> {
        self.get().standing.deployment.as_ref().map(|deployment| deployment.stage)
    }

    fn set(&self, stage: Stage) {
        if let Some(deployment) = &mut self.get().standing.deployment {
            deployment.stage = stage;
        }
    }

    /// The machine starts again, in the slot that is next.
    fn boot(&self) {
        match self.stage() {
            Some(Stage::Switched) => {
                self.get().standing.slot = Name::B;
                // Nothing that was committed is in that slot.
                self.get().standing.runs = None;
                self.set(Stage::Trying);
            }
            Some(Stage::Leaving) => self.go_back("it was not good"),
            _ => {}
        }
    }

    /// The boot loader, or we, start the old one again.
    fn go_back(&self, why: &str) {
        let mut device = self.get();
        let device = &mut *device;
        device.standing.slot = Name::A;
        device.standing.runs =
            Some(Runs { id: id(1), name: "gw".to_owned(), version: version("1.4"), digests: Vec::new() });
        if let Some(deployment) = &mut device.standing.deployment {
            (deployment.stage, deployment.why) = (Stage::Returned, why.to_owned());
        }
    }
}

impl Machine for Device {
    fn settle(&self) -> Result<Standing, Fault> {
        Ok(self.get().standing.clone())
    }

    fn glance(&self, from: &From, _halt: &Halt) -> Result<Glance, Fault> {
        let number = from.place.bytes().last().map_or(0, |digit| digit - b'0');
        let version = version(&format!("1.{number}"));
        Ok(Glance { id: id(number), name: "gw".to_owned(), version, unfit: self.get().unfit.clone() })
    }

    fn install(
        &self,
        from: &From,
        terms: &Terms,
        halt: &Halt,
        watcher: &mut dyn Watcher,
    ) -> Result<Installed, Fault> {
        let glance = self.glance(from, halt)?;
        let plan = Plan {
            id: glance.id,
            name: glance.name.clone(),
            version: glance.version.clone(),
            slot: Name::B,
            items: Vec::new(),
        };
        let (pages, page) = {
            let mut device = self.get();
            device.installs += 1;
            device.most = terms.max_bytes;
            if let Some(fault) = device.faults.pop() {
                return Err(fault);
            }
            let is_same = device.standing.deployment.as_ref().is_some_and(|before| before.id == glance.id);
            if !is_same {
                device.written = 0;
            }
            device.standing.deployment = Some(Underway {
                id: glance.id,
                name: glance.name,
                version: glance.version,
                stage: Stage::Writing,
                why: String::new(),
            });
            (device.pages, device.page)
        };
        watcher.phase(Phase::Planned(&plan));
        while self.get().written < pages {
            if let Some(why) = watcher.stop() {
                return Err(Fault::Stopped(why));
            }
            std::thread::sleep(page);
            self.get().written += 1;
            watcher.moved(Moved { fetched: 1, done: 1, saved: 0 });
        }
        self.set(Stage::Written);
        watcher.phase(Phase::Written);
        if let Some(why) = watcher.stop() {
            return Err(Fault::Stopped(why));
        }
        self.set(Stage::Switched);
        watcher.phase(Phase::Switched);
        Ok(Installed { outcome: Outcome::Reboot, plan })
    }

    fn switch(&self) -> Result<Outcome, Fault> {
        self.set(Stage::Switched);
        Ok(Outcome::Reboot)
    }

    fn judge(&self, _halt: &Halt) -> Result<Option<String>, Fault> {
        if !self.get().is_good {
            self.set(Stage::Leaving);
            return Ok(Some("it did not answer".to_owned()));
        }
        self.set(Stage::Committed);
        let mut device = self.get();
        let device = &mut *device;
        device.standing.runs = device.standing.deployment.as_ref().map(|deployment| Runs {
            id: deployment.id,
            name: deployment.name.clone(),
            version: deployment.version.clone(),
            digests: vec![("rootfs".to_owned(), id(9))],
        });
        Ok(None)
    }

    fn recall(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.get().notes.get(key).cloned())
    }

    fn keep(&self, key: &str, value: Option<&[u8]>) -> Result<(), Fault> {
        match value {
            Some(value) => self.get().notes.insert(key.to_owned(), value.to_vec()),
            None => self.get().notes.remove(key),
        };
        Ok(())
    }
}

/// What a server has and was told.
#[derive(Default)]
struct Desk {
    offers: Vec<Offer>,
    cancel: Option<String>,
    trouble: Option<Kind>,
    /// Questions and news.
    asked: u32,
    told: Vec<(String, News)>,
    abouts: Vec<About>,
}

#[derive(Clone)]
struct Server {
    desk: Arc<Mutex<Desk>>,
    keeps_account: bool,
}

impl Server {
    fn new(keeps_account: bool) -> Server {
        Server { desk: Arc::default(), keeps_account }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        lock(&self.desk)
    }

    /// Offers version 1.NUMBER.
    fn offers(&self, number: u8) {
        let action = if self.keeps_account { format!("a{number}") } else { String::new() };
        let offer = Offer { action, ..offer::plain(format!("/bundle-{number}")) };
        self.desk().offers = vec![offer];
    }

    fn words(&self) -> Vec<String> {
        let word = |(action, news): &(String, News)| match news {
            News::Closed { is_good, code, .. } => format!("{action} closed {is_good} {code}"),
            News::Download(percent) => format!("{action} download {percent}"),
            News::Scheduled(why) => format!("{action} scheduled: {why}"),
            news => format!("{action} {news:?}").split('(').next().unwrap_or_default().to_owned(),
        };
        self.desk().told.iter().map(word).collect()
    }

    fn has(&self, wanted: &str) -> bool {
        self.words().iter().any(|word| word.starts_with(wanted))
    }
}

impl Origin for Server {
    fn name(&self) -> &'static str {
        if self.keeps_account { "server" } else { "open" }
    }

    fn ask<'a>(&'a mut self, about: &'a About) -> BoxFuture<'a, Result<Heard, Trouble>> {
        let mut desk = self.desk();
        desk.asked += 1;
        desk.abouts.push(about.clone());
        let heard = match desk.trouble {
            Some(kind) => Err(Trouble::new(kind, "it is as it is")),
            None => Ok(Heard {
                again: Some(Duration::from_secs(60)),
                watch: Some(Duration::from_secs(4)),
                offers: desk.offers.clone(),
                cancel: desk.cancel.clone(),
                knows_what_runs: about.is_news && desk.offers.is_empty(),
                ..Heard::default()
            }),
        };
        Box::pin(std::future::ready(heard))
    }

    fn tell<'a>(&'a mut self, action: &'a str, news: &'a News) -> BoxFuture<'a, Result<(), Trouble>> {
        let mut desk = self.desk();
        desk.asked += 1;
        let told = match desk.trouble {
            Some(kind) => Err(Trouble::new(kind, "it is as it is")),
            None => {
                desk.told.push((action.to_owned(), news.clone()));
                if matches!(news, News::Closed { .. } | News::Cancelled) {
                    (desk.offers, desk.cancel) = (Vec::new(), None);
                }
                Ok(())
            }
        };
        Box::pin(std::future::ready(told))
    }

    fn keeps_account(&self) -> bool {
        self.keeps_account
    }
}

/// A run of the program.
struct Run {
    hands: Hands,
    stop: watch::Sender<bool>,
    _settings: watch::Sender<(Settings, Asked)>,
    shown: Arc<Mutex<Value>>,
    ended: tokio::task::JoinHandle<Result<(), edgekit_core::Error>>,
}

struct World {
    device: Device,
    server: Server,
    clock: Clock,
    hands: Hands,
    folder: std::path::PathBuf,
}

impl World {
    fn new(keeps_account: bool) -> World {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("edgekit-fleet-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let (clock, hands) = Clock::fake(Duration::from_secs(NOON));
        World { device: Device::new(), server: Server::new(keeps_account), clock, hands, folder }
    }

    /// Starts the program; a restart counts a line of a file.
    fn start(&self, window: &str) -> Run {
        let reboots = self.folder.join("reboots").display().to_string();
        let reboot = format!("\nreboot_command = ['sh', '-c', 'echo >> {reboots}']\n");
        let settings = Settings {
            window: Window::read(&format!("{window}{reboot}")),
            attempts: 3,
            terms: Terms::default(),
            attributes: Vec::new(),
        };
        let (stop, stopped) = watch::channel(false);
        let (changes, changed) = watch::channel((settings.clone(), Asked::default()));
        let shown = Arc::new(Mutex::new(Value::Null));
        let (events, publishing) = Events::new(
            "box-1".to_owned(),
            self.clock.clone(),
            Metrics::default(),
            self.folder.join("none.bus"),
        );
        tokio::spawn(publishing);
        let line = Line::new(Box::new(self.server.clone()), Some(Duration::from_secs(60)), self.clock.boot());
        let ground = Ground {
            machine: Arc::new(self.device.clone()),
            clock: self.clock.clone(),
            device: "box-1".to_owned(),
            consent: self.folder.join("consent"),
            settings,
        };
        let follower = Follower::new(ground, vec![line], events, stopped, shown.clone());
        let ended = tokio::spawn(follower.run(changed));
        Run { hands: self.hands.clone(), stop, _settings: changes, shown, ended }
    }

    fn reboots(&self) -> usize {
        std::fs::read_to_string(self.folder.join("reboots")).map_or(0, |text| text.lines().count())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

impl Run {
    /// Lets time pass until it is so, and so much of it at most.
    async fn until(&self, within: Duration, mut so: impl FnMut() -> bool) -> bool {
        let mut passed = Duration::ZERO;
        while !so() {
            // Finely at first, for what is to come at once.
            let step = Duration::from_millis(if passed < Duration::from_secs(30) { 500 } else { 10_000 });
            if passed >= within {
                return within < HOUR && self.moment(so).await;
            }
            self.hands.advance(step);
            tokio::time::advance(step).await;
            passed += step;
            // Threads of installations are real, and get a moment of real time.
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            std::thread::sleep(Duration::from_micros(300));
            tokio::task::yield_now().await;
        }
        true
    }

    /// Real time alone, up to a second: what was decided by now is for a thread to do, on a machine that has other work.
    async fn moment(&self, mut so: impl FnMut() -> bool) -> bool {
        for _ in 0..200 {
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
            if so() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    async fn end(self) {
        self.stop.send_replace(true);
        tokio::time::resume();
        self.ended.await.expect("it ends").expect("without a fault");
        tokio::time::pause();
    }
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn an_action_is_done_and_its_end_is_told_with_what_runs() {
    let world = World::new(true);
    world.server.offers(5);
    let run = world.start("");
    assert!(
        run.until(HOUR, || world.reboots() == 1).await,
        "{:?} {:?}",
        world.server.words(),
        lock(&run.shown)
    );
    assert!(!world.server.has("a5 closed"), "nothing is good before it has booted");
    run.end().await;
    world.device.boot();
    let run = world.start("");
    assert!(run.until(HOUR, || world.server.has("a5 closed true 0")).await, "{:?}", world.server.words());
    let words = world.server.words();
    assert_eq!(words.iter().filter(|word| word.contains("closed")).count(), 1);
    assert!(words[0] == "a5 Proceeding" && words.contains(&"a5 Downloaded".to_owned()), "{words:?}");
    let News::Closed { details, .. } = world.server.desk().told.last().expect("news").1.clone() else {
        panic!()
    };
    assert_eq!(details, ["gw 1.5 runs in slot b".to_owned(), format!("rootfs blake3:{}", id(9))]);
    assert!(run.until(HOUR, || !world.device.get().notes.contains_key("report/server")).await);
    assert!(!world.device.get().notes.contains_key("job"));
    assert!(
        world
            .server
            .desk()
            .abouts
            .iter()
            .all(|about| !about.is_news || about.runs.as_ref().is_some_and(|runs| runs.1 == "1.4"))
    );
    run.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_sent_back_is_a_failure_and_is_not_begun_again() {
    let world = World::new(true);
    world.server.offers(5);
    world.device.get().is_good = false;
    let run = world.start("when = ['02:00-04:00']\nreboot = 'now'");
    assert!(run.until(HOUR, || world.reboots() == 1).await);
    run.end().await;
    world.device.boot();
    let run = world.start("when = ['02:00-04:00']\nreboot = 'now'");
    // What is bad is left at once, window or not.
    assert!(run.until(HOUR, || world.reboots() == 2).await, "{:?}", world.server.words());
    assert!(!world.server.has("a5 closed"));
    run.end().await;
    world.device.boot();
    let run = world.start("");
    assert!(run.until(HOUR, || world.server.has("a5 closed false 1")).await, "{:?}", world.server.words());
    assert_eq!(world.device.get().installs, 1);
    run.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_boot_loader_went_back_by_itself_and_that_is_told() {
    let world = World::new(true);
    world.server.offers(5);
    let run = world.start("");
    assert!(run.until(HOUR, || world.reboots() == 1).await);
    run.end().await;
    world.device.go_back("it was started as often as it may be");
    let run = world.start("");
    assert!(run.until(HOUR, || world.server.has("a5 closed false 1")).await, "{:?}", world.server.words());
    run.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_away_delays_reports_and_nothing_else() {
    let world = World::new(true);
    world.server.offers(5);
    let run = world.start("");
    assert!(run.until(HOUR, || world.reboots() == 1).await);
    run.end().await;
    world.device.boot();
    world.server.desk().trouble = Some(Kind::Away);
    let run = world.start("");
    assert!(
        run.until(HOUR, || world.device.stage() == Some(Stage::Committed)).await,
        "it is good without the server"
    );
    // Hours without it, and restarts of the program: what is to be told is not lost.
    assert!(!run.until(5 * HOUR, || false).await);
    run.end().await;
    let run = world.start("");
    assert!(!run.until(HOUR, || false).await);
    assert_eq!(world.device.stage(), Some(Stage::Committed), "nothing is rolled back");
    let asked = world.server.desk().asked;
    assert!((50..1_000).contains(&asked), "it is asked with back-off: {asked}");
    world.server.desk().trouble = None;
    assert!(run.until(HOUR, || world.server.has("a5 closed true 0")).await, "{:?}", world.server.words());
    run.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_is_obeyed_while_it_is_written() {
    let world = World::new(true);
    world.server.offers(5);
    {
        let mut device = world.device.get();
        (device.pages, device.page) = (1_000_000, Duration::from_millis(1));
    }
    let run = world.start("");
    assert!(run.until(HOUR, || world.device.get().written > 3).await);
    {
        let mut desk = world.server.desk();
        desk.cancel = Some("a5".to_owned());
        desk.offers.clear();
    }
    assert!(
        run.until(Duration::from_secs(6), || world.server.has("a5 Cancelled")).await,
        "{:?}",
        world.server.words()
    );
    assert!(run.until(Duration::from_secs(5), || !world.device.get().notes.contains_key("job")).await);
    assert_eq!(world.device.get().installs, 1);
    assert!(!run.until(HOUR, || world.reboots() > 0).await);
    run.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_comes_too_late_once_it_is_switched_to() {
    let world = World::new(true);
    world.server.offers(5);
    let run = world.start("");
    assert!(run.until(HOUR, || world.reboots() == 1).await);
    {
        let mut desk = world.server.desk();
        desk.cancel = Some("a5".to_owned());
        desk.offers.clear();
    }
    assert!(run.until(HOUR, || world.server.has("a5 TooLate")).await, "{:?}", world.server.words());
    run.end().await;
    world.device.boot();
    let run = world.start("");
    assert!(run.until(HOUR, || world.server.has("a5 closed true 0")).await, "{:?}", world.server.words());
    run.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_action_that_is_gone_is_stopped_without_a_word() {
    let world = World::new(true);
    world.server.offers(5);
    world.device.get().pages = 1_000_000;
    world.device.get().page = Duration::from_millis(1);
    let run = world.start("");
    assert!(run.until(HOUR, || world.device.get().written > 3).await);
    world.server.desk().offers.clear();
    assert!(run.until(HOUR, || !world.device.get().notes.contains_key("job")).await);
    assert!(
        !world.server.has("a5 Cancelled") && !world.server.has("a5 closed"),
        "{:?}",
        world.server.words()
    );
    run.end().await;
}

#[tokio::test(start_paused = true)]
async fn in_a_window_only_and_on_with_it_in_the_next() {
    let world = World::new(true);
    world.server.offers(5);
    {
        let mut device = world.device.get();
        (device.pages, device.page) = (4_000, Duration::from_millis(1));
    }
    let window = "when = ['12:30-12:31']\ndownload = 'window'";
    let run = world.start(window);
    assert!(
        run.until(HOUR, || world.server.has("a5 scheduled: no window")).await,
        "{:?}",
        world.server.words()
    );
    assert_eq!(world.device.get().installs, 0);
    assert!(run.until(HOUR, || world.device.get().written > 0).await);
    assert!(
        run.until(HOUR, || world
            .server
            .words()
            .iter()
            .filter(|word| word.contains("scheduled: no window"))
            .count()
            == 2)
            .await
    );
    let written = world.device.get().written;
    assert!(written < 4_000);
    // The program is started anew in between, and the day after it goes on where it was.
    run.end().await;
    world.device.get().page = Duration::ZERO;
    let run = world.start(window);
    assert!(run.until(48 * HOUR, || world.reboots() == 1).await, "{:?}", world.server.words());
    assert_eq!(world.device.get().installs, 2);
    run.end().await;
}

#[tokio::test(start_paused = true)]
async fn written_early_and_switched_to_in_the_window() {
    let world = World::new(true);
    world.server.offers(5);
    let run = world.start("when = ['14:00-15:00']");
    assert!(run.until(HOUR, || world.server.has("a5 Downloaded")).await, "{:?}", world.server.words());
    assert_eq!(world.device.stage(), Some(Stage::Written));
    assert!(!run.until(HOUR, || world.reboots() > 0).await);
    assert!(run.until(2 * HOUR, || world.reboots() == 1).await);
    assert_eq!(world.device.get().installs, 1, "it is not fetched again for that");
    run.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_server_wants_later_is_written_now_and_switched_to_then() {
    let world = World::new(true);
    world.server.offers(5);
    world.server.desk().offers[0].may_switch = false;
    let run = world.start("");
    assert!(run.until(HOUR, || world.server.has("a5 Downloaded")).await, "{:?}", world.server.words());
    assert!(!run.until(2 * HOUR, || world.reboots() > 0).await);
    world.server.desk().offers[0].may_switch = true;
    assert!(run.until(HOUR, || world.reboots() == 1).await);
    run.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_does_not_come_through_is_tried_again_a_few_times() {
    let away = || Fault::Stopped("the link is down".to_owned());
    for (faults, end, installs) in [
        (vec![lost(), lost()], None, 3),
        (vec![lost(), lost(), lost()], Some("a5 closed false"), 3),
        (vec![Fault::Text("it is damaged".to_owned())], Some("a5 closed false 65"), 1),
        (vec![away()], None, 2),
    ] {
        let world = World::new(true);
        world.server.offers(5);
        world.device.get().faults = faults;
        let run = world.start("");
        let done = || match end {
            Some(end) => world.server.has(end),
            None => world.reboots() == 1,
        };
        assert!(run.until(5 * HOUR, done).await, "{:?}", world.server.words());
        assert_eq!(world.device.get().installs, installs);
        run.end().await;
    }
}

fn lost() -> Fault {
    let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    Fault::io("fetch", "http://h/x.ekb")(reset)
}

#[tokio::test(start_paused = true)]
async fn what_inhibits_stops_it_and_lets_it_go_on() {
    let world = World::new(true);
    world.server.offers(5);
    {
        let mut device = world.device.get();
        (device.pages, device.page) = (1_000_000, Duration::from_millis(1));
    }
    let busy = world.folder.join("busy");
    let run = world.start(&format!("inhibit = ['{}']", busy.display()));
    assert!(run.until(HOUR, || world.device.get().written > 3).await);
    std::fs::create_dir(&busy).expect("a folder");
    assert!(
        !run.until(Duration::from_secs(20), || world.server.has("a5 scheduled")).await,
        "an empty folder inhibits nothing"
    );
    std::fs::write(busy.join("oven"), "").expect("a file");
    assert!(run.until(HOUR, || world.server.has("a5 scheduled: ")).await, "{:?}", world.server.words());
    world.device.get().pages = 8;
    assert!(!run.until(HOUR, || world.reboots() > 0).await);
    std::fs::remove_file(busy.join("oven")).expect("removed");
    assert!(run.until(HOUR, || world.reboots() == 1).await);
    run.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_metered_link_is_spared() {
    let world = World::new(true);
    world.server.offers(5);
    let metered = world.folder.join("metered");
    std::fs::write(&metered, "").expect("a file");
    let refuse = Fault::Budget("it takes 9 bytes and 5 are allowed".to_owned(), "another link");
    world.device.get().faults = vec![refuse];
    let run = world.start(&format!("metered = '{}'\nmetered_bytes = '5'", metered.display()));
    assert!(
        run.until(HOUR, || world.server.has("a5 scheduled: the link is metered")).await,
        "{:?}",
        world.server.words()
    );
    assert_eq!(world.device.get().most, Some(5));
    std::fs::remove_file(&metered).expect("removed");
    assert!(run.until(HOUR, || world.reboots() == 1).await);
    assert_eq!(world.device.get().most, None);
    run.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_offered_to_all_is_taken_if_it_is_newer() {
    let world = World::new(false);
    world.server.desk().offers =
        [3, 6, 5, 4].into_iter().map(|number| offer::plain(format!("/bundle-{number}"))).collect();
    let run = world.start("");
    assert!(run.until(HOUR, || world.reboots() == 1).await);
    run.end().await;
    world.device.boot();
    let run = world.start("");
    assert!(run.until(HOUR, || world.device.stage() == Some(Stage::Committed)).await);
    assert_eq!(
        world.device.get().standing.runs.as_ref().map(|runs| runs.version.to_string()).as_deref(),
        Some("1.6")
    );
    // It goes on being offered, and nothing happens.
    assert!(!run.until(5 * HOUR, || world.reboots() > 1).await);
    assert_eq!(world.device.get().installs, 1);
    run.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_broken_offer_to_all_is_not_fetched_for_ever() {
    let world = World::new(false);
    world.server.offers(5);
    let damaged = || Fault::Text("it is damaged".to_owned());
    world.device.get().faults = vec![damaged(), damaged(), damaged(), damaged()];
    let run = world.start("");
    assert!(!run.until(20 * HOUR, || world.device.get().installs > 1).await);
    // Another one at the same place.
    world.server.desk().offers[0].mark = "\"2\"".to_owned();
    assert!(run.until(HOUR, || world.device.get().installs == 2).await);
    run.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_told_and_not_begun() {
    let world = World::new(true);
    world.server.offers(5);
    world.device.get().unfit =
        Some(Unfit { code: 65, why: "gw 1.5 is not taken again: it did not answer".to_owned() });
    let run = world.start("");
    assert!(run.until(HOUR, || world.server.has("a5 closed false 65")).await, "{:?}", world.server.words());
    assert_eq!(world.device.get().installs, 0);
    // What runs already is done, not refused.
    world.server.desk().told.clear();
    world.server.offers(1);
    assert!(run.until(HOUR, || world.server.has("a1 closed true")).await, "{:?}", world.server.words());
    run.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_begun_by_hand_is_judged_and_the_server_hears_what_runs() {
    let world = World::new(true);
    world.device.get().standing.deployment = Some(Underway {
        id: id(7),
        name: "gw".to_owned(),
        version: version("1.7"),
        stage: Stage::Trying,
        why: String::new(),
    });
    let run = world.start("");
    assert!(run.until(HOUR, || world.device.stage() == Some(Stage::Committed)).await);
    let knows = || world.device.get().notes.get("knows/server").cloned();
    assert!(run.until(HOUR, || knows() == Some(id(7).to_string().into_bytes())).await);
    run.end().await;
}
