//! A token's store as the rest of the library sees it: sealed objects and PINs over the rows of a database.

use std::sync::Mutex;

use super::parts::{Epoch, Header, Manifest, PinState, Role, Serial, read_part, write_part};
use super::profile::Profile;
use super::record::Packed;
use super::rows::{Head, Kind, Rows, Transaction, Version};
use super::sealing::{self, DataKey, Pin, Seal, Wrap};
use super::seen::Seen;
use super::tries::Tries;
use super::{LABEL_LEN, Result, StoreError};

/// More objects than anybody keeps in a token; what is above it comes from damage.
const MAX_OBJECTS: u64 = 1 << 20;

/// One token's store.
pub(crate) struct Vault {
    serial: Serial,
    rows: Mutex<Box<dyn Rows>>,
    tries: Tries,
    /// What was read last, with the version that it is of.
    described: Mutex<Option<(Version, Described)>>,
}

/// What programs ask of a token again and again, and what changes when somebody writes to it and at no other time.
#[derive(Clone)]
struct Described {
    label: [u8; LABEL_LEN],
    max_tries: u8,
    /// Of the SO PIN and the user PIN.
    settings: [Option<Seal>; 2],
}

/// An object as it was found.
pub(crate) enum Content {
    Sound(Packed),
    /// Its bytes are not what was written.
    Damaged,
}

/// What another process, or a login, has changed.
#[derive(Default)]
pub(crate) struct Changes {
    /// The token was initialised anew: nothing of before is valid.
    pub(crate) anew: bool,
    pub(crate) gone: Vec<u64>,
    pub(crate) found: Vec<(Head, Content)>,
    /// Objects are missing, and nobody can say which.
    pub(crate) is_short: bool,
    /// The settings of the SO PIN and the user PIN; `None` if nothing was read.
    pub(crate) settings: Option<[Option<Seal>; 2]>,
}

/// What a transaction wrote, and on which version it was built.
pub(crate) struct Written<T> {
    pub(crate) base: Version,
    pub(crate) outcome: T,
}

/// A PIN that is ready to be set.
pub(crate) struct NewPin {
    role: Role,
    epoch: Epoch,
    wrap: Wrap,
}

impl Vault {
    pub(super) fn new(serial: Serial, rows: Box<dyn Rows>, tries: Tries) -> Self {
        Self {
            serial,
            rows: Mutex::new(rows),
            tries,
            described: Mutex::default(),
        }
    }

    pub(crate) fn serial(&self) -> Serial {
        self.serial
    }

    fn transaction<T>(&self, kind: Kind, work: impl Fn(&dyn Transaction) -> Result<T>) -> Result<T> {
        let mut outcome = None;
        self.rows.lock()?.transaction(kind, &mut |rows| {
            outcome = Some(work(rows)?);
            Ok(())
        })?;
        outcome.ok_or(StoreError::Corrupt("a transaction without an outcome"))
    }

    fn read<T>(&self, work: impl Fn(&dyn Transaction) -> Result<T>) -> Result<T> {
        self.transaction(Kind::Read, work)
    }

    fn write<T>(&self, work: impl Fn(&dyn Transaction) -> Result<T>) -> Result<T> {
        self.transaction(Kind::Write, work)
    }

    fn erase<T>(&self, work: impl Fn(&dyn Transaction) -> Result<T>) -> Result<T> {
        self.transaction(Kind::Erase, work)
    }

    /// Makes an empty token of it: new epoch, new keys, only the SO PIN set. What was there is gone.
    pub(crate) fn initialize(
        &self,
        created: u64,
        label: [u8; LABEL_LEN],
        profile: Profile,
        pin: &Pin,
    ) -> Result<()> {
        let header = Header::new(self.serial, created, label, profile)?;
        let key = DataKey::random(header.epoch)?;
        let wrap = Wrap::seal(Role::Officer, &header.encode(), &key, pin)?.encode();
        self.erase(|rows| {
            rows.clear_objects()?;
            rows.delete_part(Role::User.part())?;
            header.write(rows)?;
            write_part(rows, Role::Officer.part(), self.serial, &wrap)?;
            Manifest::default().write(rows, self.serial)
        })
    }

