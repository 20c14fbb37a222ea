//! What is known together with what is stored: read, changed and written here, by every feature.
//!
//! | key | content |
//! |---|---|
//! | `pins` | the site records, in the format of the export (`doorlight::site::pins`) |
//! | `settings` | [`Settings`] |
//! | `journal` | a list of [`Entry`] |
//! | `intermediates` | certificates in base64 DER, to complete chains that come without |
//! | `audits` | an [`AuditState`] for each address |
//! | `watch ADDRESS` | what was issued for a name (`doorlight::issuances::watch`); read when it is needed |
//! | `heads` | what was seen of each log (`doorlight::ct::heads`); the same |
//! | `fetched_log_list` | a list of logs whose signature was found good |
//! | `homes` | a [`HomeState`] for each address |
//! | `token ADDRESS` (both) | the token that its home may be asked with: kept in the session, or for longer where the user chose so |
//! | `seed` | spreads the hours of the audits |
//! | `kept_aside` | values that could not be read, as they were |
//! | `standings` (session) | an [`AddressState`](crate::session::AddressState) for each address |
//! | `passes` (session) | what may pass by that, for whoever only compares ([`SessionText`]); not text |
//! | `placed` (session) | the hosts whose gate was set, each with whether all of it is there |
//! | `paused_downloads` | which downloads wait for their gate ([`crate::downloads`]) |
//! | `pins_written` | which write of `pins` that is ([`Write`]) |
//! | `written` (both) | who wrote last, so that a second background notices |
//!
//! Each value is one string of JSON, so that the browser writes it whole or not at all. What can't
//! be read is never overwritten before it is kept aside, and pins that can't be read are never
//! taken for none.

use core::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use base64ct::{Base64, Encoding};
use doorlight::address::{Address, Host};
use doorlight::ct::heads::Heads;
use doorlight::ct::log_list::renewal::Fetched;
use doorlight::issuances::watch::WatchRecord;
use doorlight::site::pins::Pins;
use doorlight::text::printable;
use doorlight::time::Timestamp;
use serde_json::{Value, json};

use crate::audit::AuditState;
use crate::changes::{Changes, Write};
use crate::home::HomeState;
use crate::journal::{self, Entry, Event};
use crate::ports::{Area, Clock, Refused, Storage};
use crate::session::{Session, SessionText};
use crate::settings::Settings;
use crate::state::{Shared, State};
use crate::storage::{KEYS, Kept, with_audited, written};
use crate::trouble::Trouble;
use crate::turn::Turn;

/// The most values that are kept aside; the newest are refused beyond that, and stay where they
/// are.
const MAX_KEPT_ASIDE: usize = 16;

/// Reads everything that outlives the browser.
///
/// # Errors
/// The storage does not answer.
pub async fn load(storage: &impl Storage) -> Result<Kept, Refused> {
    Ok(Kept::read(&storage.read(Area::Local, &KEYS).await?))
}

/// Reads what is known in this session. What cannot be read counts as nothing known: every gate is
/// shut.
pub async fn load_session(storage: &impl Storage) -> Session {
    let text = one(storage, Area::Session, "standings").await.ok().flatten();
    text.as_ref()
        .and_then(Value::as_str)
        .and_then(|json| serde_json::from_str(json).ok())
        .unwrap_or_default()
}

/// Reads the hosts whose gate was set in this session, each with whether all of it is in its place.
/// What cannot be read counts as none.
pub async fn load_placed(storage: &impl Storage) -> BTreeMap<Host, bool> {
    let placed = one(storage, Area::Session, "placed").await.ok().flatten();
    placed.and_then(|placed| serde_json::from_value(placed).ok()).unwrap_or_default()
}

async fn one(storage: &impl Storage, area: Area, key: &str) -> Result<Option<Value>, Refused> {
    Ok(storage.read(area, &[key]).await?.get_mut(key).map(Value::take))
}

fn watch_key(address: &Address) -> String {
    format!("watch {address}")
}

fn token_key(address: &Address) -> String {
    format!("token {address}")
}

/// The state and the ports by which it is stored. Cheap to clone: all are one.
#[derive(Debug)]
pub struct Store<P>(Rc<Parts<P>>);

#[derive(Debug)]
struct Parts<P> {
    ports: P,
    state: Shared<State>,
    /// Who writes: in Chromium a private window has a background of its own, over the same storage.
    own: String,
    /// How often so far.
    writes: Cell<u64>,
    /// One after the other: changes of the settings, which are written as a whole.
    settings_turn: Turn,
    /// The same for the site records.
    pins_turn: Turn,
    changes: Shared<Changes>,
    /// How often what is known has changed.
    changed: Cell<u64>,
    /// How many writes are under way.
    writing: Cell<u32>,
}

