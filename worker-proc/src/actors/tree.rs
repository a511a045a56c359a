//! The files of an object's facets, and of theirs.
//!
//! Made by `store` with the namespace's folder; `facets` sees to it that nobody else uses a file that it opens, deletes or
//! copies. Relies on `storage::FacetIndex` for which file each facet has.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::rc::Rc;

use super::store::{Store, broken_by};
use crate::service::Error;
use crate::storage::{self, Alarms, FacetIndex, Place, Storage};

/// What a facet is told that wants an alarm; workerd's text.
const NO_ALARMS: Alarms = Alarms::Refused("Facets currently cannot set alarms.");

/// See the module.
pub struct Tree {
    files: Files,
    /// Whether the object's class may use SQL, which goes for its facets too.
    enable_sql: bool,
}

enum Files {
    /// The object stores nothing.
    None,
    Memory(RefCell<Memory>),
    Disk {
        folder: PathBuf,
        id: String,
        index: RefCell<Option<Rc<FacetIndex>>>,
    },
}

#[derive(Default)]
struct Memory {
    numbers: BTreeMap<(u16, String), u16>,
    kept: HashMap<u16, Rc<Storage>>,
}

impl Tree {
    pub fn none() -> Self {
        Self {
            files: Files::None,
            enable_sql: false,
        }
    }

    pub fn memory(enable_sql: bool) -> Self {
        Self {
            files: Files::Memory(RefCell::default()),
            enable_sql,
        }
    }

    pub fn disk(folder: PathBuf, id: String, enable_sql: bool) -> Self {
        let index = RefCell::new(None);
        Self {
            files: Files::Disk { folder, id, index },
            enable_sql,
        }
    }

    /// The index, opened when it is first needed; none if the object never had a facet and is not to have one.
    fn index(&self, make: bool) -> storage::Result<Option<Rc<FacetIndex>>> {
        let Files::Disk { folder, id, index } = &self.files else {
            return Ok(None);
        };
        let mut index = index.borrow_mut();
        if index.is_none() && (make || FacetIndex::exists(folder, id)) {
            *index = Some(Rc::new(FacetIndex::open(folder, id)?));
        }
        Ok(index.clone())
    }

    /// The number of a facet by its parent's number and its name.
    pub async fn number(&self, parent: u16, name: &str) -> storage::Result<u16> {
        match &self.files {
            Files::None => Ok(0),
            Files::Memory(memory) => Ok(memory.borrow_mut().number(parent, name)),
            Files::Disk { .. } => match self.index(true)? {
                Some(index) => index.number(parent, name).await,
                None => Ok(0),
            },
        }
    }

    /// The names of the facets that one has ever had.
    pub fn names(&self, of: u16) -> Vec<String> {
        match &self.files {
            Files::None => Vec::new(),
            Files::Memory(memory) => {
                let memory = memory.borrow();
                let all = memory.numbers.keys();
                all.filter(|(parent, _)| *parent == of)
                    .map(|(_, name)| name.clone())
                    .collect()
            }
            Files::Disk { .. } => match self.index(false) {
                Ok(Some(index)) => {
                    let children = index.children(of);
                    children.into_iter().map(|(name, _)| name).collect()
                }
                _ => Vec::new(),
            },
        }
    }

    /// Opens a facet's storage; none if the object stores nothing.
    pub async fn open(&self, number: u16) -> Result<Option<Store>, Error> {
        // A facet's past is not kept: its parent says what becomes of it.
        let open = async |place| {
            let opened = Storage::open(place, NO_ALARMS, None).await;
            let opened = opened.map(|storage| Rc::new(storage.with_sql(self.enable_sql)));
            opened.map_err(|error| broken_by(&error))
        };
        match &self.files {
            Files::None => Ok(None),
            Files::Memory(memory) => {
                let kept = memory.borrow().kept.get(&number).cloned();
                let storage = match kept {
                    Some(storage) => storage,
                    None => open(Place::Memory).await?,
                };
                memory.borrow_mut().kept.insert(number, storage.clone());
                Ok(Some(Store::new(storage, true)))
            }
            Files::Disk { .. } => {
                let index = self.index(true).map_err(|error| broken_by(&error))?;
                let Some(index) = index else { return Ok(None) };
                let storage = open(Place::File(index.path(number))).await?;
                Ok(Some(Store::new(storage, false)))
            }
        }
    }

    /// Deletes what a facet and those under it have stored.
    pub async fn delete(&self, parent: u16, name: &str) -> storage::Result<()> {
        match &self.files {
            Files::None => Ok(()),
            Files::Memory(memory) => {
                memory.borrow_mut().delete(parent, name);
                Ok(())
            }
            Files::Disk { .. } => {
                let Some(index) = self.index(false)? else {
                    return Ok(());
                };
                let Some(number) = index.find(parent, name) else {
                    return Ok(());
                };
                index.delete_descendants(number)?;
                index.delete_files(number)
            }
        }
    }

    /// Makes a facet the copy of another, with those under it.
    pub async fn copy(&self, parent: u16, from: &str, to: &str) -> storage::Result<()> {
        self.delete(parent, to).await?;
        let Some(index) = self.index(false)? else {
            return Ok(());
        };
        let Some(source) = index.find(parent, from) else {
            return Ok(());
        };
        let target = index.number(parent, to).await?;
        let mut left = vec![(source, target)];
        while let Some((source, target)) = left.pop() {
            for (name, child) in index.children(source) {
                left.push((child, index.number(target, &name).await?));
            }
            index.copy_files(source, target)?;
        }
        Ok(())
    }
}

impl Memory {
    fn number(&mut self, parent: u16, name: &str) -> u16 {
        let next = u16::try_from(self.numbers.len() + 1).unwrap_or(u16::MAX);
        *self
            .numbers
            .entry((parent, name.to_owned()))
            .or_insert(next)
    }

    fn delete(&mut self, parent: u16, name: &str) {
        let Some(number) = self.numbers.get(&(parent, name.to_owned())).copied() else {
            return;
        };
        self.kept.remove(&number);
        let children = self.numbers.keys().filter(|(of, _)| *of == number);
        let children: Vec<String> = children.map(|(_, name)| name.clone()).collect();
        for name in children {
            self.delete(number, &name);
        }
    }
}
