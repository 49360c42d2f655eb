//! Pages of a search: where one begins, and how long it is.

use super::error::{BAD_CURSOR, BAD_LIMIT};
use crate::store::Position;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use hospes_protocol::{Refusal, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// Says how many there are, and where the next page begins.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResultsMetadata {
    /// All that fit, on whichever page.
    pub(crate) total: i64,
    /// Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// How many a page has: 100 unless asked otherwise, 1000 at most.
pub(crate) fn limit(asked: Option<i64>) -> Result<u32, Refusal> {
    let limit = asked.unwrap_or(100);
    u32::try_from(limit).ok().filter(|limit| (1..=1000).contains(limit)).ok_or(BAD_LIMIT)
}

/// The place a `cursor` stands for; none, or an empty one, is the beginning.
pub(crate) fn parse(cursor: Option<&str>) -> Result<Position, Refusal> {
    let Some(cursor) = cursor.filter(|cursor| !cursor.is_empty()) else { return Ok(Position::START) };
    let bytes = Base64UrlUnpadded::decode_vec(cursor).map_err(|_| BAD_CURSOR)?;
    let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).ok_or(BAD_CURSOR)?;
    let (created_at, id) = text.split_once(':').ok_or(BAD_CURSOR)?;
    let created_at = Timestamp(created_at.parse().map_err(|_| BAD_CURSOR)?);
    Ok(Position { created_at, id: id.to_owned() })
}

/// Cuts a list that was read with one record more than `limit`: the page, and the cursor of the next if there is one.
pub(crate) fn page<T>(mut found: Vec<T>, limit: u32, position: impl Fn(&T) -> Position) -> (Vec<T>, Option<String>) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if found.len() <= limit {
        return (found, None);
    }
    found.truncate(limit);
    let next = found.last().map(|last| text(&position(last)));
    (found, next)
}

/// The cursor that stands for a place.
pub(crate) fn text(position: &Position) -> String {
    let Position { created_at, id } = position;
    Base64UrlUnpadded::encode_string(format!("{}:{id}", created_at.0).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: i64) -> Position {
        Position { created_at: Timestamp(n), id: format!("id:{n}") }
    }

    #[test]
    fn the_cursor_of_a_page_leads_to_the_next() {
        let (page, next) = page(vec![1, 2, 3], 2, |n| at(*n));
        assert_eq!(page, [1, 2]);
        assert_eq!(parse(next.as_deref()), Ok(at(2)));
        let (rest, next) = super::page(vec![3], 2, |n| at(*n));
        assert_eq!((rest, next), (vec![3], None));
    }

    #[test]
    fn what_is_no_cursor_or_limit_is_refused() {
        assert_eq!(parse(None), Ok(Position::START));
        assert_eq!(parse(Some("")), Ok(Position::START));
        // `a`, `a:b`, and `0:` with a NUL.
        for cursor in ["!", "YQ", "YTpi", "MDoA"] {
            assert_eq!(parse(Some(cursor)), Err(BAD_CURSOR), "{cursor}");
        }
        assert_eq!((limit(None), limit(Some(1000))), (Ok(100), Ok(1000)));
        for asked in [0, -1, 1001, i64::MAX] {
            assert_eq!(limit(Some(asked)), Err(BAD_LIMIT));
        }
    }
}
