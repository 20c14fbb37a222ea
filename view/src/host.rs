//! What surrounds a page: an extension or a web site. Each brings the words and its own files
//! along.

use std::cell::RefCell;
use std::rc::Rc;

/// What a page gets from its surroundings.
pub trait Host {
    /// The text of `key` with its `$1`, `$2`… filled in; empty where there is none.
    fn message(&self, key: &str, values: &[&str]) -> String;
    /// The user's language, as in BCP 47.
    fn language(&self) -> String;
    /// The address of one of the page's own files.
    fn own_url(&self, path: &str) -> String;
}

thread_local! {
    static HOST: RefCell<Option<Rc<dyn Host>>> = const { RefCell::new(None) };
}

/// Says where the page is; done once, before anything is built.
pub fn set(host: impl Host + 'static) {
    HOST.set(Some(Rc::new(host)));
}

/// What `ask` gets from the host; nothing as long as there is none.
pub(crate) fn ask<T: Default>(ask: impl Fn(&dyn Host) -> T) -> T {
    let host = HOST.with_borrow(Clone::clone);
    host.map(|host| ask(&*host)).unwrap_or_default()
}
