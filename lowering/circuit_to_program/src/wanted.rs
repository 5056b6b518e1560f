//! Which elements of a contraction's result something reads, as classes of channels that are read at the same positions.
//!
//! Invariants: every channel is of one class; no element is read twice.
use crate::contraction::Indices;
use crate::layout::{Nest, compose};
use std::collections::HashMap;

/// What is read of one result.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Class of each channel over all groups.
    of: Vec<usize>,
    /// Positions that the channels of a class are read at.
    classes: Vec<Vec<bool>>,
}

impl Wanted {
    /// Nothing.
    pub fn none(indices: &Indices) -> Wanted {
        let (channels, positions) = indices.counts();
        Wanted { of: vec![0; channels], classes: vec![vec![false; positions]] }
    }

    /// What a reader takes: nests from its own elements to those of the result. None where an element is read twice.
    pub fn add(&mut self, indices: &Indices, reader: &[Nest<1>]) -> Option<()> {
        compose(reader, &[indices.y_places()]).iter().try_for_each(|part| self.read(part))
    }

    fn read(&mut self, part: &Nest<2>) -> Option<()> {
        // loops that move both are unrolled: what is left is channels times positions
        if let Some(k) = part.loops.iter().position(|l| l.to[0] != 0 && l.to[1] != 0) {
            let l = part.loops[k];
            return (0..l.count).try_for_each(|i| {
                let mut turn = part.clone();
                turn.loops.remove(k);
                turn.at += i * l.at;
                turn.to = [turn.to[0] + i * l.to[0], turn.to[1] + i * l.to[1]];
                self.read(&turn)
            });
        }
        let (channels, positions): (Vec<_>, Vec<_>) = part.loops.iter().copied().partition(|l| l.to[0] != 0);
        let mut read = vec![false; self.classes[0].len()];
        let mut once = true;
        Nest { at: 0, to: part.to, loops: positions }
            .visit(&mut |_, to| once &= !std::mem::replace(&mut read[to[1] as usize], true));
        let mut of: Vec<usize> = vec![];
        Nest { at: 0, to: part.to, loops: channels }.visit(&mut |_, to| of.push(to[0] as usize));
        let count = of.len();
        of.sort_unstable();
        of.dedup();
        if !once || of.len() != count {
            return None;
        }
        let mut new: HashMap<usize, usize> = HashMap::new();
        for c in of {
            let old = self.of[c];
            self.of[c] = match new.get(&old) {
                Some(class) => *class,
                None => {
                    let mut both = self.classes[old].clone();
                    for (b, r) in both.iter_mut().zip(&read) {
                        if *b && *r {
                            return None;
                        }
                        *b |= r;
                    }
                    let class = self.classes.iter().position(|c| *c == both).unwrap_or_else(|| {
                        self.classes.push(both);
                        self.classes.len() - 1
                    });
                    new.insert(old, class);
                    class
                }
            };
        }
        Some(())
    }

    /// The class of a channel.
    pub fn class_of(&self, channel: usize) -> usize {
        self.of[channel]
    }

    /// The positions that a class is read at.
    pub fn class(&self, class: usize) -> &[bool] {
        &self.classes[class]
    }

    /// The positions that any channel is read at.
    pub fn positions(&self) -> Vec<bool> {
        let mut all = vec![false; self.classes[0].len()];
        let mut seen = vec![false; self.classes.len()];
        for class in &self.of {
            if !std::mem::replace(&mut seen[*class], true) {
                all.iter_mut().zip(&self.classes[*class]).for_each(|(a, c)| *a |= c);
            }
        }
        all
    }
}
