//! The facets of an object: which number each has, and so which file.
//!
//! `<id>.facets` lists every facet that an object has ever had, in the published workerd's format: a magic number, then
//! for each facet, from number 1 on, its parent's number, the length of its name, and the name. A facet that is deleted
//! keeps its number for the next one of its name. The root is 0 and has `<id>.sqlite`; facet n has `<id>.n.sqlite`. What
//! does not make sense at the end was being written when power was lost, and is written over.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{Error, Result};
use super::sync::{beside, blocking, sync_folder};

const MAGIC: u64 = 0xc4cd_ce5b_c5b0_ef57;
const MAX_FACETS: usize = 65_535;

/// The numbers of an object's facets, by parent and name.
pub struct FacetIndex {
    folder: PathBuf,
    id: String,
    file: Arc<File>,
    entries: RefCell<Entries>,
}

#[derive(Default)]
struct Entries {
    numbers: HashMap<(u16, String), u16>,
    /// Where the next one goes.
    end: u64,
}

impl FacetIndex {
    /// Whether an object has ever had a facet.
    pub fn exists(folder: &Path, id: &str) -> bool {
        folder.join(format!("{id}.facets")).exists()
    }

    /// How many facets an object has ever had; nothing is written.
    pub(super) fn count(folder: &Path, id: &str) -> Result<u16> {
        let path = folder.join(format!("{id}.facets"));
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(error.into()),
        };
        let mut entries = Entries::default();
        match bytes.split_first_chunk::<8>() {
            Some((magic, listed)) if *magic == MAGIC.to_le_bytes() => entries.read(listed),
            // It was being made when power was lost.
            None => {}
            Some(_) => return Err(not_an_index(&path)),
        }
        Ok(u16::try_from(entries.numbers.len()).unwrap_or(u16::MAX))
    }

    /// Opens the index of an object, making it if it is not there.
    pub fn open(folder: &Path, id: &str) -> Result<Self> {
        let path = folder.join(format!("{id}.facets"));
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut entries = Entries {
            end: 8,
            ..Entries::default()
        };
        if bytes.len() <= 8 {
            file.write_all_at(&MAGIC.to_le_bytes(), 0)?;
            file.sync_data()?;
            sync_folder(&path)?;
        } else if bytes[..8] == MAGIC.to_le_bytes() {
            entries.read(&bytes[8..]);
        } else {
            return Err(not_an_index(&path));
        }
        file.set_len(entries.end)?;
        Ok(Self {
            folder: folder.to_owned(),
            id: id.to_owned(),
            file: Arc::new(file),
            entries: RefCell::new(entries),
        })
    }

    /// The number of the facet of this name that a facet (or the root, 0) has; a new one if it never had it. Ends when
    /// that is durable.
    pub async fn number(&self, parent: u16, name: &str) -> Result<u16> {
        if let Some(number) = self.find(parent, name) {
            return Ok(number);
        }
        let number = self.entries.borrow_mut().add(&self.file, parent, name)?;
        let file = self.file.clone();
        blocking(move || file.sync_data()).await?;
        Ok(number)
    }

    /// The number of a facet that there is.
    pub fn find(&self, parent: u16, name: &str) -> Option<u16> {
        self.entries
            .borrow()
            .numbers
            .get(&(parent, name.to_owned()))
            .copied()
    }

    /// The facet's file.
    pub fn path(&self, number: u16) -> PathBuf {
        match number {
            0 => self.folder.join(format!("{}.sqlite", self.id)),
            number => self.folder.join(format!("{}.{number}.sqlite", self.id)),
        }
    }

    /// The facets that one has ever had, with their numbers.
    pub fn children(&self, of: u16) -> Vec<(String, u16)> {
        let entries = self.entries.borrow();
        let children = entries
            .numbers
            .iter()
            .filter(|((parent, _), _)| *parent == of);
        children
            .map(|((_, name), number)| (name.clone(), *number))
            .collect()
    }

    /// Every facet under this one, whose own facets come after it.
    pub fn descendants(&self, of: u16) -> Vec<u16> {
        let entries = self.entries.borrow();
        let mut found = Vec::new();
        let mut parents = vec![of];
        while let Some(parent) = parents.pop() {
            let children = entries.numbers.iter().filter(|((of, _), _)| *of == parent);
            let children: Vec<u16> = children.map(|(_, number)| *number).collect();
            found.extend_from_slice(&children);
            parents.extend(children);
        }
        found.sort_unstable();
        found
    }

    /// Deletes the files of everything under a facet; none of it is open.
    pub fn delete_descendants(&self, of: u16) -> Result<()> {
        self.descendants(of)
            .into_iter()
            .try_for_each(|number| self.delete_files(number))
    }

    /// Copies the file of a facet, which may be open, over another's, which is not. Nothing to copy leaves nothing.
    pub fn copy_files(&self, from: u16, to: u16) -> Result<()> {
        let (from, to) = (self.path(from), self.path(to));
        for suffix in ["", "-wal"] {
            match std::fs::copy(beside(&from, suffix), beside(&to, suffix)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Ok(sync_folder(&to)?)
    }

    /// Deletes the file of a facet; it is not open.
    pub fn delete_files(&self, number: u16) -> Result<()> {
        let path = self.path(number);
        for suffix in ["", "-wal", "-shm"] {
            match std::fs::remove_file(beside(&path, suffix)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }
}

fn not_an_index(path: &Path) -> Error {
    Error::storage(format!("{} is not an index of facets", path.display()))
}

impl Entries {
    fn read(&mut self, mut bytes: &[u8]) {
        while let [parent_low, parent_high, length_low, length_high, rest @ ..] = bytes {
            let parent = u16::from_le_bytes([*parent_low, *parent_high]);
            let length = u16::from_le_bytes([*length_low, *length_high]);
            let name = rest.get(..usize::from(length)).map(String::from_utf8_lossy);
            let known = usize::from(parent) <= self.numbers.len();
            let (Some(name), true, true) = (name, length > 0, known) else {
                return;
            };
            let Ok(number) = u16::try_from(self.numbers.len() + 1) else {
                return;
            };
            let key = (parent, name.into_owned());
            if self.numbers.contains_key(&key) {
                return;
            }
            self.numbers.insert(key, number);
            self.end += 4 + u64::from(length);
            bytes = &rest[usize::from(length)..];
        }
    }

    fn add(&mut self, file: &File, parent: u16, name: &str) -> Result<u16> {
        let length = u16::try_from(name.len()).ok().filter(|length| *length > 0);
        let length = length.ok_or_else(|| Error::type_error("Facet name is empty or too long."))?;
        let number = self.numbers.len() + 1;
        if number > MAX_FACETS {
            return Err(Error::worker("Maximum number of facets exceeded"));
        }
        let mut entry = parent.to_le_bytes().to_vec();
        entry.extend_from_slice(&length.to_le_bytes());
        entry.extend_from_slice(name.as_bytes());
        file.write_all_at(&entry, self.end)?;
        self.end += entry.len() as u64;
        let number = number as u16;
        self.numbers.insert((parent, name.to_owned()), number);
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let index = FacetIndex::open(folder.path(), "a").unwrap();
            assert_eq!(index.number(0, "x").await.unwrap(), 1);
            assert_eq!(index.number(1, "x").await.unwrap(), 2);
            assert_eq!(index.number(0, "y").await.unwrap(), 3);
            assert_eq!(index.number(0, "x").await.unwrap(), 1);
            assert!(index.number(0, "").await.is_err());
            assert_eq!(
                (index.descendants(0), index.descendants(1)),
                (vec![1, 2, 3], vec![2])
            );
            let path = folder.path().join("a.facets");
            let bytes = std::fs::read(&path).unwrap();
            assert_eq!(
                bytes,
                b"\x57\xef\xb0\xc5\x5b\xce\xcd\xc4\0\0\x01\0x\x01\0\x01\0x\0\0\x01\0y"
            );
            // What power left of a fourth is written over.
            std::fs::write(&path, [&bytes[..], &[0, 0, 9, 0, b'z']].concat()).unwrap();
            let index = FacetIndex::open(folder.path(), "a").unwrap();
            assert_eq!((index.find(0, "y"), index.find(0, "z")), (Some(3), None));
            assert_eq!(index.number(3, "z").await.unwrap(), 4);
            assert!(index.path(4).ends_with("a.4.sqlite") && index.path(0).ends_with("a.sqlite"));
            std::fs::write(index.path(4), b"").unwrap();
            index.delete_descendants(3).unwrap();
            assert!(!index.path(4).exists());
            std::fs::write(&path, [7; 20]).unwrap();
            assert!(FacetIndex::open(folder.path(), "a").is_err());
        });
    }
}
