//! What must be rejected, on the real LeNet: false witnesses, false statements, forged messages, other keys, damaged files.
//!
//! Every test first shows that the honest version passes, so that a rejection means something.
mod files;
mod forgeries;
mod lenet;
#[path = "../e2e/support.rs"]
#[allow(dead_code, reason = "the helpers are shared with the end-to-end tests")]
mod support;
