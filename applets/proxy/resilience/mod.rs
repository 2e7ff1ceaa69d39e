//! What keeps one trouble from becoming many: limits, budgets, second tries.
//!
//! Decisions only, apart from any protocol: `http1` asks whether a request may go on (`rate.rs`,
//! `shed.rs`, `breaker.rs`) and whether it is worth another try (`retry.rs`, `budget.rs`). What is
//! counted is exact across workers; what is not configured is not looked at.

mod breaker;
mod budget;
mod memory;
mod rate;
mod retry;
mod shed;

pub use breaker::{Breakers, Gate, Limits, Permit};
pub use budget::{Budget, Budgets};
pub use memory::{Memory, Stage};
pub(crate) use memory::{resident, watch as watch_memory};
pub use rate::{RateBy, RateLimit, RateLimits, RateStates};
pub use retry::{Means, Retry, RetryOn, Tries, Why};
pub use shed::{Shed, ShedPermit, Shedder};