/// A write that is under way, until it is dropped.
struct Writing<'a, P>(&'a Parts<P>);

impl<P> Drop for Writing<'_, P> {
    fn drop(&mut self) {
        self.0.writing.set(self.0.writing.get() - 1);
        self.0.changed.set(self.0.changed.get() + 1);
    }
}

impl<P> Clone for Store<P> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<P: Clock + Storage> Store<P> {
    /// Keeps `state` by `ports`.
    pub fn new(ports: P, state: State) -> Self {
        let own = ports.random_uuid();
        Self(Rc::new(Parts {
            ports,
            state: Shared::new(state),
            own,
            writes: Cell::new(0),
            settings_turn: Turn::default(),
            pins_turn: Turn::default(),
            changes: Shared::new(Changes::default()),
            changed: Cell::new(0),
            writing: Cell::new(0),
        }))
    }

    /// The ports.
    pub fn ports(&self) -> &P {
        &self.0.ports
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.0.ports.now()
    }

    /// Reads what is known.
    pub fn with<R>(&self, read: impl FnOnce(&State) -> R) -> R {
        self.0.state.with(read)
    }

    /// Changes what is known, without storing it.
    pub fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        self.0.changed.set(self.0.changed.get() + 1);
        self.0.state.change(|state| {
            let result = change(state);
            state.has_changed();
            result
        })
    }

    /// True for an address that the user added.
    pub fn is_guarded(&self, address: &Address) -> bool {
        self.with(|state| state.is_guarded(address, self.now()))
    }

    /// Notes what could not be stored, or that all is; it is kept in memory, and tried again with
    /// the next change.
    pub fn stored(&self, result: Result<(), Refused>) {
        let trouble = result.err().map(|error| not_stored(&error));
        self.change(|state| state.not_stored = trouble);
    }

    /// Notes what could not be stored; unlike a success, which says nothing about what could not be
    /// kept before.
    ///
    /// # Errors
    /// What it is given.
    pub fn noted<T>(&self, result: Result<T, Refused>) -> Result<T, Refused> {
        if let Err(error) = &result {
            self.stored(Err(error.clone()));
        }
        result
    }

    /// Changes the site records and stores them. `None` where they cannot be read.
    pub async fn change_pins<T>(&self, change: impl FnOnce(&mut Pins) -> T) -> Option<T> {
        let (result, has_changed) = self.change_pins_in_memory(change)?;
        if has_changed {
            self.save_pins().await;
        }
        Some(result)
    }

    /// Changes the site records without storing them, and says whether they have changed. `None`
    /// where they cannot be read.
    pub fn change_pins_in_memory<T>(
        &self,
        change: impl FnOnce(&mut Pins) -> T,
    ) -> Option<(T, bool)> {
        self.change(|state| {
            let pins = state.kept.pins.as_mut().ok()?;
            let before = pins.clone();
            let result = change(pins);
            Some((result, self.0.changes.change(|changes| changes.note(&before, pins))))
        })
    }

    /// Stores what has changed of the site records. What another background has stored of other
    /// addresses stays.
    pub async fn save_pins(&self) {
        let _turn = self.0.pins_turn.take().await;
        let stored = match self.ports().read(Area::Local, &["pins", "pins_written"]).await {
            Ok(stored) => stored,
            Err(error) => return self.stored(Err(error)),
        };
        let write = pins_write(&stored);
        let stored =
            stored.get("pins").and_then(Value::as_str).map(|json| Pins::from_json(json.as_bytes()));
        let stamp = self.stamp();
        let pins = self.change(|state| {
            let own = state.kept.pins.as_ref().ok()?.clone();
            match stored.unwrap_or(Ok(own)) {
                Ok(stored) => {
                    let pins = self.0.changes.change(|changes| {
                        let pins = changes.over(&write, self.is_own(&write.stamp), stored);
                        changes.begin(&write, &stamp);
                        pins
                    });
                    state.kept.pins = Ok(pins.clone());
                    Some(pins)
                }
                // They went bad since they were read, and are not overwritten.
                Err(error) => {
                    state.kept.pins = Err(error);
                    state.kept.unreadable.push("pins");
                    None
                }
            }
        });
        let Some(pins) = pins else { return };
        let write = write.next(stamp.clone());
        let entries = json!({"pins": pins.to_json(), "pins_written": write, "written": stamp});
        let result = self.write(Area::Local, entries).await;
        if result.is_err() {
            self.0.changes.change(|changes| changes.failed(&stamp));
        }
        self.stored(result);
    }

    /// Takes over what is stored after another background has written, with what this one changed
    /// and that one did not know of. `Some(true)` where something of that has to be stored again;
    /// `None` where what was read may be older than what is known here, unless `is_last`.
    ///
    /// # Errors
    /// The storage does not answer.
    pub async fn read_again(&self, is_last: bool) -> Result<Option<bool>, Refused> {
        let is_writing = || self.0.writing.get() > 0;
        let before = self.0.changed.get();
        if is_writing() && !is_last {
            return Ok(None);
        }
        let all = self.ports().read(Area::Local, &KEYS).await?;
        let mut kept = Kept::read(&all);
        if !is_last && (before != self.0.changed.get() || is_writing()) {
            return Ok(None);
        }
        Ok(Some(self.change(|state| {
            self.0.changes.change(|changes| {
                let write = pins_write(&all);
                kept.pins = match kept.pins {
                    Ok(pins) => Ok(changes.over(&write, self.is_own(&write.stamp), pins)),
                    error => error,
                };
                state.kept = kept;
                state.set_trust(None);
                changes.are_missing_in(&write)
            })
        })))
    }

    /// Stores entries, and counts that.
    async fn write(&self, area: Area, entries: Value) -> Result<(), Refused> {
        let _writing = self.begin_writing();
        self.ports().write(area, entries).await
    }

    fn begin_writing(&self) -> Writing<'_, P> {
        self.0.writing.set(self.0.writing.get() + 1);
        Writing(&self.0)
    }

    /// The site records begin anew; those that cannot be read are kept aside.
    ///
    /// # Errors
    /// They could not be stored, and are where they were.
    pub async fn begin_pins_anew(&self) -> Result<(), Refused> {
        let empty = Pins::default();
        let write = Write::first(self.stamp());
        self.put_aside("pins", json!({"pins": empty.to_json(), "pins_written": write})).await?;
        self.change(|state| {
            state.kept.pins =
                Ok(self.0.changes.change(|changes| changes.over(&write, true, empty)));
            state.kept.unreadable.retain(|key| *key != "pins");
            state.kept.kept_aside += 1;
            state.session.forget_all();
        });
        Ok(())
    }

    /// Changes the settings as they are now, and stores them; those that could not be read, aside.
    ///
    /// # Errors
    /// They could not be stored, and stay as they were.
    pub async fn change_settings(&self, change: impl FnOnce(&mut Settings)) -> Result<(), Refused> {
        let _turn = self.0.settings_turn.take().await;
        let mut settings = self.with(|state| state.kept.settings.clone());
        change(&mut settings);
        let is_unreadable = self.with(|state| state.kept.unreadable.contains(&"settings"));
        if is_unreadable {
            self.keep_aside("settings", written(&settings)).await?;
            self.change(|state| {
                state.kept.unreadable.retain(|key| *key != "settings");
                state.kept.kept_aside += 1;
            });
        } else {
            let entries = json!({"settings": written(&settings), "written": self.stamp()});
            self.write(Area::Local, entries).await?;
        }
        self.change(|state| state.kept.settings = settings);
        Ok(())
    }

    /// Adds to the journal.
    pub async fn note(&self, address: Option<&Address>, what: Event, detail: String) {
        let address = address.map(Address::to_string).unwrap_or_default();
        let entry = Entry { at: self.now(), address, what, detail };
        let journal = self.change(|state| {
            journal::note(&mut state.kept.journal, entry);
            written(&state.kept.journal)
        });
        // A journal that cannot be kept must not hide that pins could not.
        let _ = self.write(Area::Local, json!({"journal": journal})).await;
    }

    /// Notes that somebody else may have stored something under the name of an address, until its
    /// owner clears it.
    pub async fn make_unclean(&self, address: &Address) {
        if self.with(|state| state.kept.settings.unclean.contains(address)) {
            return;
        }
        let changed = self.change_settings(|settings| {
            settings.unclean.insert(address.clone());
        });
        self.stored(changed.await);
    }

    /// Stores the intermediates.
    pub async fn save_intermediates(&self) {
        let ders: Vec<_> = self.with(|state| {
            state.kept.intermediates.iter().map(|one| Base64::encode_string(one.der())).collect()
        });
        // They are a convenience; without room they come again.
        let _ = self.write(Area::Local, json!({"intermediates": written(&ders)})).await;
    }

    /// Stores what the audits found about an address, `None` for nothing any more. What another
    /// background knows of other addresses stays.
    ///
    /// # Errors
    /// What was stored before is still there.
    pub async fn save_audited(
        &self,
        address: &Address,
        audited: Option<&AuditState>,
    ) -> Result<(), Refused> {
        let _writing = self.begin_writing();
        let all = self.ports().read(Area::Local, &["audits"]).await?;
        let audits = with_audited(&all, address, audited);
        self.write(Area::Local, json!({"audits": audits, "written": self.stamp()})).await
    }

    /// Changes what is kept of asking a home. False where that could not be stored.
    pub async fn change_home(
        &self,
        address: &Address,
        change: impl FnOnce(&mut HomeState),
    ) -> bool {
        let homes = self.change(|state| {
            // One that was forgotten while it was asked leaves no trace.
            state.kept.settings.homes.contains_key(address).then(|| {
                change(state.kept.homes.entry(address.clone()).or_default());
                written(&state.kept.homes)
            })
        });
        match homes {
            Some(homes) => self.save_homes(homes).await,
            None => true,
        }
    }

    /// Forgets what is kept of asking a home.
    pub async fn forget_home_state(&self, address: &Address) {
        let homes = self.change(|state| {
            state.kept.homes.remove(address);
            written(&state.kept.homes)
        });
        self.save_homes(homes).await;
    }

    async fn save_homes(&self, homes: String) -> bool {
        let entries = json!({"homes": homes, "written": self.stamp()});
        self.noted(self.write(Area::Local, entries).await).is_ok()
    }

    /// The token of a home, wherever it is.
    pub async fn load_token(&self, address: &Address) -> Option<String> {
        let key = token_key(address);
        for area in [Area::Session, Area::Local] {
            let found = one(self.ports(), area, &key).await.ok().flatten();
            if let Some(Value::String(token)) = found {
                return Some(token);
            }
        }
        None
    }

    /// Stores the token of a home, for this session or for longer. It is in one place only.
    ///
    /// # Errors
    /// It may be in neither, or in both.
    pub async fn save_token(
        &self,
        address: &Address,
        token: &str,
        is_kept: bool,
    ) -> Result<(), Refused> {
        let key = token_key(address);
        let (to, from) =
            if is_kept { (Area::Local, Area::Session) } else { (Area::Session, Area::Local) };
        // Written before the other is removed: a background that is killed in between loses
        // nothing.
        self.write(to, json!({&key: token})).await?;
        self.ports().remove(from, &[&key]).await
    }

    /// Forgets the token of a home.
    ///
    /// # Errors
    /// It may still be there.
    pub async fn forget_token(&self, address: &Address) -> Result<(), Refused> {
        let key = token_key(address);
        // One that cannot be reached keeps nobody from the other.
        let in_session = self.ports().remove(Area::Session, &[&key]).await;
        self.ports().remove(Area::Local, &[&key]).await.and(in_session)
    }

    /// Stores a list of logs that was fetched.
    pub async fn save_fetched_log_list(&self, fetched: &Fetched) {
        let entries = json!({"fetched_log_list": written(fetched)});
        self.stored(self.write(Area::Local, entries).await);
    }

    /// Stores an unreadable value aside, in one step with what takes its place.
    ///
    /// # Errors
    /// It could not be stored, or too many are there; it is where it was.
    async fn keep_aside(&self, key: &str, replacement: String) -> Result<(), Refused> {
        self.put_aside(key, json!({key: replacement})).await
    }

    async fn put_aside(&self, key: &str, mut entries: Value) -> Result<(), Refused> {
        let all = self.ports().read_all(Area::Local).await?;
        let mut aside =
            all.get("kept_aside").and_then(Value::as_array).cloned().unwrap_or_default();
        if aside.len() >= MAX_KEPT_ASIDE {
            return Err(Refused {
                call: "keep_aside",
                reason: "too many values are kept aside".into(),
            });
        }
        aside.push(json!({"key": key, "at": self.now().to_string(), "value": all.get(key)}));
        if let Some(entries) = entries.as_object_mut() {
            entries.insert("kept_aside".into(), aside.into());
            entries.insert("written".into(), self.stamp().into());
        }
        self.write(Area::Local, entries).await
    }

    /// Reads one value. One that cannot be read is kept aside, and `empty` takes its place.
    async fn load_one<T>(
        &self,
        key: &str,
        read: impl Fn(&str) -> Option<T>,
        empty: impl Fn() -> (T, String),
    ) -> Result<T, Refused> {
        let found = one(self.ports(), Area::Local, key).await?;
        let (new, json) = empty();
        match found {
            None => Ok(new),
            Some(value) => match value.as_str().and_then(read) {
                Some(found) => Ok(found),
                None => self.keep_aside(key, json).await.map(|()| new),
            },
        }
    }

    /// Reads what was issued for the name of an address: the record that could not be stored last,
    /// or the one that is stored.
    ///
    /// # Errors
    /// The storage does not answer.
    pub async fn load_watch(
        &self,
        address: &Address,
        at: Timestamp,
    ) -> Result<WatchRecord, Refused> {
        if let Some(unsaved) = self.with(|state| state.unsaved_watches.get(address).cloned()) {
            return Ok(unsaved);
        }
        let read = |json: &str| {
            WatchRecord::from_json(json.as_bytes()).ok().filter(|watch| watch.address == *address)
        };
        let empty = || {
            let watch = WatchRecord::new(address.clone(), at);
            let json = watch.to_json();
            (watch, json)
        };
        self.load_one(&watch_key(address), read, empty).await
    }

    /// Stores it, or keeps it in memory where that fails.
    pub async fn save_watch(&self, watch: &WatchRecord) {
        let entries = json!({watch_key(&watch.address): watch.to_json()});
        let saved = self.noted(self.write(Area::Local, entries).await);
        self.change(|state| match saved {
            Ok(()) => drop(state.unsaved_watches.remove(&watch.address)),
            Err(_) => drop(state.unsaved_watches.insert(watch.address.clone(), watch.clone())),
        });
    }

    /// Forgets it.
    ///
    /// # Errors
    /// It may still be there.
    pub async fn forget_watch(&self, address: &Address) -> Result<(), Refused> {
        self.change(|state| state.unsaved_watches.remove(address));
        self.ports().remove(Area::Local, &[&watch_key(address)]).await
    }

    /// Reads what was seen of each log.
    ///
    /// # Errors
    /// The storage does not answer.
    pub async fn load_heads(&self) -> Result<Heads, Refused> {
        let read = |json: &str| Heads::from_json(json.as_bytes()).ok();
        self.load_one("heads", read, || (Heads::default(), Heads::default().to_json())).await
    }

    /// Stores it.
    ///
    /// # Errors
    /// What was stored before is still there.
    pub async fn save_heads(&self, heads: &Heads) -> Result<(), Refused> {
        self.write(Area::Local, json!({"heads": heads.to_json()})).await
    }

    /// A number of this installation's own, by which its audits are spread over the hours.
    ///
    /// # Errors
    /// The storage does not answer.
    pub async fn seed(&self) -> Result<u64, Refused> {
        let known = one(self.ports(), Area::Local, "seed").await?;
        if let Some(seed) =
            known.as_ref().and_then(Value::as_str).and_then(|text| text.parse().ok())
        {
            return Ok(seed);
        }
        // 44 of its 48 bits are random.
        let digits: String =
            self.ports().random_uuid().chars().filter(char::is_ascii_hexdigit).take(12).collect();
        let seed = u64::from_str_radix(&digits, 16).unwrap_or(0);
        self.write(Area::Local, json!({"seed": seed.to_string()})).await?;
        Ok(seed)
    }

    /// Stores the session.
    ///
    /// # Errors
    /// What was stored before may still be there.
    pub async fn save_session(&self, text: SessionText) -> Result<(), Refused> {
        let SessionText { standings, passes } = text;
        let entries = json!({"standings": standings, "passes": passes, "written": self.stamp()});
        self.write(Area::Session, entries).await
    }

    /// Forgets it: every gate is shut then.
    ///
    /// # Errors
    /// It may still be there.
    pub async fn forget_session(&self) -> Result<(), Refused> {
        self.ports().remove(Area::Session, &["standings", "passes"]).await
    }

    /// Stores the hosts whose gate was set.
    ///
    /// # Errors
    /// What was stored before may still be there.
    pub async fn save_placed(&self) -> Result<(), Refused> {
        let placed = self.with(|state| json!({"placed": state.placed}));
        self.write(Area::Session, placed).await
    }

    /// A new stamp for something that is written.
    fn stamp(&self) -> String {
        self.0.writes.set(self.0.writes.get() + 1);
        format!("{} {}", self.0.own, self.0.writes.get())
    }

    /// True for a stamp of this background.
    pub fn is_own(&self, stamp: &str) -> bool {
        stamp.split(' ').next() == Some(&self.0.own)
    }
}

/// Which write of the site records is stored.
fn pins_write(stored: &Value) -> Write {
    stored
        .get("pins_written")
        .and_then(|write| serde_json::from_value(write.clone()).ok())
        .unwrap_or_default()
}

/// What could not be stored, as the pages tell it.
pub fn not_stored(error: &Refused) -> Trouble {
    Trouble { code: "not-stored".into(), detail: printable(&error.to_string()) }
}
