//! What the command line can be asked for, one file each.

pub(crate) mod advisories;
pub(crate) mod audit;
pub(crate) mod batch;
pub(crate) mod check;
pub(crate) mod home;
pub(crate) mod log_list;
pub(crate) mod pin;
