//! Where the usual distributions keep the certificates a machine trusts.
//!
//! The two variables are OpenSSL's, and come before the list as they do there.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;

use crate::error::{Error, Problem};
use crate::load::{self, Item, TRUST_LIMIT};
use crate::trust::{Anchors, skipped};

/// Bundles, in the order they are tried.
const FILES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Alpine, Arch, Gentoo, OpenWrt
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL 7 and later
    "/etc/pki/tls/certs/ca-bundle.crt",   // older RHEL, Amazon Linux
    "/var/lib/ca-certificates/ca-bundle.pem", // SUSE
    "/etc/ssl/ca-bundle.pem",             // older SUSE
    "/etc/ssl/cert.pem",                  // Alpine, OpenWrt
    "/etc/ssl/certs/ca-bundle.crt",       // NixOS, Buildroot, Yocto
    "/usr/share/ssl/certs/ca-bundle.crt",
];

/// Folders of one certificate a file, tried where there is no bundle.
const FOLDERS: &[&str] = &["/etc/ssl/certs", "/etc/pki/tls/certs", "/system/etc/security/cacerts"];

/// Bundles and folders to look at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) folders: Vec<PathBuf>,
    /// Somebody set them: what is wrong with one is an error, not a reason to try the next.
    pub(crate) demanded: bool,
}

impl Places {
    pub(crate) fn of_this_machine() -> Places {
        Places::of(|name| std::env::var_os(name))
    }

    fn of(environment: impl Fn(&str) -> Option<OsString>) -> Places {
        let set = |name| environment(name).filter(|value| !value.is_empty());
        let (file, folders) = (set("SSL_CERT_FILE"), set("SSL_CERT_DIR"));
        if file.is_none() && folders.is_none() {
            let owned = |paths: &[&str]| paths.iter().map(PathBuf::from).collect();
            return Places { files: owned(FILES), folders: owned(FOLDERS), demanded: false };
        }
        Places {
            files: file.into_iter().map(PathBuf::from).collect(),
            folders: folders.iter().flat_map(std::env::split_paths).collect(),
            demanded: true,
        }
    }

    /// What to watch: what there is, and what was demanded even if it is not there yet.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let first = self.files.iter().find(|path| path.exists());
        if self.demanded {
            return self.files.iter().chain(&self.folders).cloned().collect();
        }
        first.or_else(|| self.folders.iter().find(|path| path.exists())).cloned().into_iter().collect()
    }
}

/// The roots at the first place that has any.
pub(crate) fn load(places: &Places) -> Result<Anchors, Error> {
    for path in &places.files {
        if let Some(anchors) = tolerant(bundle(path), places.demanded)? {
            return Ok(anchors);
        }
    }
    for path in &places.folders {
        if let Some(anchors) = tolerant(folder(path), places.demanded && places.files.is_empty())? {
            return Ok(anchors);
        }
    }
    Err(Problem::NoRoots.into())
}

fn tolerant(result: Result<Option<Anchors>, Error>, demanded: bool) -> Result<Option<Anchors>, Error> {
    match result {
        Err(error) if demanded => Err(error),
        result => Ok(result.ok().flatten()),
    }
}

/// A bundle; certificates nobody could verify with (real ones have such) are counted and left out.
fn bundle(path: &Path) -> Result<Option<Anchors>, Error> {
    let mut roots = RootCertStore::empty();
    let skipped_here = add(&mut roots, path)?;
    if roots.is_empty() {
        return Ok(None);
    }
    let mut anchors = Anchors::new(roots, path);
    if skipped_here > 0 {
        anchors.warnings.push(skipped(path, skipped_here));
    }
    Ok(Some(anchors))
}

/// A folder of certificates; other files in it are passed over.
fn folder(path: &Path) -> Result<Option<Anchors>, Error> {
    let entries = std::fs::read_dir(path).map_err(|error| Error::in_file(path, Problem::Read(error)))?;
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    edgekit_core::sort::natural(&mut files);
    let mut roots = RootCertStore::empty();
    for file in files {
        // A README or a key in a folder of certificates is nobody's mistake.
        let _ = add(&mut roots, &file);
    }
    // OpenSSL's folders hold each certificate under its name and under its hash.
    edgekit_core::sort::by(&mut roots.roots, |a, b| {
        (a.subject.as_ref(), a.subject_public_key_info.as_ref())
            .cmp(&(b.subject.as_ref(), b.subject_public_key_info.as_ref()))
    });
    roots.roots.dedup();
    Ok((!roots.is_empty()).then(|| Anchors::new(roots, path)))
}

/// Adds what can be used, and counts what cannot.
fn add(roots: &mut RootCertStore, path: &Path) -> Result<usize, Error> {
    let content = load::read(None, path, path, TRUST_LIMIT)?;
    let certificates = load::items(path, &content.data)?.into_iter().filter_map(|found| match found.item {
        Item::Certificate(certificate) => Some(certificate.der().clone()),
        _ => None,
    });
    let (_, skipped) = roots.add_parsable_certificates(certificates);
    Ok(skipped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_come_first_and_alone() {
        let usual = Places::of(|_| None);
        assert_eq!(usual.files.len(), FILES.len());
        let set = Places::of(|name| match name {
            "SSL_CERT_DIR" => Some("/a:/b".into()),
            _ => Some("".into()),
        });
        assert!(set.files.is_empty() && set.demanded);
        assert_eq!(set.folders, [PathBuf::from("/a"), PathBuf::from("/b")]);
    }

    #[test]
    fn a_machine_without_roots_says_so() {
        let places = Places { files: vec!["/nonexistent/x".into()], ..Places::default() };
        assert!(matches!(load(&places).unwrap_err().problem(), Problem::NoRoots));
        let demanded = Places { demanded: true, ..places };
        assert!(matches!(load(&demanded).unwrap_err().problem(), Problem::Read(_)));
    }

    #[test]
    fn a_folder_holds_each_root_once_and_a_bundle_comes_first() {
        let folder = std::env::temp_dir().join(format!("edgekit-roots-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let roots: Vec<String> = (0..2)
            .map(|_| rcgen::generate_simple_self_signed(vec!["root.example".into()]).unwrap().cert.pem())
            .collect();
        for (name, content) in [("a.pem", &roots[0]), ("b.pem", &roots[1]), ("1234.0", &roots[0])] {
            std::fs::write(folder.join(name), content).unwrap();
        }
        std::fs::write(folder.join("README"), "not a certificate").unwrap();
        let places = Places { folders: vec![folder.clone()], ..Places::default() };
        assert_eq!(load(&places).unwrap().roots.len(), 2);
        let bundle = folder.join("bundle");
        std::fs::write(&bundle, roots.concat()).unwrap();
        let places = Places { files: vec!["/nonexistent".into(), bundle.clone()], ..places };
        let anchors = load(&places).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!((anchors.roots.len(), anchors.path), (2, bundle));
    }
}
