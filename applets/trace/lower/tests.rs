//! Small typed trees, lowered and run through the emitter.
