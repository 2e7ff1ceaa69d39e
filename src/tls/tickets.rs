//! Session tickets (RFC 5077, RFC 8446 §4.6.1) whose key is replaced on schedule.
//!
//! One `Tickets` serves all workers of a listener, so that a client resumes with whichever it meets.
//! A ticket made with the key before the present one is still read; with an older one the client
//! makes a full handshake, and nothing fails.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand;
use edgekit_core::Clock;
use rustls::server::ProducesTickets;
use zeroize::Zeroizing;

/// The usual age at which a key is replaced; a ticket lives at most twice as long.
pub const ROTATION: Duration = Duration::from_secs(6 * 3600);

const NAME: usize = 16;
const NONCE: usize = 12;
const SECRET: usize = 32;
/// How keys are written for another process today.
const FORMAT: u8 = 1;

/// Makes and reads tickets.
pub struct Tickets {
    /// Time since boot decides, so that a step of the wall clock neither keeps a key nor drops it.
    clock: Clock,
    rotation: Duration,
    keys: RwLock<Keys>,
}

struct Keys {
    /// None while the system has no randomness for one.
    current: Option<Arc<Key>>,
    previous: Option<Arc<Key>>,
    since: Duration,
}

struct Key {
    /// Tells which key a ticket is of; random, and sent in the clear.
    name: [u8; NAME],
    /// For the process that takes over from this one.
    secret: Zeroizing<[u8; SECRET]>,
    cipher: RandomizedNonceKey,
}

impl Key {
    /// `None` if the system has no randomness to give.
    fn new() -> Option<Arc<Key>> {
        let (mut name, mut secret) = ([0; NAME], Zeroizing::new([0; SECRET]));
        rand::fill(&mut name).ok()?;
        rand::fill(&mut secret[..]).ok()?;
        Key::of(name, secret)
    }

    fn of(name: [u8; NAME], secret: Zeroizing<[u8; SECRET]>) -> Option<Arc<Key>> {
        let cipher = RandomizedNonceKey::new(&AES_256_GCM, &secret[..]).ok()?;
        Some(Arc::new(Key { name, secret, cipher }))
    }

    /// name ‖ nonce ‖ ciphertext ‖ tag; the name is authenticated with the rest.
    fn seal(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut body = plain.to_vec();
        let nonce = self.cipher.seal_in_place_append_tag(Aad::from(self.name), &mut body).ok()?;
        let mut ticket = Vec::with_capacity(NAME + NONCE + body.len());
        ticket.extend_from_slice(&self.name);
        ticket.extend_from_slice(nonce.as_ref());
        ticket.append(&mut body);
        Some(ticket)
    }

    fn open(&self, nonce: &[u8; NONCE], body: &[u8]) -> Option<Vec<u8>> {
        let mut body = body.to_vec();
        let plain = self.cipher.open_in_place(Nonce::from(nonce), Aad::from(self.name), &mut body).ok()?;
        let length = plain.len();
        body.truncate(length);
        Some(body)
    }
}

impl Tickets {
    /// Tickets whose key is replaced after each `rotation`; `None` if the system has no randomness.
    pub fn new(rotation: Duration, clock: Clock) -> Option<Tickets> {
        let keys = Keys { current: Some(Key::new()?), previous: None, since: clock.boot() };
        Some(Tickets { clock, rotation, keys: RwLock::new(keys) })
    }

