//! The lab: certificate authorities, logs, homes and attackers, made afresh at every run.
//!
//! Nothing here is a mock of Doorlight: real keys, real certificates with true SCTs (by rcgen and AWS-LC), real TLS servers (rustls) on loopback.

pub mod authority;
pub mod cli;
pub mod control;
pub mod door;
pub mod further;
pub mod home;
pub mod http;
pub mod journal;
pub mod log;
pub mod pages;
pub mod scenario;
pub mod server;
pub mod weak;