    /// Label, epoch and profile.
    pub(crate) fn header(&self) -> Result<Header> {
        self.read(|rows| Header::read(rows, self.serial))
    }

    /// The token's label, padded.
    pub(crate) fn label(&self) -> Result<[u8; LABEL_LEN]> {
        Ok(self.described()?.label)
    }

    /// The states of the SO PIN and the user PIN.
    pub(crate) fn pins(&self) -> Result<[PinState; 2]> {
        let Described {
            max_tries, settings, ..
        } = self.described()?;
        let tries = self.tries.counts(settings)?;
        let state = |role: Role| PinState {
            is_set: settings[role as usize].is_some(),
            tries: tries[role as usize],
            max: max_tries,
        };
        Ok([state(Role::Officer), state(Role::User)])
    }

    fn described(&self) -> Result<Described> {
        let now = self.version()?;
        let known = self.described.lock()?.clone();
        if let Some((_, described)) = known.filter(|(version, _)| now == Some(*version)) {
            return Ok(described);
        }
        let read = self.read(|rows| {
            let header = Header::read(rows, self.serial)?;
            let described = Described {
                label: header.label,
                max_tries: header.profile.max_tries(),
                settings: self.settings(rows)?,
            };
            Ok((rows.version()?, described))
        })?;
        let described = read.1.clone();
        *self.described.lock()? = Some(read);
        Ok(described)
    }

    fn wrap(&self, rows: &dyn Transaction, role: Role) -> Result<Option<Wrap>> {
        let body = read_part(rows, role.part(), self.serial)?;
        body.map(|body| Wrap::decode(&body)).transpose()
    }

    /// Opens the data key with a PIN. The try is on disk before the PIN is looked at. One try after another, also of
    /// other processes: right ones that were counted at the same time would add up to a locked PIN.
    pub(crate) fn unlock(&self, role: Role, pin: &Pin) -> Result<DataKey> {
        let _turn = self.tries.turn()?;
        let (header, wrap) = self.read(|rows| {
            // Damage is found before a try is spent on it.
            let wrap = self.wrap(rows, role)?.ok_or(StoreError::PinNotSet)?;
            Ok((Header::read(rows, self.serial)?, wrap))
        })?;
        // So is a lack of memory: right PINs that nobody could look at would add up to a locked one.
        let blocks = wrap.blocks()?;
        let counter = self.tries.hold()?;
        counter.spend(role, wrap.name(), header.profile.max_tries())?;
        drop(counter); // others read it meanwhile
        let key = wrap.open(role, &header.encode(), header.epoch, pin, blocks)?;
        self.read(|rows| self.check_epoch(rows, key.epoch))?;
        self.tries.hold()?.clear(role, wrap.name())?;
        Ok(key)
    }

    /// Whether too many wrong PINs have been tried.
    pub(crate) fn is_locked(&self, role: Role) -> Result<bool> {
        let [officer, user] = self.pins()?;
        let state = if role == Role::Officer { officer } else { user };
        Ok(state.tries >= state.max)
    }

    /// Prepares a new PIN, which takes as long as a login.
    pub(crate) fn prepare_pin(&self, role: Role, key: &DataKey, pin: &Pin) -> Result<NewPin> {
        let header = self.header()?;
        Ok(NewPin {
            role,
            epoch: key.epoch,
            wrap: Wrap::seal(role, &header.encode(), key, pin)?,
        })
    }

    /// Sets a PIN, whose tries begin at zero; tells which setting it is. No object is touched.
    pub(crate) fn set_pin(&self, new: &NewPin) -> Result<Seal> {
        self.erase(|rows| {
            self.check_epoch(rows, new.epoch)?;
            write_part(rows, new.role.part(), self.serial, &new.wrap.encode())
        })?;
        Ok(new.wrap.name())
    }

    fn check_epoch(&self, rows: &dyn Transaction, epoch: Epoch) -> Result<Header> {
        let header = Header::read(rows, self.serial)?;
        if header.epoch == epoch {
            Ok(header)
        } else {
            Err(StoreError::Gone)
        }
    }

