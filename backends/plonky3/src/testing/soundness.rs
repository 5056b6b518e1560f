//! Forgeries.
