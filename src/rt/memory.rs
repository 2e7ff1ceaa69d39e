//! What the allocator keeps of memory that was freed, and when it gives it back to the system.
//!
//! An allocator keeps what was freed for the next one who asks, on a quiet thread for ever. Whoever
//! knows that a burst is over says so here. The static file's allocator is chosen in `src/main.rs`.

/// Gives what was freed back to the system: that of the calling thread, and what belongs to no thread.
/// Takes tens of microseconds, and the next allocations are slower by page faults: once a second at most.
pub fn give_back() {
    #[cfg(target_env = "musl")]
    // SAFETY: may be called by any thread at any time; it touches nothing but free memory.
    unsafe {
        libmimalloc_sys::mi_collect(true);
    }
    #[cfg(target_env = "gnu")]
    // SAFETY: as above; 0 bytes are to be left at the top of the heap.
    unsafe {
        libc::malloc_trim(0);
    }
}
