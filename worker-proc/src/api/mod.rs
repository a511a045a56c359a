//! The Web APIs: a folder each, a line each in the list below. The order is that of evaluation into the snapshot.

pub mod abort;
pub mod actors;
pub mod analytics_engine;
pub mod async_context;
pub mod blob;
pub mod cache;
pub mod clock;
pub mod cloudflare;
pub mod compression;
pub mod console;
pub mod crypto;
pub mod dom_exception;
pub mod encoding;
pub mod event_source;
pub mod events;
pub mod fetch;
pub mod form_data;
pub mod global_scope;
pub mod headers;
pub mod html_rewriter;
pub mod memory_cache;
pub mod memory_limit;
pub mod message_channel;
pub mod modules;
pub mod navigator;
pub mod node;
pub mod performance;
pub mod queue;
pub mod report_error;
pub mod rpc;
pub mod scheduled;
pub mod sockets;
pub mod stack_trace;
pub mod storage;
pub mod streams;
pub mod structured_clone;
pub mod timers;
pub mod trace;
pub mod url;
pub mod url_pattern;
pub mod webidl;
pub mod websocket;
pub mod worker_loader;
pub mod workers;

use crate::glue::Api;

/// Every API of the runtime.
pub static ALL: &[Api] = &[
    modules::API,
    stack_trace::API,
    webidl::API,
    clock::API,
    cloudflare::API,
    trace::API,
    console::API,
    async_context::API,
    dom_exception::API,
    memory_limit::API,
    structured_clone::API,
    events::API,
    global_scope::API,
    abort::API,
    message_channel::API,
    timers::API,
    report_error::API,
    performance::API,
    navigator::API,
    encoding::API,
    url::API,
    url_pattern::API,
    headers::API,
    blob::API,
    form_data::API,
    streams::API,
    crypto::API,
    compression::API,
    websocket::API,
    fetch::API,
    html_rewriter::API,
    event_source::API,
    analytics_engine::API,
    memory_cache::API,
    cache::API,
    rpc::API,
    queue::API,
    scheduled::API,
    sockets::API,
    workers::API,
    actors::API,
    storage::API,
    worker_loader::API,
    node::API,
];
