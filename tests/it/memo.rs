//! What is remembered, and that it does not grow.

use crate::memo::Memo;

#[test]
fn what_was_asked_for_lately_is_remembered_and_the_rest_is_forgotten() {
    let memo = Memo::new(2);
    for name in ["a", "b", "c"] {
        memo.insert(name, name.len());
    }
    assert_eq!(memo.get("a"), Some(1));
    // `a` and `c` are young now, `b` is old: one more makes the two old.
    memo.insert("d", 1);
    assert_eq!((memo.get("b"), memo.get("a")), (None, Some(1)));
}

#[test]
fn a_later_answer_takes_the_place_of_an_earlier_one() {
    let memo = Memo::new(1);
    memo.insert("a", 1);
    memo.insert("b", 1);
    memo.insert("a", 2);
    assert_eq!(memo.get("a"), Some(2));
    memo.insert("c", 1);
    assert_eq!(memo.get("a"), Some(2));
}
