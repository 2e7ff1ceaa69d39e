//! The one crypto provider; keys, certificates and trust, swapped while serving.
