//! Offers by a file: on an HTTP server, or in a folder of this device such as a USB stick.
//!
//! The file is an offer ([`super::offer`]) or the bundle itself; a folder may hold `offer.toml`, or bundles, of which
//! the best that fits is taken. Nobody is told how it went. What a server said it would not change
//! (`ETag`, `Last-Modified`) is asked for again with that, and costs an answer without a body. Neighbours: `follow`
//! asks and waits between questions.

use std::path::{Path, PathBuf};

use edgekit_http::header::{ETAG, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use edgekit_http::{Answer, Call, Client, Method, Retry, StatusCode};
use edgekit_rt::BoxFuture;

use super::config::Poll;
use super::offer::{self, BUNDLE, MAX};
use super::origin::{About, Heard, Kind, News, Offer, Origin, Trouble};

/// Files of a folder that are looked at.
const MANY: usize = 64;
/// The offer in a folder.
const NAME: &str = "offer.toml";

/// The origin of `[poll]`.
pub(crate) struct Polled {
    place: Place,
    every: std::time::Duration,
}

enum Place {
    Server { client: Client, url: String, last: Option<Last> },
    Path(PathBuf),
}

/// What was offered, and how to ask whether that has changed.
struct Last {
    offers: Vec<Offer>,
    condition: (HeaderName, HeaderValue),
}

impl Polled {
    /// The origin of a configuration, if it names one.
    pub(crate) fn new(config: &Poll, client: &Client) -> Option<Polled> {
        let url = config.url.as_ref()?;
        let place = match url.starts_with("http://") || url.starts_with("https://") {
            true => Place::Server { client: client.clone(), url: url.clone(), last: None },
            false => Place::Path(PathBuf::from(url.strip_prefix("file://").unwrap_or(url))),
        };
        Some(Polled { place, every: config.every })
    }

    async fn look(&mut self) -> Result<Heard, Trouble> {
        let offers = match &mut self.place {
            Place::Path(path) => {
                let path = path.clone();
                let looked = tokio::task::spawn_blocking(move || folder(&path)).await;
                looked.map_err(|error| Trouble::new(Kind::Away, error.to_string()))??
            }
            Place::Server { client, url, last } => server(client, url, last).await?,
        };
        Ok(Heard { again: Some(self.every), offers, ..Heard::default() })
    }
}

impl Origin for Polled {
    fn name(&self) -> &'static str {
        "poll"
    }

    fn ask<'a>(&'a mut self, _about: &'a About) -> BoxFuture<'a, Result<Heard, Trouble>> {
        Box::pin(self.look())
    }

    fn tell<'a>(&'a mut self, _action: &'a str, _news: &'a News) -> BoxFuture<'a, Result<(), Trouble>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn keeps_account(&self) -> bool {
        false
    }
}

/// Asks a server once; whoever asks in turns waits in between, so that nothing is tried again here.
async fn server(client: &Client, url: &str, last: &mut Option<Last>) -> Result<Vec<Offer>, Trouble> {
    let mut call = Call::new(Method::GET, url)?;
    if let Some(Last { condition: (name, value), .. }) = last {
        call = call.header(name.clone(), value.clone());
    }
    let answer = client.send(&call, &Retry::never()).await?;
    if answer.status == StatusCode::NOT_MODIFIED {
        return Ok(last.as_ref().map(|last| last.offers.clone()).unwrap_or_default());
    }
    let answer = answer.ok()?;
    let condition = condition(&answer);
    let mut offers = match answer.status {
        // Nothing to say: RFC 9110 §15.3.5.
        StatusCode::NO_CONTENT => Vec::new(),
        _ => read(answer).await?,
    };
    let mark = condition.as_ref().map(|(_, value)| String::from_utf8_lossy(value.as_bytes()).into_owned());
    offers.iter_mut().for_each(|offer| offer.mark = mark.clone().unwrap_or_default());
    *last = condition.map(|condition| Last { offers: offers.clone(), condition });
    Ok(offers)
}

