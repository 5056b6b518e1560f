//! The tools around the IR: the language server, the reducer, and the pipeline that two of them share.
mod editor;
mod pipeline;
mod reduce;
