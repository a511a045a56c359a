//! The web platform, a folder for each standard or part of one.

pub mod abort;
pub mod blob;
pub mod cache;
pub mod compression;
pub mod console;
pub mod crypto;
pub mod dom_exception;
pub mod encoding;
pub mod event_source;
pub mod events;
pub mod fetch;
pub mod file_system;
pub mod form_data;
pub mod global_scope;
pub mod headers;
pub mod message_channel;
pub mod mime;
pub mod navigator;
pub mod performance;
pub mod report_error;
pub mod streams;
pub mod structured_clone;
pub mod timers;
pub mod url;
pub mod url_pattern;
pub mod websocket;
