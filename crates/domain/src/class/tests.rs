//! Spans, months, what volumes lack, and which class a mail belongs to.
#![allow(clippy::unwrap_used, reason = "tests may panic")]
use super::*;
use proptest::prelude::*;

fn class(name: &str, after: &str) -> StorageClass {
    StorageClass {
        name: name.into(),
        volume: MAIN.into(),
        after: after.parse().unwrap(),
        scope: None,
        keep: None,
        hold: None,
        backup: daily(),
        search: SearchSpeed::default(),
        index: IndexDepth::default(),
        searchable_within: soon(),
        availability: Availability::default(),
        cipher: Cipher::default(),
        compression: Compression::default(),
        copies: 1,
        whereabouts: Whereabouts::default(),
        raid: None,
        medium: Medium::default(),
    }
}

#[test]
fn spans_are_read_and_written_alike() {
    for (text, length) in [
        ("0s", 0),
        ("2s", 2),
        ("15m", 900),
        ("24h", 86_400),
        ("30d", 2_592_000),
        ("1mo", 2_629_746),
        ("7y", 220_898_664),
    ] {
        let span: Span = text.parse().unwrap();
        assert_eq!((span.length(), span.to_string().as_str()), (length, text));
    }
    for wrong in ["", "7", "y", "-1d", "1.5h", "7 y", "2000y", "99999999999d"] {
        assert!(wrong.parse::<Span>().is_err(), "{wrong}");
    }
}

#[test]
fn months_begin_where_the_calendar_says() {
    for (month, start) in [
        ("1970-01", 0),
        ("2000-03", 951_868_800),
        ("2024-02", 1_706_745_600),
        ("2100-12", 4_131_302_400i64),
    ] {
        let found = Month::of(start);
        assert_eq!((found.to_string().as_str(), found.start()), (month, start));
        assert_eq!(Month::of(start - 1), Month(found.0 - 1));
    }
}

#[test]
fn each_attribute_that_is_not_offered_is_named() {
    let volume = Volume::default();
    assert_eq!(unmet(&class("a", "0s"), &volume), Vec::<String>::new());
    let mut wanting = class("a", "0s");
    wanting.medium = Medium::Tape;
    wanting.raid = Some("1".into());
    wanting.copies = 2;
    wanting.whereabouts = Whereabouts::OffSite;
    wanting.availability = Availability::Replicated;
    wanting.searchable_within = Span::seconds(1);
    wanting.backup = Span::seconds(0);
    let lines = unmet(&wanting, &volume);
    for word in [
        "tape",
        "RAID 1",
        "2 copies",
        "off-site",
        "replicated",
        "searchable",
        "backup",
    ] {
        assert_eq!(
            lines.iter().filter(|line| line.contains(word)).count(),
            1,
            "{word} in {lines:?}"
        );
    }
    // What is offered beyond it is no fault.
    let rich = Volume {
        medium: Medium::Tape,
        raid: Some("1".into()),
        copies: 3,
        whereabouts: Whereabouts::OffSite,
        availability: Availability::Replicated,
        ..Volume::default()
    };
    wanting.searchable_within = Span::seconds(60);
    wanting.backup = daily();
    assert_eq!(unmet(&wanting, &rich), Vec::<String>::new());
}

#[test]
fn worm_says_how_long_and_nothing_else_does() {
    let mut worm = class("w", "0s");
    worm.medium = Medium::Worm;
    let volume = Volume {
        medium: Medium::Worm,
        ..Volume::default()
    };
    assert_eq!(unmet(&worm, &volume).len(), 1);
    worm.keep = Some("7y".parse().unwrap());
    assert_eq!(unmet(&worm, &volume), Vec::<String>::new());
    let mut disk = class("d", "0s");
    disk.keep = worm.keep;
    assert_eq!(unmet(&disk, &Volume::default()).len(), 1);
}

#[test]
fn the_last_class_that_wants_a_mail_has_it() {
    let classes = [
        class("young", "0s"),
        class("old", "30d"),
        class("cold", "1y"),
    ];
    let at = |age, scope: &dyn Fn(usize) -> bool| {
        class_at(&classes, age, |place, _| scope(place)).map(|(_, class)| class.name.clone())
    };
    assert_eq!(at(5, &|_| true).unwrap(), "young");
    assert_eq!(at(31 * DAY, &|_| true).unwrap(), "old");
    assert_eq!(at(400 * DAY, &|_| true).unwrap(), "cold");
    assert_eq!(at(400 * DAY, &|place| place != 2).unwrap(), "old");
    assert_eq!(at(400 * DAY, &|_| false), None);
}

proptest! {
    /// Locked at least as long as asked, and less than two months longer.
    #[test]
    fn release_is_never_early(held in -2_000_000_000i64..4_000_000_000, count in 0u32..400, unit in 0usize..6) {
        let span = Span { count, unit: UNITS.get(unit).unwrap().1 };
        let free = release(held, span).start();
        let (months, seconds) = span.parts();
        prop_assert!(free > held + seconds);
        prop_assert!(Month::of(held + seconds).0 + months < Month::of(free).0);
        prop_assert!(free <= held + span.length() + 63 * DAY);
    }
}
