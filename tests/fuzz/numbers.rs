//! Changes numbers of a value through its JSON form: what comes out is encoded rightly and means something odd, so it reaches
//! further than changed bytes do.
use crate::mutate::Random;
use serde::{Serialize, de::DeserializeOwned};
use tessera_checker::testing::numbers::{count, number};

/// The value with up to three numbers changed. None where it is no value of the type any more.
pub fn changed<T: Serialize + DeserializeOwned>(value: &T, r: &mut Random) -> Option<T> {
    let mut tree = serde_json::to_value(value).ok()?;
    let n = count(&tree);
    for _ in 0..1 + r.below(3) {
        let (odd, step, small) = (r.odd(), r.below(5) as i64 - 2, r.below(2) == 0);
        if let Some(x) = number(&mut tree, &mut r.below(n)) {
            let near = x.as_i64().map(|x| x.wrapping_add(step));
            *x = match near {
                Some(near) if small => near.into(),
                _ if r.below(2) == 0 => (odd as i64).into(),
                _ => odd.into(),
            };
        }
    }
    serde_json::from_value(tree).ok()
}

#[test]
fn numbers_change_and_types_stay() {
    let mut r = Random(1);
    let value = (vec![1i64, 2, 3], "text".to_string());
    let all: Vec<_> = (0..50).filter_map(|_| changed(&value, &mut r)).collect();
    assert!(all.len() > 20 && all.iter().all(|v| v.1 == "text"));
    assert!(all.iter().filter(|v| v.0 != value.0).count() > 15);
}
