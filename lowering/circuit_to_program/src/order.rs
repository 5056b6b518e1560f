//! The order of a cluster's rows: channels in blocks, so that rows that follow each other are alike.
//!
//! A value [channels, height, width] is computed position by position in each channel; its rows stand position by position in each *block*
//! of channels, the channels of a block side by side: row ((o·C/B + b)·P + p)·B + j is element (o·C + b·B + j)·P + p. Whoever lays
//! B rows side by side then has rows of one kind, whatever the width of the image: channels that follow each other differ by
//! one exponent of s, and what is known of each channel is the same at all positions.
//!
//! Invariants: an order is a permutation of the elements of one batch entry, and says nothing of what they are: any order is right. It
//! depends on shapes alone.
use crate::cluster::Cluster;
use crate::contraction::{Indices, Operation};
use crate::layout::{Loop, Nest, compose};
use crate::roots::Roots;
use std::collections::HashMap;
use tessera_circuit::graph::ValueId;

/// Most channels of a block: as many rows as backends lay side by side.
pub const MOST: i64 = 16;

/// The order of a cluster's rows, for one batch entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Elements of a batch entry.
    len: i64,
    /// Positions of a channel.
    positions: i64,
    /// Channels of a block.
    block: i64,
}

impl Order {
    /// Row by row as the elements are.
    pub fn plain(len: usize) -> Order {
        Order { len: len as i64, positions: 1, block: 1 }
    }

    /// Channels in blocks where they can be.
    fn blocks(len: usize, channels: Channels) -> Order {
        let block = (channels.count & channels.count.wrapping_neg()).min(MOST);
        let whole = len as i64 % (channels.count * channels.positions) == 0;
        if channels.positions < 2 || block < 2 || !whole {
            return Order::plain(len);
        }
        Order { len: len as i64, positions: channels.positions, block }
    }

    /// Whether rows stand as elements do.
    pub fn is_plain(&self) -> bool {
        self.block == 1
    }

    /// How many channels stand side by side.
    pub fn block(&self) -> usize {
        self.block as usize
    }

    /// From rows to elements, over a batch.
    pub fn rows(&self, batch: usize) -> Nest<1> {
        let (len, b, p) = (self.len, self.block, self.positions);
        let blocks = len / (b * p);
        Nest::new(0, [0], [(b as usize, 1, [p]), (p as usize, b, [1]), (blocks as usize, b * p, [b * p])])
            .around(batch, len, [len])
    }

    /// From elements to rows, for one batch entry.
    pub fn elements(&self) -> Nest<1> {
        self.rows(1).inverse()
    }

    /// Places of elements over a batch, as places of rows.
    pub fn places<const D: usize>(&self, batch: usize, elements: Vec<Nest<D>>) -> Vec<Nest<D>> {
        if self.is_plain() { elements } else { compose(&[self.rows(batch)], &elements) }
    }
}

/// Where channels are in a value: `count` of them, each step of as many elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Channels {
    count: i64,
    positions: i64,
}

/// The loop through channels, the entry of `to` that counts them being 0: neighbouring loops that go on where it ends are one with it.
fn channels<const D: usize>(nests: &[Nest<D>]) -> Option<Channels> {
    let nest = nests.iter().max_by_key(|n| n.len())?;
    let mut moving: Vec<&Loop<D>> = nest.loops.iter().filter(|l| l.to[0] > 0 && l.at > 0).collect();
    moving.sort_by_key(|l| l.to[0]);
    let (first, rest) = moving.split_first()?;
    let (mut count, step) = (first.count, first.to[0]);
    for l in rest {
        if l.at == first.at * count && l.to[0] == step * count {
            count *= l.count;
        }
    }
    Some(Channels { count, positions: first.at })
}

/// Gives every cluster its order: channels are those of the contraction that it reads, or of the one that reads it, or of the clusters it
/// reads.
pub fn choose(roots: &Roots, clusters: &mut [Cluster], contractions: &[(Operation, Indices)]) {
    let made: HashMap<ValueId, &Indices> = contractions.iter().map(|(op, i)| (op.y, i)).collect();
    let mut known: HashMap<ValueId, Channels> = HashMap::new();
    for c in clusters {
        let bound: Vec<ValueId> =
            c.bound.iter().enumerate().filter(|(i, _)| !c.held.contains_key(i)).map(|(_, v)| *v).collect();
        let pieces = || bound.iter().flat_map(|v| roots.pieces(*v));
        let read = || {
            pieces().find_map(|p| {
                let places = made.get(&p.root)?.y_places();
                channels(&compose(std::slice::from_ref(&p.nest), &[places]))
            })
        };
        let reader = || {
            contractions.iter().find_map(|(op, indices)| {
                let own = roots.pieces(op.x).iter().filter(|p| c.exports.contains(&p.root));
                let own: Vec<Nest<1>> = own.map(|p| p.nest.inverse()).collect();
                channels(&compose(&own, &[indices.x_segments()]))
            })
        };
        let maker = || {
            pieces().find_map(|p| {
                let from = known.get(&p.root)?;
                let at = p.nest.loops.iter().find(|l| l.to[0] == from.positions)?;
                (at.at > 0).then_some(Channels { count: at.count, positions: at.at })
            })
        };
        let Some(found) = read().or_else(reader).or_else(maker) else { continue };
        known.extend(c.exports.iter().map(|v| (*v, found)));
        c.order = Order::blocks(c.len, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_elements_lead_to_each_other() {
        for (channels, positions, outer) in [(32, 9, 1), (24, 4, 2), (6, 5, 1), (3, 4, 1), (16, 1, 1)] {
            let len = (channels * positions * outer) as usize;
            let order = Order::blocks(len, Channels { count: channels, positions });
            let mut element = vec![usize::MAX; 2 * len];
            order.rows(2).visit(&mut |row, to| element[row as usize] = to[0] as usize);
            let mut sorted = element.clone();
            sorted.sort_unstable();
            assert!(sorted.iter().copied().eq(0..2 * len), "{order:?}");
            order.elements().visit(&mut |e, row| assert_eq!(element[row[0] as usize], e as usize));
        }
    }

    #[test]
    fn a_block_has_all_its_channels_at_each_position() {
        let order = Order::blocks(32 * 9, Channels { count: 32, positions: 9 });
        let mut rows = vec![0; 32 * 9];
        order.rows(1).visit(&mut |row, to| rows[row as usize] = to[0]);
        assert_eq!(order.block(), 16);
        for (i, block) in rows.chunks(16).enumerate() {
            let (b, p) = (i as i64 / 9, i as i64 % 9);
            assert!(block.iter().copied().eq((0..16).map(|j| (b * 16 + j) * 9 + p)));
        }
    }

    #[test]
    fn what_has_no_blocks_stays_as_it_is() {
        for (len, count, positions) in [(27, 3, 9), (64, 64, 1), (100, 8, 9)] {
            assert!(Order::blocks(len, Channels { count, positions }).is_plain());
        }
    }
}
