//! `edgekit trace` end to end.
