//! Lists, page by page. A cursor is sealed for its list and its filters: nobody makes one up, or takes it elsewhere.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::guard::Administrator;
use crate::http::error::Error;

/// How many there are on a page unless it is said, and at most.
const USUAL: u32 = 50;
const MOST: u32 = 200;

/// What cursors are sealed for.
const CURSOR: &str = "api cursor";

/// How many are wanted.
pub fn size(wanted: Option<u32>) -> Result<usize, Error> {
    match wanted.unwrap_or(USUAL) {
        size @ 1..=MOST => Ok(size as usize),
        _ => Err(Error::bad_request(format!("`page_size` is 1 to {MOST}."))),
    }
}

/// Where the next page of this list begins, for the caller.
pub fn seal<F: Serialize, P: Serialize>(admin: &Administrator, list: &F, place: &P) -> String {
    let place = serde_json::to_vec(place).expect("a place is plain JSON");
    admin.site.app.house.master.seal(CURSOR, &name(list), &place)
}

/// What `seal` made for the same list.
pub fn open<F: Serialize, P: DeserializeOwned>(
    admin: &Administrator,
    list: &F,
    cursor: Option<&str>,
) -> Result<Option<P>, Error> {
    let Some(cursor) = cursor else { return Ok(None) };
    let place = admin.site.app.house.master.open(CURSOR, &name(list), cursor);
    let place = place.and_then(|place| serde_json::from_slice(&place).ok());
    place.map(Some).ok_or_else(|| Error::bad_request("`cursor` is not one of this list."))
}

fn name<F: Serialize>(list: &F) -> String {
    serde_json::to_string(list).expect("filters are plain JSON")
}
