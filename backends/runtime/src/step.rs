//! A step that was checked: every index lies within what it addresses.
use crate::contract::Contract;
use crate::greatest::Greatest;
use crate::one_hot::OneHot;
use crate::rows::Rows;
use crate::threshold::Threshold;
use tessera_api::Run;

/// A checked step.
pub(crate) enum Checked {
    Load {
        public: usize,
        tensor: usize,
    },
    /// Nests of (element of dst, element of src), the innermost loop first.
    Gather {
        src: usize,
        dst: usize,
        runs: Box<[Run]>,
    },
    /// Likewise, of a constant's elements.
    Fill {
        data: Box<[i64]>,
        dst: usize,
        runs: Box<[Run]>,
    },
    Contract(Box<Contract>),
    Threshold(Box<Threshold>),
    Greatest(Greatest),
    OneHot(OneHot),
    /// The commitment to a tensor of the statement.
    Commit {
        x: usize,
        public: usize,
        cells: usize,
    },
    Rows(Box<Rows>),
    Publish {
        tensor: usize,
        public: usize,
    },
}
