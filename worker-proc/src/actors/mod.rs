//! Durable Objects: their storage.
//!
//! Relies on SQLite for the files and on `tokio` for what must not block the process's one thread.

pub mod storage;
