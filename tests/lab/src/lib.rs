//! The lab: certificate authorities, logs, monitors, homes and attackers, made afresh at every run.
//!
//! Nothing here is a mock of Doorlight: real keys, real certificates with true SCTs (by rcgen and
//! AWS-LC), real trees, real servers on loopback.

pub mod authority;
pub mod cert_spotter;
pub mod cli;
pub mod control;
pub mod crt_sh;
pub mod door;
pub mod fault;
pub mod further;
pub mod home;
pub mod home_assistant;
pub mod http;
pub mod issuance;
pub mod journal;
pub mod list;
pub mod log;
pub mod pages;
pub mod port;
pub mod rfc6962;
pub mod scenario;
pub mod server;
pub mod service;
pub mod static_ct;
pub mod tree;
pub mod upstream;
pub mod weak;
pub mod websocket;
pub mod world;
