//! The engine under a description that uses everything it has, from files to verdicts.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::units::{ByteRate, Rate, Size};
use crate::{Ctx, Environment, Exit, Paths};

crate::words! {
    /// How to pick.
    enum Balance {
        /// In turn.
        RoundRobin = "round-robin",
        /// The idlest.
        LeastBusy = "least-busy",
    }
}

crate::config! {
    /// One place to listen at
    struct Listener {
        /// Address and port
        restart address: SocketAddr, like "0.0.0.0:443";
        /// How long a connection may be idle
        live idle: Duration = "5m", in "1s"..="1d";
        /// Requests let in
        live rate: Option<Rate>, in "1/d"..="1000/s", like "100/s";
        /// Names it answers to
        live names: Vec<String> = [];
    }
}

crate::config! {
    /// Certificates and keys
    struct Tls {
        /// The key of the certificate
        live key_file: Option<SecretFile>, like "/etc/edgekit/key.pem";
        /// Where the roots are
        restart roots: PathBuf = "/etc/ssl/certs";
    }
}

crate::config! {
    /// What a test's applet can be told
    struct Probe {
        /// Threads that carry traffic
        restart workers: u16 = 1, in 1..=64;
        /// Share of errors that opens the circuit
        live threshold: f64 = 0.5, in 0.0..=1.0;
        /// Whether to say more
        live verbose: bool = false;
        /// Memory it may use
        restart memory: Size = "64MiB", in "1MiB"..="4GiB";
        /// Bytes a second it may take
        live bandwidth: Option<ByteRate>, like "2MiB/s";
        /// How to pick an upstream
        live r#type: Balance = "round-robin";
        /// Ports to watch
        live ports: Vec<u16> = [80, 443], in 1..=65535;
        /// Certificates
        live tls: Tls;
        /// Where it listens
        live listener: Named<Listener>;
    }
}

const SECTION: &Section = <Probe as Settings>::SECTION;

fn read(text: &str) -> Result<Loaded, Problems> {
    parse(SECTION, "probe", "probe.toml", text.as_bytes().to_vec())
}

fn probe(text: &str) -> Probe {
    read(text).expect("fits").get().expect("the same struct")
}

/// A directory with the files of an applet.
struct Place(PathBuf);

