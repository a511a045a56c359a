//! What is in a folder, as JSON: `[{"name":"a.txt","type":"file"}]`, sorted by name.

use std::io;
use std::os::fd::OwnedFd;

use bytes::Bytes;
use rustix::fs::{AtFlags, Dir, FileType, statat};

/// A folder of which more would have to be told is not listed.
const MAX_LISTING_BYTES: usize = 64 << 20;

/// Bytes of an entry beside its name.
const ENTRY_BYTES: usize = 40;

/// The list of an open folder. Links are told as such. May block.
pub fn list(folder: OwnedFd, dotfiles: bool) -> io::Result<Bytes> {
    let mut entries = Vec::new();
    let mut bytes = 0;
    let mut open = Dir::read_from(&folder)?;
    while let Some(entry) = open.read() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") || (name.starts_with(b".") && !dotfiles) {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => {
                let stat = statat(&folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW);
                stat.map_or(FileType::Unknown, |stat| {
                    FileType::from_raw_mode(stat.st_mode)
                })
            }
            kind => kind,
        };
        bytes += name.len() + ENTRY_BYTES;
        if bytes > MAX_LISTING_BYTES {
            return Err(io::Error::other(
                "the folder has too many files to be listed",
            ));
        }
        entries.push((name.to_vec(), kind));
    }
    entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let mut list = String::with_capacity(bytes + 2);
    list.push('[');
    for (name, kind) in entries {
        if list.len() > 1 {
            list.push(',');
        }
        let name = serde_json::Value::from(String::from_utf8_lossy(&name));
        list.push_str("{\"name\":");
        list.push_str(&name.to_string());
        list.push_str(",\"type\":\"");
        list.push_str(word(kind));
        list.push_str("\"}");
    }
    list.push(']');
    Ok(list.into())
}

fn word(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "file",
        FileType::Directory => "directory",
        FileType::Symlink => "symlink",
        FileType::Fifo => "namedPipe",
        FileType::Socket => "socket",
        FileType::BlockDevice => "blockDevice",
        FileType::CharacterDevice => "characterDevice",
        _ => "other",
    }
}
