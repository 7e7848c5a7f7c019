//! The rule of the audit chain: every row that was changed, removed or inserted is named.

use uuid::Uuid;

use crate::store::chain::{Break, From, Linked, Place, Said, Walk, link, origin};

/// A row that can be spoilt.
#[derive(Debug, Clone)]
struct Row {
    seq: i64,
    id: Uuid,
    at: i64,
    texts: [String; 4],
    actor: Option<String>,
    target: Option<String>,
    service: Option<String>,
    provider: Option<String>,
    reference: Option<String>,
    ip: Option<String>,
    agent: Option<String>,
    salt: Option<String>,
    origin: Option<String>,
    previous: Option<String>,
    hash: Option<String>,
}

impl Row {
    fn new(seq: i64) -> Self {
        Self {
            seq,
            id: Uuid::from_u128(u128::try_from(seq).unwrap()),
            at: 1_600_000_000 + seq,
            texts: ["user.login", "info", "user", "{}"].map(str::to_owned),
            actor: Some("usr_1".into()),
            target: None,
            service: Some("wiki".into()),
            provider: None,
            reference: Some(format!("reference-{seq}")),
            ip: (seq % 2 == 0).then(|| "192.0.2.7".into()),
            agent: (seq % 2 == 0).then(|| "Firefox".into()),
            salt: (seq % 2 == 0).then(|| format!("salt-{seq}")),
            origin: None,
            previous: None,
            hash: None,
        }
    }

    fn said(&self) -> Said<'_> {
        let [event, severity, actor_kind, details] = self.texts.each_ref().map(String::as_str);
        Said {
            id: self.id,
            at: self.at,
            event,
            severity,
            actor_kind,
            actor_id: self.actor.as_deref(),
            target: self.target.as_deref(),
            service: self.service.as_deref(),
            provider: self.provider.as_deref(),
            reference: self.reference.as_deref(),
            details,
        }
    }

    fn from(&self) -> From<'_> {
        From { ip: self.ip.as_deref(), user_agent: self.agent.as_deref(), salt: self.salt.as_deref() }
    }

    fn chain(&mut self, before: &Place) -> Place {
        self.origin = origin(self.from());
        let hash = link(&before.hash, self.seq, &self.said(), self.origin.as_deref());
        self.previous = Some(before.hash.clone());
        self.hash = Some(hash.clone());
        Place { seq: self.seq, hash }
    }
}

/// Five rows, and where they end.
fn chained() -> (Vec<Row>, Place) {
    let mut rows: Vec<_> = (1..=5).map(Row::new).collect();
    let end = rows.iter_mut().fold(Place::beginning(), |before, row| row.chain(&before));
    (rows, end)
}

fn walk(rows: &[Row], begin: Place, end: Place) -> Result<Walk, Break> {
    let mut walk = Walk::new(begin, end);
    for row in rows {
        walk.step(&Linked {
            seq: row.seq,
            said: row.said(),
            from: row.from(),
            origin: row.origin.as_deref(),
            previous: row.previous.as_deref(),
            hash: row.hash.as_deref(),
        })?;
    }
    walk.finish()?;
    Ok(walk)
}

/// What a walk over the five rows finds once this was done to them.
fn after(spoil: impl Fn(&mut Vec<Row>)) -> Result<(u64, u64), Break> {
    let (mut rows, end) = chained();
    spoil(&mut rows);
    walk(&rows, Place::beginning(), end).map(|walk| (walk.sound, walk.forgotten))
}

#[test]
fn rows_that_are_what_they_were_pass() {
    assert_eq!(after(|_| {}), Ok((5, 0)));
}

#[test]
fn every_column_of_a_row_is_held() {
    let spoilers: [fn(&mut Row); 17] = [
        |row| row.id = Uuid::from_u128(77),
        |row| row.at += 1,
        |row| row.texts[0] = "user.logout".into(),
        |row| row.texts[1] = "warning".into(),
        |row| row.texts[2] = "system".into(),
        |row| row.texts[3] = r#"{"reason":"none"}"#.into(),
        |row| row.actor = None,
        |row| row.target = Some(String::new()),
        |row| row.service = Some("shop".into()),
        |row| row.provider = Some("wiki".into()),
        |row| (row.service, row.provider) = (None, Some("wiki".into())),
        |row| row.reference = None,
        |row| row.ip = Some("192.0.2.8".into()),
        |row| row.agent = None,
        |row| row.salt = Some("other".into()),
        |row| row.origin = None,
        |row| row.previous = None,
    ];
    for (nth, spoil) in spoilers.into_iter().enumerate() {
        let found = after(|rows| spoil(&mut rows[3]));
        assert!(matches!(found, Err(Break::Changed { seq: 4, .. })), "{nth}: {found:?}");
    }
}

#[test]
fn removed_and_inserted_rows_are_named() {
    let stranger = |seq| Row { id: Uuid::from_u128(99), ..Row::new(seq) };
    let inserted = |seq| Err(Break::Inserted { seq, id: Uuid::from_u128(99) });

    assert_eq!(after(|rows| drop(rows.remove(0))), Err(Break::Removed { from: 1, to: 1 }));
    assert_eq!(after(|rows| drop(rows.drain(1..3))), Err(Break::Removed { from: 2, to: 3 }));
    assert_eq!(after(|rows| rows.truncate(3)), Err(Break::Cut { from: 4, to: 5 }));
    assert_eq!(after(Vec::clear), Err(Break::Cut { from: 1, to: 5 }));
    assert_eq!(after(|rows| rows.push(stranger(6))), inserted(6));
    assert_eq!(after(|rows| rows.insert(0, stranger(0))), inserted(0));
    assert_eq!(after(|rows| rows.insert(2, stranger(2))), inserted(2));
}

#[test]
fn a_chain_that_was_made_anew_does_not_end_where_the_old_one_ended() {
    let found = after(|rows| {
        rows[1].texts[0] = "user.logout".into();
        rows.iter_mut().fold(Place::beginning(), |before, row| row.chain(&before));
    });

    assert_eq!(found, Err(Break::Replaced { seq: 5 }));
}

#[test]
fn an_address_may_be_forgotten_with_its_salt_and_not_otherwise() {
    let forget = |row: &mut Row| (row.ip, row.agent, row.salt) = (None, None, None);
    assert_eq!(after(|rows| rows.iter_mut().for_each(forget)), Ok((5, 2)));

    let found = after(|rows| rows[1].ip = None);
    assert!(matches!(found, Err(Break::Changed { seq: 2, .. })), "{found:?}");
    let found = after(|rows| rows[0].ip = Some("192.0.2.9".into()));
    assert!(matches!(found, Err(Break::Changed { seq: 1, .. })), "an address where there was none: {found:?}");
}

#[test]
fn a_walk_may_begin_where_rows_were_cut_off() {
    let (rows, end) = chained();
    let begin = Place { seq: 3, hash: rows[2].hash.clone().unwrap() };

    assert_eq!(walk(&rows[3..], begin.clone(), end.clone()).unwrap().sound, 2);
    assert_eq!(walk(&[], end.clone(), end.clone()).unwrap().sound, 0);
    assert_eq!(walk(&rows[4..], begin, end).unwrap_err(), Break::Removed { from: 4, to: 4 });
}