impl Place {
    fn new(name: &str, files: &[(&str, &str)]) -> Place {
        let root = std::env::temp_dir().join(format!("edgekit-config-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&root));
        for (path, content) in files {
            let path = root.join("etc").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        Place(root)
    }

    fn load(&self, variables: &[(&str, &str)], flags: &[Flag]) -> Result<Loaded, Problems> {
        let environment = Environment::of(variables.iter().copied());
        let paths = Paths::below(&self.0);
        let inputs = Inputs { applet: "probe", paths: &paths, environment: &environment, flags, file: None };
        load(SECTION, &inputs)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn flag(name: &str, key: &[&str], value: &str) -> Flag {
    Flag {
        name: name.to_owned(),
        key: key.iter().map(|&level| level.to_owned()).collect(),
        value: value.to_owned(),
    }
}

#[test]
fn the_description_is_sound() {
    assert_eq!(SECTION.faults(), Vec::<String>::new());
}

#[test]
fn faults_of_a_description_are_found() {
    crate::config! {
        /// Wrong
        struct Wrong {
            /// Ends with a stop.
            live a: u8 = 300;
            /// No example
            live token: String;
            /// Bad range
            live c: Duration = "1s", in 1..=2;
            /// Not a secret's name
            live key: SecretFile, like "relative/path";
        }
    }
    let faults = <Wrong as Settings>::SECTION.faults().join("\n");
    for fault in [
        "a: the manual",
        "a: 300 is no value",
        "token: a key without a default",
        "token: a secret is a SecretFile",
        "c: 1 is no end of its range",
        "key: \"relative/path\" is no value",
        "key: a secret is a SecretFile",
    ] {
        assert!(faults.contains(fault), "{fault} is not in:\n{faults}");
    }
}

#[test]
fn nothing_gives_the_defaults() {
    let probe = probe("");
    assert_eq!(probe.workers, 1);
    assert_eq!(probe.memory, Size(64 << 20));
    assert_eq!(probe.r#type, Balance::RoundRobin);
    assert_eq!(probe.r#type.word(), "round-robin");
    assert_eq!(probe.ports, [80, 443]);
    assert_eq!(probe.bandwidth, None);
    assert_eq!(probe.tls.roots, PathBuf::from("/etc/ssl/certs"));
    assert!(probe.listener.is_empty());
}

#[test]
fn every_kind_is_read() {
    let probe = probe(
        "workers = 0x10\nthreshold = 1\nverbose = true\nmemory = 2097152\nbandwidth = '1MB/s'\n\
         type = 'least-busy'\nports = [1]\ntls = { key_file = 'server-key' }\n\
         listener.web.address = '[::1]:80'\nlistener.web.rate = '6/m'\n\
         [listener.'a.b']\naddress = '127.0.0.1:1'\nidle = '90s'\nnames = ['x', 'y']\n",
    );
    assert_eq!((probe.workers, probe.threshold, probe.verbose), (16, 1.0, true));
    assert_eq!(probe.memory, Size(2 << 20));
    assert_eq!(probe.bandwidth, Some(ByteRate(Size(1_000_000))));
    assert_eq!(probe.r#type, Balance::LeastBusy);
    assert_eq!(probe.tls.key_file, Some(SecretFile::new("server-key")));
    assert_eq!(probe.listener["web"].rate, Some(Rate { count: 6, per: Duration::from_secs(60) }));
    assert_eq!(probe.listener["a.b"].idle, Duration::from_secs(90));
    assert_eq!(probe.listener["a.b"].names, ["x", "y"]);
}

#[test]
fn flag_beats_environment_beats_drop_in_beats_file() {
    let place = Place::new(
        "order",
        &[
            (
                "probe.toml",
                "workers = 2\nverbose = true\nports = [1, 2]\n[listener.web]\naddress = '[::]:1'\n",
            ),
            (
                "probe.d/10-a.toml",
                "workers = 3\n[listener.web]\nidle = '7s'\n[listener.api]\naddress='[::]:2'\n",
            ),
            ("probe.d/20-b.toml", "workers = 4\nports = [3]\n"),
            ("probe.d/.hidden.toml", "nonsense"),
            ("probe.d/readme.txt", "nonsense"),
            ("other.toml", "nonsense"),
        ],
    );
    let value = |loaded: &Loaded, key: &str| {
        let rows = loaded.rows();
        let row = rows.iter().find(|row| row.key == key).expect("the key is there");
        (row.value.to_string(), row.origin.to_string().replace(&*place.0.to_string_lossy(), ""))
    };
    let plain = place.load(&[], &[]).unwrap();
    assert_eq!(value(&plain, "workers"), ("4".into(), "/etc/probe.d/20-b.toml:1:1".into()));
    assert_eq!(value(&plain, "verbose"), ("true".into(), "/etc/probe.toml:2:1".into()));
    assert_eq!(value(&plain, "ports"), ("[3]".into(), "/etc/probe.d/20-b.toml:2:1".into()));
    assert_eq!(value(&plain, "listener.web.idle"), ("\"7s\"".into(), "/etc/probe.d/10-a.toml:3:1".into()));
    assert_eq!(value(&plain, "listener.web.address").1, "/etc/probe.toml:5:1");
    assert_eq!(value(&plain, "memory"), ("\"64MiB\"".into(), "default".into()));
    assert_eq!(plain.files().len(), 3);
    let variables = [
        ("EDGEKIT_PROBE_WORKERS", "5"),
        ("EDGEKIT_PROBE_PORTS", "7, 8"),
        ("EDGEKIT_PROBE_TLS__ROOTS", "/roots"),
        ("EDGEKIT_PROBE_LISTENER__WEB__IDLE", "8s"),
        ("EDGEKIT_PROBE_LISTENER__NEW_ONE__ADDRESS", "[::]:9"),
        ("EDGEKIT_OTHER_WORKERS", "nonsense"),
        // Of a Kubernetes service called edgekit-probe.
        ("EDGEKIT_PROBE_SERVICE_HOST", "10.0.0.1"),
        ("EDGEKIT_PROBE_SERVICE_PORT_HTTPS", "443"),
        ("EDGEKIT_PROBE_PORT", "tcp://10.0.0.1:443"),
        ("EDGEKIT_PROBE_PORT_443_TCP_PROTO", "tcp"),
    ];
    let loaded = place.load(&variables, &[flag("--workers", &["workers"], "6")]).unwrap();
    assert_eq!(value(&loaded, "workers"), ("6".into(), "--workers".into()));
    assert_eq!(value(&loaded, "ports"), ("[7, 8]".into(), "EDGEKIT_PROBE_PORTS".into()));
    assert_eq!(value(&loaded, "tls.roots").0, "\"/roots\"");
    assert_eq!(value(&loaded, "listener.web.idle").0, "\"8s\"");
    assert_eq!(value(&loaded, "listener.new_one.address").0, "\"[::]:9\"");
}

#[test]
fn wrong_words_in_the_environment_and_flags_are_named() {
    let place = Place::new(
        "words",
        &[("probe.toml", "[listener.web-1]\naddress='[::]:1'\n[listener.web_1]\naddress='[::]:2'\n")],
    );
    let problems = place
        .load(
            &[
                ("EDGEKIT_PROBE_WROKERS", "5"),
                ("EDGEKIT_PROBE_VERBOSE", "yes"),
                ("EDGEKIT_PROBE_TLS", "x"),
                ("EDGEKIT_PROBE_WORKERS__MORE", "x"),
                ("EDGEKIT_PROBE_LISTENER__WEB_1__IDLE", "1s"),
                ("EDGEKIT_PROBE_PORTS", "1,x"),
            ],
            &[flag("--idle", &["listener", "web-1", "idle"], "2d")],
        )
        .unwrap_err();
    let told: Vec<String> = problems.0.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "EDGEKIT_PROBE_LISTENER__WEB_1__IDLE: it could mean 'web-1' or 'web_1'",
            "EDGEKIT_PROBE_PORTS: 'ports' must be a whole number, not 'x'",
            "EDGEKIT_PROBE_TLS: 'tls' is a table; set one of its keys",
            "EDGEKIT_PROBE_VERBOSE: 'verbose' must be true or false, not 'yes'",
            "EDGEKIT_PROBE_WORKERS__MORE: 'workers' has no keys below it",
            "EDGEKIT_PROBE_WROKERS: unknown key 'wrokers'",
            "--idle: 'idle' must be between \"1s\" and \"1d\", not \"2d\"",
        ]
    );
    assert_eq!(problems.0[5].hint.as_deref(), Some("did you mean 'workers'?"));
}

#[test]
fn a_wrong_flag_is_a_fault_of_usage() {
    let place = Place::new("usage", &[("probe.toml", "")]);
    let exit = |environment: &[(&str, &str)]| {
        let problems = place.load(environment, &[flag("--workers", &["workers"], "many")]).unwrap_err();
        problems.show(&mut Ctx::capturing(&[])).exit()
    };
    assert_eq!(exit(&[]), Exit::USAGE);
    assert_eq!(exit(&[("EDGEKIT_PROBE_VERBOSE", "yes")]), Exit::CONFIG);
}

#[test]
fn faults_are_shown_with_their_line_all_at_once() {
    let problems = read("workers = 100\n\n\tverbsoe = true\n[listener.web]\nidle = 10\n").unwrap_err();
    let mut ctx = Ctx::capturing(&[]);
    ctx.set_program("edgekit probe");
    let error = problems.show(&mut ctx);
    assert_eq!(error.exit(), Exit::CONFIG);
    let (_, err) = ctx.into_captured();
    assert_eq!(
        String::from_utf8(err).unwrap(),
        "edgekit probe: probe.toml:1:11: 'workers' must be between 1 and 64, not 100\n  \
         1 | workers = 100\n    |           ^^^\n\
         edgekit probe: probe.toml:3:2: unknown key 'verbsoe'\n  \
         3 |  verbsoe = true\n    |  ^^^^^^^\n\
         hint: did you mean 'verbose'?\n\
         edgekit probe: probe.toml:5:8: 'idle' must be a duration, not a whole number\n  \
         5 | idle = 10\n    |        ^^\n\
         hint: write it as 10s, 5m or 1h30m, in quotes\n"
    );
}

#[test]
fn each_mistake_has_its_words() {
    for (text, wanted) in [
        ("workers = '4'", "1:11: 'workers' must be a whole number, not a text"),
        ("workers = 99999999999999999999", "must be between 1 and 64, not 99999999999999999999"),
        ("workers = -1", "must be between 1 and 64, not -1"),
        ("threshold = nan", "'threshold' must be a finite number, not nan"),
        ("threshold = 1.5", "'threshold' must be between 0.0 and 1.0, not 1.5"),
        ("verbose = 1", "'verbose' must be true or false, not a whole number"),
        ("memory = '1KiB'", "must be between \"1MiB\" and \"4GiB\", not \"1KiB\""),
        ("memory = 'lots'", "'memory' must be a size: 'lots' is not a size"),
        ("type = 'roundrobin'", "must be 'round-robin' or 'least-busy', not 'roundrobin'"),
        ("ports = 80", "'ports' must be a list, each a whole number, not a whole number"),
        ("ports = [80, 'x', 70000]", "1:14: 'ports' must be a whole number, not a text"),
        ("ports = [80, 70000]", "1:14: 'ports' must be between 1 and 65535, not 70000"),
        ("tls = 1", "1:7: 'tls' must be a table, not a whole number"),
        ("[tls]\nroots = 'certs'", "must be an absolute path: 'certs' does not start with '/'"),
        ("[tls]\nkey_file = 'a/b'", "neither an absolute path nor the name of a credential"),
        ("listener = []", "must be a table, not a list"),
        ("listener.web = 1", "1:10: 'listener.web' must be a table, not a whole number"),
        ("[listener.'a b']", "the name 'a b' may hold only"),
        ("[listener.'']", "a name is empty"),
        ("[listener.web]\n", "1:11: 'listener.web.address' is missing"),
        ("[listener.web]\naddress = 'localhost'", "is not an address with a port"),
        ("[listener.web]\naddress = 2001-01-01", "not a date"),
        ("workers = 1\nworkers = 2", "2:1: duplicate key"),
        ("[tls]\n[tls]", "2:"),
        ("workers = ", "1:"),
        ("= 1", "1:1"),
        ("[listener", "1:"),
    ] {
        let problems = read(text).expect_err(text);
        let told = problems.to_string();
        assert!(told.contains(wanted), "{text}\n  gave: {told}\n  not:  {wanted}");
        assert_eq!(crate::Error::from(problems).exit(), Exit::CONFIG);
    }
}

#[test]
fn every_bad_file_of_the_corpus_is_refused() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fuzz/corpus/config");
    let mut count = 0;
    for entry in fs::read_dir(corpus).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let problems = parse(SECTION, "probe", "probe.toml", fs::read(&path).unwrap())
            .expect_err(&path.to_string_lossy());
        problems.show(&mut Ctx::capturing(&[]));
        count += 1;
    }
    assert!(count >= 15);
}

#[test]
fn files_that_are_none_are_named() {
    let place = Place::new("files", &[("probe.d/a.toml", ""), ("probe.d/big.toml", "")]);
    let etc = place.0.join("etc");
    fs::create_dir(etc.join("probe.toml")).unwrap();
    fs::write(etc.join("probe.d/big.toml"), vec![b'#'; (MAX_FILE + 1) as usize]).unwrap();
    fs::write(etc.join("probe.d/latin.toml"), b"verbose = true\n# caf\xe9\n").unwrap();
    std::os::unix::fs::symlink("loop.toml", etc.join("probe.d/loop.toml")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", etc.join("probe.d/zero.toml")).unwrap();
    let told = place.load(&[], &[]).unwrap_err().to_string().replace(&*etc.to_string_lossy(), "");
    for wanted in [
        "cannot read /probe.toml: it is a directory, not a file",
        "cannot read /probe.d/big.toml: it is larger than 1MiB",
        "/probe.d/latin.toml:2:6: not UTF-8 text",
        "cannot read /probe.d/loop.toml: ",
        "cannot read /probe.d/zero.toml: it is not a regular file",
    ] {
        assert!(told.contains(wanted), "{wanted} is not in: {told}");
    }
    let inputs = Inputs {
        applet: "probe",
        paths: &Paths::below(&place.0),
        environment: &Environment::default(),
        flags: &[],
        file: Some(&etc.join("none.toml")),
    };
    assert!(load(SECTION, &inputs).unwrap_err().to_string().contains("no such file"));
}

#[test]
fn deep_and_wide_files_end_with_a_message() {
    let deep = format!("ports = {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read(&deep).is_err());
    let tables = format!("[{}x]", "a.".repeat(10_000));
    assert!(read(&tables).is_err());
    let wide = format!("ports = [{}]", "1,".repeat(MAX_LIST + 1));
    assert!(read(&wide).unwrap_err().to_string().contains("at most 4096"));
    let long = format!("[listener.web]\naddress = '[::]:1'\nnames = ['{}']", "x".repeat(MAX_TEXT + 1));
    assert!(read(&long).unwrap_err().to_string().contains("longer than 16384 bytes"));
}

#[test]
fn the_example_is_the_defaults() {
    let text = example("probe", SECTION);
    assert_eq!(probe(&text), probe(""));
    // Uncommented, all but the collection is still the default or what it is likened to.
    let uncommented: String = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let (all, none) = (probe(&uncommented), probe(""));
    assert_eq!(all.listener["example"].idle, Duration::from_secs(300));
    assert_eq!(all.tls.key_file, Some(SecretFile::new("/etc/edgekit/key.pem")));
    assert_eq!(
        Probe { bandwidth: None, listener: Named::new(), tls: none.tls.clone(), ..all },
        none,
        "{uncommented}"
    );
}

#[test]
fn the_schema_says_the_same() {
    let schema = schema("probe", SECTION);
    let at = |path: &str| schema.pointer(path).unwrap_or_else(|| panic!("{path} in {schema}")).clone();
    assert_eq!(at("/$id"), "edgekit.probe.config/1");
    assert_eq!(at("/additionalProperties"), false);
    assert_eq!(at("/properties/workers/minimum"), 1);
    assert_eq!(at("/properties/workers/maximum"), 64);
    assert_eq!(at("/properties/workers/x-edgekit-reload"), "restart");
    assert_eq!(at("/properties/ports/items/maximum"), 65535);
    assert_eq!(at("/properties/ports/default"), serde_json::json!([80, 443]));
    assert_eq!(at("/properties/type/enum/0"), "round-robin");
    assert_eq!(at("/properties/listener/additionalProperties/required"), serde_json::json!(["address"]));
    assert_eq!(at("/properties/tls/properties/roots/default"), "/etc/ssl/certs");
    assert!(schema.get("required").is_none());
    // Every key of the example is a property: what one shows, the other allows.
    for line in example("probe", SECTION).lines().filter(|line| line.contains(" = ")) {
        let key = line.trim_start_matches('#').split(' ').next().unwrap();
        assert!(schema.to_string().contains(&format!("\"{key}\":")), "{key}");
    }
}

#[test]
fn a_reload_knows_what_it_can_apply() {
    let old = read("workers = 1\n[listener.web]\naddress = '[::]:1'\n[listener.gone]\naddress = '[::]:2'\n")
        .unwrap();
    let new = read(
        "workers = 2\n[listener.web]\naddress = '[::]:3'\nidle = '60s'\nrate = '1/s'\n[listener.new]\naddress = '[::]:2'\n",
    )
    .unwrap();
    let told: Vec<String> =
        diff(&old, &new).iter().map(|change| format!("{} ({})", change, change.reload.word())).collect();
    assert_eq!(
        told,
        [
            "workers: 1 → 2 (restart)",
            "listener.gone: table is gone (live)",
            "listener.new: table is new (live)",
            "listener.web.address: \"[::]:1\" → \"[::]:3\" (restart)",
            "listener.web.idle: \"5m\" → \"1m\" (live)",
            "listener.web.rate: \"1/s\" is new (live)",
        ]
    );
    // What is kept of the old one is enough for it.
    assert_eq!(diff(&old.lean(), &new.lean()).len(), told.len());
    // The same value written in another way is no change.
    let minute = read("[listener.web]\naddress='[::]:1'\nidle='60s'").unwrap();
    let same = read("[listener.web]\naddress='[::]:1'\nidle='1m'").unwrap();
    assert_eq!(diff(&minute, &same), []);
}

#[test]
fn secrets_come_from_files_and_are_not_shown() {
    let place = Place::new("secret", &[("key", "s3cret\n"), ("empty", "\n")]);
    let mut paths = Paths::below(&place.0);
    let file = |name: &str| SecretFile::new(place.0.join("etc").join(name).to_string_lossy());
    let secret = file("key").read(&paths).unwrap();
    assert_eq!(secret.bytes(), b"s3cret");
    assert_eq!(format!("{secret:?}"), "Secret(6 bytes)");
    assert!(file("empty").read(&paths).unwrap_err().to_string().ends_with("it is empty"));
    assert_eq!(file("none").read(&paths).unwrap_err().exit(), Exit::CONFIG);
    let unset = SecretFile::new("key").read(&paths).unwrap_err();
    assert!(unset.to_string().contains("$CREDENTIALS_DIRECTORY is not set"));
    paths.credentials = Some(place.0.join("etc"));
    assert_eq!(SecretFile::new("key").read(&paths).unwrap().bytes(), b"s3cret");
}

#[test]
fn an_applet_can_point_at_a_value_of_its_own() {
    let loaded = read("workers = 8\n").unwrap();
    assert_eq!(
        loaded.problem("workers", "too many for one core").to_string(),
        "probe.toml:1:1: too many for one core"
    );
    assert_eq!(loaded.problem("memory", "too little").to_string(), "too little");
}

/// A drop-in about one listener of its own.
fn drop_in(name: &str, port: u16, idle: u64) -> String {
    format!("[listener.{name}]\naddress = '[::]:{port}'\nidle = '{idle}s'\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn drop_ins_about_different_names_commute(
        listeners in prop::collection::btree_map("[a-z][a-z0-9_-]{0,8}", (any::<u16>(), 1_u64..1000), 1..6),
        seed in any::<prop::sample::Index>(),
    ) {
        let mut files: Vec<String> =
            listeners.iter().map(|(name, (port, idle))| drop_in(name, *port, *idle)).collect();
        let merged = |files: &[String]| {
            let mut problems = Problems::default();
            let mut table = Table::new(Origin::Default);
            for file in files {
                super::layer::merge(&mut table, super::read::file(SECTION, "x", file.clone().into_bytes(), &mut problems));
            }
            super::layer::complete(SECTION, &mut table, "", &mut problems);
            assert!(problems.0.is_empty(), "{problems}");
            Probe::from_table(&table).expect("fits")
        };
        let one = merged(&files);
        let middle = seed.index(files.len());
        files.rotate_left(middle);
        files.reverse();
        prop_assert_eq!(one, merged(&files));
    }

    #[test]
    fn what_is_shown_reads_back(workers in 1_u16..=64, share in 0.0_f64..=1.0, seconds in 1_u64..86_400, name: String) {
        let text = format!(
            "workers = {workers}\nthreshold = {}\n[listener.web]\naddress = '[::]:1'\nidle = '{seconds}s'\nnames = [{}]\n",
            Value::Number(share), Value::Text(name.replace('\0', "")),
        );
        let first = read(&text).expect("fits");
        let shown: String = first.rows().iter().map(|row| format!("{} = {}\n", row.key, row.value)).collect();
        let second = read(&shown).expect("fits again");
        prop_assert_eq!(first.get::<Probe>().expect("fits"), second.get::<Probe>().expect("fits"));
        let lean = first.clone().lean();
        prop_assert_eq!(first.get::<Probe>().expect("fits"), lean.get::<Probe>().expect("fits"));
        prop_assert!(lean.given().len() < shown.len());
    }

    #[test]
    fn no_file_is_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(problems) = parse(SECTION, "probe", "x", bytes) {
            problems.show(&mut Ctx::capturing(&[]));
        }
    }
}
