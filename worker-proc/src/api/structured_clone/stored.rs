//! Values as Durable Objects store them.

pub use super::{deserialize, serialize};