    /// Stores new objects, all or none of them. Private ones need the data key.
    pub(crate) fn insert(
        &self,
        epoch: Epoch,
        objects: &[(u64, bool, &Packed)],
        key: Option<&DataKey>,
    ) -> Result<Written<Vec<Head>>> {
        check_key(epoch, key)?;
        self.write(|rows| {
            let base = rows.version()?;
            let header = self.check_epoch(rows, epoch)?;
            let mut manifest = Manifest::read(rows, self.serial)?;
            let mut heads = Vec::with_capacity(objects.len());
            for (class, private, packed) in objects {
                if manifest.count >= MAX_OBJECTS {
                    return Err(StoreError::Full);
                }
                manifest.revision += 1;
                manifest.last_id += 1;
                manifest.count += 1;
                let head = Head {
                    id: manifest.last_id,
                    revision: manifest.revision,
                    private: *private,
                    class: *class,
                };
                manifest.toggle(&head);
                rows.put_object(&head, &seal(&header, &head, packed, key)?)?;
                heads.push(head);
            }
            manifest.write(rows, self.serial)?;
            let outcome = heads;
            Ok(Written { base, outcome })
        })
    }

    /// Stores the new attributes of an object that the caller has read under the head `known`; its class stays, and
    /// so does who may see it. `Gone` if it is another by now: the columns beside a record are not sealed until the
    /// record is, so they are never taken over, and nobody's change is written over unseen.
    pub(crate) fn replace(
        &self,
        epoch: Epoch,
        known: &Head,
        packed: &Packed,
        key: Option<&DataKey>,
    ) -> Result<Written<Head>> {
        check_key(epoch, key)?;
        self.write(|rows| {
            let base = rows.version()?;
            let header = self.check_epoch(rows, epoch)?;
            if rows.head(known.id)? != Some(*known) {
                return Err(StoreError::Gone);
            }
            let mut manifest = Manifest::read(rows, self.serial)?;
            manifest.revision += 1;
            let head = Head {
                revision: manifest.revision,
                ..*known
            };
            manifest.toggle(known);
            manifest.toggle(&head);
            rows.put_object(&head, &seal(&header, &head, packed, key)?)?;
            manifest.write(rows, self.serial)?;
            let outcome = head;
            Ok(Written { base, outcome })
        })
    }

    /// Destroys an object.
    pub(crate) fn remove(&self, epoch: Epoch, id: u64) -> Result<Written<()>> {
        self.erase(|rows| {
            let base = rows.version()?;
            self.check_epoch(rows, epoch)?;
            let mut manifest = Manifest::read(rows, self.serial)?;
            let head = match rows.head(id) {
                Ok(head) => head.ok_or(StoreError::Gone)?,
                // A damaged object can be destroyed; the manifest goes on telling that something was lost.
                Err(StoreError::Corrupt(_)) => Head::unreadable(id),
                Err(error) => return Err(error),
            };
            if !rows.delete_object(id)? {
                return Err(StoreError::Gone);
            }
            manifest.revision += 1;
            manifest.count = manifest.count.saturating_sub(1);
            manifest.toggle(&head);
            manifest.write(rows, self.serial)?;
            Ok(Written { base, outcome: () })
        })
    }

    /// The version that the file has now; see [`Rows::version`].
    pub(crate) fn version(&self) -> Result<Option<Version>> {
        self.rows.lock()?.version()
    }

    /// Reads what has changed since `seen`: public objects, and private ones if there is a key. A damaged object
    /// does not hide the others.
    pub(crate) fn changes(&self, seen: &mut Seen, key: Option<&DataKey>) -> Result<Changes> {
        if seen.is(self.version()?, key.is_some()) {
            return Ok(Changes {
                is_short: seen.is_short,
                ..Changes::default()
            });
        }
        let (next, changes) = self.read(|rows| {
            let version = rows.version()?;
            let header = Header::read(rows, self.serial)?;
            let manifest = Manifest::read(rows, self.serial)?;
            let is_same_file = seen.version.is_none_or(|seen| seen.file == version.file);
            let anew = header.epoch != seen.epoch || !is_same_file;
            let heads = heads(rows, &manifest)?;
            let next = Seen {
                version: Some(version),
                epoch: header.epoch,
                has_private: key.is_some(),
                is_short: !manifest.covers(heads.iter()),
                heads,
            };
            let openers = Openers::new(&header, key)?;
            let is_known = |head: &Head| !anew && seen.sees(head) && seen.head(head.id) == Some(*head);
            let news = next
                .heads
                .iter()
                .filter(|head| next.sees(head) && !is_known(head));
            let is_gone = |id: u64| !next.head(id).is_some_and(|head| next.sees(&head));
            let before = seen.heads.iter().filter(|head| seen.sees(head));
            let changes = Changes {
                anew,
                gone: before.map(|head| head.id).filter(|id| is_gone(*id)).collect(),
                found: news.map(|head| (*head, openers.content(rows, head))).collect(),
                is_short: next.is_short,
                settings: Some(self.settings(rows)?),
            };
            Ok((next, changes))
        })?;
        *seen = next;
        Ok(changes)
    }

