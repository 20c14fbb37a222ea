//! What was issued for a name: asked of monitors, watched, and shown over time.

pub mod authority;
pub mod issuance;
pub mod monitor;
pub mod timeline;
pub mod watch;
