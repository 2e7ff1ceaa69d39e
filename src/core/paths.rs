//! Where configuration, state and sockets lie: root's places, the user's (XDG), or systemd's.
//!
//! The environment is captured once ([`Environment`]) and passed down, so that a test never changes
//! the process's own. Neighbours: `config` reads below [`Paths::config`], `device_id.rs` below both
//! [`Paths::config`] and [`Paths::state`]; the control sockets of `edgekit-rt` are below
//! [`Paths::run`].

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The variables of one run.
#[derive(Clone, Debug, Default)]
pub struct Environment(Vec<(OsString, OsString)>);

impl Environment {
    /// Those of the process.
    pub fn process() -> Environment {
        Environment(std::env::vars_os().collect())
    }

    /// Those given, and no others.
    pub fn of<K: Into<OsString>, V: Into<OsString>>(
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Environment {
        Environment(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// The value of a variable; an empty one counts as unset.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        Some(value.as_os_str()).filter(|value| !value.is_empty())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// A variable that holds an absolute path, or several with colons between, as systemd writes
    /// them: the first counts.
    fn directory(&self, name: &str) -> Option<PathBuf> {
        let first = self.get(name)?.as_bytes().split(|byte| *byte == b':').next()?;
        Some(PathBuf::from(OsStr::from_bytes(first))).filter(|path| path.is_absolute())
    }
}

/// The directories of one run; none is made here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Paths {
    /// `/etc/edgekit`: read.
    pub config: PathBuf,
    /// `/var/lib/edgekit`: durable state.
    pub state: PathBuf,
    /// `/run/edgekit`: sockets, gone at the next boot.
    pub run: PathBuf,
    /// `$CREDENTIALS_DIRECTORY`: secrets handed over by the service manager (systemd.exec(5)).
    pub credentials: Option<PathBuf>,
}

impl Paths {
    /// The places of this process.
    pub fn process() -> Paths {
        Paths::of(&Environment::process(), rustix::process::geteuid().is_root())
    }

    /// `$CONFIGURATION_DIRECTORY`, `$STATE_DIRECTORY` and `$RUNTIME_DIRECTORY` where a service manager
    /// has set them; else root's places; else the user's under `$XDG_CONFIG_HOME`, `$XDG_STATE_HOME`
    /// and `$XDG_RUNTIME_DIR`, or what stands for these in `$HOME` (XDG base directories 0.8).
    pub fn of(environment: &Environment, is_root: bool) -> Paths {
        let home = environment.directory("HOME").unwrap_or_else(|| PathBuf::from("/"));
        let place = |service: &str, root: &str, user: &str, below_home: &str| {
            environment.directory(service).unwrap_or_else(|| {
                let base = match is_root {
                    true => PathBuf::from(root),
                    false => environment.directory(user).unwrap_or_else(|| home.join(below_home)),
                };
                base.join("edgekit")
            })
        };
        let state = place("STATE_DIRECTORY", "/var/lib", "XDG_STATE_HOME", ".local/state");
        Paths {
            config: place("CONFIGURATION_DIRECTORY", "/etc", "XDG_CONFIG_HOME", ".config"),
            run: place("RUNTIME_DIRECTORY", "/run", "XDG_RUNTIME_DIR", ".local/state/run"),
            credentials: environment.directory("CREDENTIALS_DIRECTORY"),
            state,
        }
    }

    /// All of them below one directory: tests, and a service in a box of its own.
    pub fn below(root: &Path) -> Paths {
        Paths {
            config: root.join("etc"),
            state: root.join("state"),
            run: root.join("run"),
            credentials: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_user_and_service_each_have_their_places() {
        let none = Environment::default();
        let root = Paths::of(&none, true);
        assert_eq!(root.config, Path::new("/etc/edgekit"));
        assert_eq!(root.state, Path::new("/var/lib/edgekit"));
        assert_eq!(root.run, Path::new("/run/edgekit"));

        let user = Environment::of([("HOME", "/home/a"), ("XDG_RUNTIME_DIR", "/run/user/7")]);
        let paths = Paths::of(&user, false);
        assert_eq!(paths.config, Path::new("/home/a/.config/edgekit"));
        assert_eq!(paths.state, Path::new("/home/a/.local/state/edgekit"));
        assert_eq!(paths.run, Path::new("/run/user/7/edgekit"));

        let service = Environment::of([
            ("STATE_DIRECTORY", "/var/lib/edge:/var/lib/second"),
            ("CREDENTIALS_DIRECTORY", "/run/credentials/x"),
            ("CONFIGURATION_DIRECTORY", "relative"),
            ("RUNTIME_DIRECTORY", ""),
        ]);
        let paths = Paths::of(&service, true);
        assert_eq!(paths.state, Path::new("/var/lib/edge"));
        assert_eq!(paths.credentials.as_deref(), Some(Path::new("/run/credentials/x")));
        assert_eq!(paths.config, Path::new("/etc/edgekit"));
        assert_eq!(paths.run, Path::new("/run/edgekit"));
    }
}