    /// The settings of the SO PIN and the user PIN.
    fn settings(&self, rows: &dyn Transaction) -> Result<[Option<Seal>; 2]> {
        let [officer, user] = [Role::Officer, Role::User].map(|role| self.wrap(rows, role));
        let name = |wrap: Wrap| wrap.name();
        Ok([officer?.map(name), user?.map(name)])
    }
}

/// All objects' heads in the order of their ids; where the table is damaged, each id by itself. One that cannot be
/// read gets [`Head::unreadable`], whose record no key opens.
fn heads(rows: &dyn Transaction, manifest: &Manifest) -> Result<Vec<Head>> {
    match rows.heads() {
        Ok(mut heads) => {
            // What a damaged table says in another order, or twice, is still looked up by its id.
            heads.sort_by_key(|head| head.id);
            heads.dedup_by_key(|head| head.id);
            Ok(heads)
        }
        Err(StoreError::Corrupt(_)) => {
            let ids = 1..=manifest.last_id.min(MAX_OBJECTS);
            let each = ids.filter_map(|id| match rows.head(id) {
                Ok(head) => head,
                Err(_) => Some(Head::unreadable(id)),
            });
            Ok(each.collect())
        }
        Err(error) => Err(error),
    }
}

/// What opens the records of one token.
struct Openers<'a> {
    header: &'a Header,
    public: sealing::Opener,
    private: Option<sealing::Opener>,
}

impl<'a> Openers<'a> {
    fn new(header: &'a Header, key: Option<&DataKey>) -> Result<Self> {
        let private = key.map(|key| sealing::Opener::new(key.bytes())).transpose()?;
        Ok(Self {
            header,
            public: sealing::Opener::new(&header.public_key)?,
            private,
        })
    }

    fn content(&self, rows: &dyn Transaction, head: &Head) -> Content {
        let sealed = rows.record(head.id).ok().flatten();
        let packed = sealed.and_then(|sealed| self.open(head, &sealed));
        packed.map_or(Content::Damaged, Content::Sound)
    }

    fn open(&self, head: &Head, sealed: &[u8]) -> Option<Packed> {
        let opener = if head.private {
            self.private.as_ref()?
        } else {
            &self.public
        };
        let plain = opener.open(&additional_data(self.header, head), sealed)?;
        Packed::read(&plain).ok()
    }
}

/// A key of another epoch would make records that nobody can open.
fn check_key(epoch: Epoch, key: Option<&DataKey>) -> Result<()> {
    if key.is_some_and(|key| key.epoch != epoch) {
        Err(StoreError::Gone)
    } else {
        Ok(())
    }
}

fn seal(header: &Header, head: &Head, packed: &Packed, key: Option<&DataKey>) -> Result<Vec<u8>> {
    sealing::seal(
        record_key(header, head, key).ok_or(StoreError::Gone)?,
        &additional_data(header, head),
        packed.bytes(),
    )
}

fn record_key<'a>(header: &'a Header, head: &Head, key: Option<&'a DataKey>) -> Option<&'a [u8; 32]> {
    if head.private {
        key.map(DataKey::bytes)
    } else {
        Some(&header.public_key)
    }
}

fn additional_data(header: &Header, head: &Head) -> Vec<u8> {
    [
        b"trien-token/2 object\0",
        &header.serial.digits()[..],
        &header.epoch,
        &head.id.to_le_bytes(),
        &head.revision.to_le_bytes(),
        &[u8::from(head.private)],
        &head.class.to_le_bytes(),
    ]
    .concat()
}
