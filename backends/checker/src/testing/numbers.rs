//! The numbers in a value's JSON form, in order: tests change one and read the value back.
use serde_json::Value;

/// How many there are.
pub fn count(v: &Value) -> usize {
    match v {
        Value::Number(_) => 1,
        Value::Array(a) => a.iter().map(count).sum(),
        Value::Object(o) => o.values().map(count).sum(),
        _ => 0,
    }
}

/// The `pick`-th, counted from 0; `pick` is used up.
pub fn number<'a>(v: &'a mut Value, pick: &mut usize) -> Option<&'a mut Value> {
    match v {
        Value::Number(_) if *pick == 0 => Some(v),
        Value::Number(_) => {
            *pick -= 1;
            None
        }
        Value::Array(a) => a.iter_mut().find_map(|v| number(v, pick)),
        Value::Object(o) => o.values_mut().find_map(|v| number(v, pick)),
        _ => None,
    }
}
