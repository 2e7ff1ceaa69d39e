//! Durable state: atomic publish, journal and snapshots, locks, quarantine.