    /// Forgets every key: no earlier session can be resumed. For a change of who is trusted.
    pub fn forget(&self) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        // Without randomness for a new key the old one goes all the same: no tickets until the next one.
        *keys = Keys { current: Key::new(), previous: None, since: self.clock.boot() };
    }

    /// The keys, for a process that takes over on this machine: secrets, for its eyes alone. The format, the age of
    /// the machine when the first key was made (8 bytes, nanoseconds), then name and secret of each key.
    pub fn export(&self) -> Zeroizing<Vec<u8>> {
        drop(self.keys());
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        // Grown in place it would leave pieces of itself behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(1 + 8 + 2 * (NAME + SECRET)));
        bytes.push(FORMAT);
        bytes.extend_from_slice(&u64::try_from(keys.since.as_nanos()).unwrap_or(u64::MAX).to_be_bytes());
        for key in [&keys.current, &keys.previous].into_iter().flatten() {
            bytes.extend_from_slice(&key.name);
            bytes.extend_from_slice(&key.secret[..]);
        }
        bytes
    }

    /// Goes on with the keys of another process. False if they are written in another way; nothing changes then.
    pub fn import(&self, bytes: &[u8]) -> bool {
        let Some((head, rest)) = bytes.split_first_chunk::<9>().filter(|(head, _)| head[0] == FORMAT) else {
            return false;
        };
        let (pieces, _) = rest.as_chunks::<{ NAME + SECRET }>();
        let mut read = pieces.iter().map(|piece| {
            let (mut name, mut secret) = ([0; NAME], Zeroizing::new([0; SECRET]));
            name.copy_from_slice(&piece[..NAME]);
            secret.copy_from_slice(&piece[NAME..]);
            Key::of(name, secret)
        });
        let (Some(Some(current)), previous) = (read.next(), read.next().flatten()) else { return false };
        let [_, since @ ..] = *head;
        // A moment that has not been yet is none of this machine's.
        let since = Duration::from_nanos(u64::from_be_bytes(since)).min(self.clock.boot());
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        *keys = Keys { current: Some(current), previous, since };
        true
    }

    /// The keys of now: the one to make tickets with, and the one before it.
    fn keys(&self) -> (Option<Arc<Key>>, Option<Arc<Key>>) {
        let now = self.clock.boot();
        {
            let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
            if now.saturating_sub(keys.since) < self.rotation {
                return (keys.current.clone(), keys.previous.clone());
            }
        }
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let age = now.saturating_sub(keys.since);
        if age >= self.rotation
            && let Some(fresh) = Key::new()
        {
            let last = keys.current.replace(fresh);
            keys.previous = last.filter(|_| age < self.rotation * 2);
            keys.since = now;
        }
        (keys.current.clone(), keys.previous.clone())
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        u32::try_from(self.rotation.as_secs() * 2).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.keys().0?.seal(plain)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_first_chunk::<NAME>()?;
        let (nonce, body) = rest.split_first_chunk::<NONCE>()?;
        let (current, previous) = self.keys();
        let key = [current, previous].into_iter().flatten().find(|key| key.name == *name)?;
        key.open(nonce, body)
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").field("rotation", &self.rotation).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(tickets: &mut Tickets, hours: u64) {
        tickets.clock = Clock::fixed(Duration::from_secs(hours * 3600));
    }

    #[test]
    fn the_key_before_is_still_read_and_older_ones_are_not() {
        let mut tickets = Tickets::new(ROTATION, Clock::fixed(Duration::ZERO)).unwrap();
        let ticket = tickets.encrypt(b"session").unwrap();
        assert_ne!(ticket, tickets.encrypt(b"session").unwrap());
        at(&mut tickets, 7);
        assert_eq!(tickets.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        let second = tickets.encrypt(b"second").unwrap();
        at(&mut tickets, 14);
        assert_eq!(tickets.decrypt(&ticket), None);
        assert_eq!(tickets.decrypt(&second).as_deref(), Some(&b"second"[..]));
        at(&mut tickets, 100);
        assert_eq!(tickets.decrypt(&second), None);
    }

    #[test]
    fn another_process_reads_what_this_one_made() {
        let clock = |hours: u64| Clock::fixed(Duration::from_secs(hours * 3600));
        let mut old = Tickets::new(ROTATION, clock(100)).unwrap();
        let first = old.encrypt(b"first").unwrap();
        at(&mut old, 107);
        let second = old.encrypt(b"second").unwrap();
        let mut new = Tickets::new(ROTATION, clock(107)).unwrap();
        assert_eq!(new.decrypt(&second), None);
        assert!(new.import(&old.export()));
        assert_eq!(new.decrypt(&first).as_deref(), Some(&b"first"[..]));
        assert_eq!(old.decrypt(&new.encrypt(b"third").unwrap()).as_deref(), Some(&b"third"[..]));
        // The keys grow no younger by it.
        at(&mut new, 114);
        assert_eq!(new.decrypt(&first), None);
        assert_eq!(new.decrypt(&second).as_deref(), Some(&b"second"[..]));
        let keys = old.export();
        let mut later = keys.clone();
        later[0] = 2;
        assert!(!new.import(&later) && !new.import(&keys[..20]) && !new.import(&[]));
        assert_eq!(new.decrypt(&second).as_deref(), Some(&b"second"[..]));
        // What a later release adds is passed over.
        let mut longer = keys.to_vec();
        longer.push(7);
        assert!(new.import(&longer));
    }

    #[test]
    fn forged_and_forgotten_tickets_are_not_read() {
        let tickets = Tickets::new(ROTATION, Clock::fixed(Duration::ZERO)).unwrap();
        let ticket = tickets.encrypt(b"session").unwrap();
        for at in 0..ticket.len() {
            let mut forged = ticket.clone();
            forged[at] ^= 1;
            assert_eq!(tickets.decrypt(&forged), None, "byte {at}");
            assert_eq!(tickets.decrypt(&ticket[..at]), None);
        }
        tickets.forget();
        assert_eq!(tickets.decrypt(&ticket), None);
    }
}
