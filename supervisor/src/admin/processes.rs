//! `/processes`: every runtime process, and what is known of it without asking.

use serde_json::{Value, json};

/// A process, or a slot that has none.
#[derive(Clone, Debug)]
pub struct Row {
    pub slot: u32,
    pub generation: u64,
    /// serves, starts, retires
    pub role: &'static str,
    pub pid: Option<i32>,
    pub phase: &'static str,
    /// Seconds since it was started.
    pub up_seconds: Option<u64>,
    /// How often a process of this slot has ended by itself since the last reload.
    pub crashes: u32,
    /// Milliseconds until it is started again.
    pub restart_ms: Option<u64>,
    pub connections: u32,
    pub requests: u64,
    pub resident_bytes: Option<u64>,
}

/// What a process has in memory, as the kernel counts it.
pub fn resident_bytes(pid: i32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

pub fn json(status: &str, rows: &[Row]) -> Value {
    let rows = rows.iter().map(|row| {
        json!({
            "process": row.slot,
            "generation": row.generation,
            "role": row.role,
            "pid": row.pid,
            "phase": row.phase,
            "upSeconds": row.up_seconds,
            "crashes": row.crashes,
            "restartMs": row.restart_ms,
            "connections": row.connections,
            "requests": row.requests,
            "residentBytes": row.resident_bytes,
        })
    });
    json!({ "status": status, "processes": rows.collect::<Value>() })
}