fn condition(answer: &Answer) -> Option<(HeaderName, HeaderValue)> {
    let pairs = [(ETAG, IF_NONE_MATCH), (LAST_MODIFIED, IF_MODIFIED_SINCE)];
    pairs.into_iter().find_map(|(said, asked)| Some((asked, answer.headers.get(said)?.clone())))
}

/// Reads an answer as far as it takes to know what it is.
async fn read(answer: Answer) -> Result<Vec<Offer>, Trouble> {
    let url = answer.url.clone();
    let mut body = answer.body.limit(u64::MAX);
    let mut bytes = Vec::new();
    while let Some(piece) = body.chunk().await? {
        bytes.extend_from_slice(&piece);
        if bytes.starts_with(BUNDLE) {
            // The rest is read by whoever installs it, if anybody does.
            return Ok(vec![offer::plain(url.absolute())]);
        }
        if bytes.len() as u64 > MAX {
            let why = format!("'{url}' is neither a bundle nor an offer: it has more than {MAX} bytes");
            return Err(Trouble::new(Kind::Nonsense, why));
        }
    }
    let nonsense = |why: String| Trouble::new(Kind::Nonsense, why);
    let text = offer::parse(&url.to_string(), &bytes).map_err(nonsense)?;
    let bundle = url.join(&text.bundle).map_err(|why| {
        nonsense(format!("'{url}' offers a bundle at '{}', which is no address: {why}", text.bundle))
    })?;
    Ok(vec![text.into_offer(bundle.absolute())])
}

/// Looks at a path; nothing there is no offer, for a stick is seldom plugged in.
fn folder(path: &Path) -> Result<Vec<Offer>, Trouble> {
    let wrong = |what: &Path, error: &std::io::Error| {
        let reason = edgekit_core::text::io_reason(error);
        Trouble::new(Kind::Away, format!("cannot read '{}': {reason}", what.display()))
    };
    let about = match std::fs::metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(wrong(path, &error)),
    };
    if !about.is_dir() {
        return file(path);
    }
    let named = path.join(NAME);
    if named.exists() {
        return file(&named);
    }
    let entries = std::fs::read_dir(path).map_err(|error| wrong(path, &error))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "ekb"))
        .take(MANY)
        .collect();
    edgekit_core::sort::natural(&mut paths);
    Ok(paths.iter().map(|path| bundle(path)).collect())
}

/// The offer of a bundle that is here.
fn bundle(path: &Path) -> Offer {
    use std::os::unix::fs::MetadataExt;
    let mark = std::fs::metadata(path)
        .map(|about| format!("{} {}.{}", about.len(), about.mtime(), about.mtime_nsec()));
    Offer { mark: mark.unwrap_or_default(), ..offer::plain(path.display().to_string()) }
}

/// Looks at a file: an offer, or a bundle.
fn file(path: &Path) -> Result<Vec<Offer>, Trouble> {
    use std::io::Read;
    let wrong = |error: std::io::Error| {
        let reason = edgekit_core::text::io_reason(&error);
        Trouble::new(Kind::Away, format!("cannot read '{}': {reason}", path.display()))
    };
    let mut bytes = Vec::new();
    std::fs::File::open(path).and_then(|file| file.take(MAX + 1).read_to_end(&mut bytes)).map_err(wrong)?;
    if bytes.starts_with(BUNDLE) {
        return Ok(vec![bundle(path)]);
    }
    let place = path.display().to_string();
    let text = offer::parse(&place, &bytes).map_err(|why| Trouble::new(Kind::Nonsense, why))?;
    if text.bundle.contains("://") {
        let url = text.bundle.clone();
        return Ok(vec![text.into_offer(url)]);
    }
    let bundle = bundle(&path.parent().unwrap_or(Path::new("/")).join(&text.bundle));
    Ok(vec![Offer { mark: bundle.mark, ..text.into_offer(bundle.place) }])
}
