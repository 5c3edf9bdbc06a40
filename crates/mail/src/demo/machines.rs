//! Mail that nobody typed: alerts, newsletters, invoices, and the scanner that cannot
//! count.

use super::calendar::{Civil, at_work};
use super::files::{self, File};
use super::fill::{Context, amount};
use super::letter::{Letter, message_id};
use super::papers;
use super::people::{Lang, MACHINES, Mailer, NEWSLETTERS, PARTNERS, Person, STAFF, staff};
use super::post::Mail;
use super::random::Random;

/// What newsletters report.
const NEWS: [&str; 30] = [
    "{city} gives itself {n} million for a new ferry terminal. The council voted at {time}, after a night of speeches.",
    "A grey heron has nested on the navigation light at {place}; the light stays on, the maintenance waits.",
    "Tender: dredging of {n},000 cubic metres in {city}. Offers are due by {date}, in two envelopes.",
    "Steel plate rose by {few} per cent last month, and {firm} expects more of it.",
    "Opinion: why the {part} deserves more love. Our columnist has looked at {n} of them.",
    "The port of {city} handled {n} per cent more containers than a year ago, most of them empty.",
    "A crane of {big} tonnes sails from {city} this week. Watch it pass the {part} at low water.",
    "Court: a harbour may charge for shelter from storms, if the price hangs at the entrance.",
    "{firm} has a new owner. Nobody wants to say who it is, and everybody knows.",
    "The tide gauge of {city} turns one hundred years old and is off by {few} mm.",
    "Tender: inspection of {n} dolphins and {few} bridges near {city}, framework of {few} years.",
    "Book of the month: a short history of mud, {n} pages with pictures.",
    "Winter storms cost the breakwaters of the coast {amount}, says an insurer.",
    "Reader's letter: the {part} was better in the old days, when it was made of oak.",
    "Training: two days on scour, in {city}, with a boat trip. {few} seats are left.",
    "Electric tugs: the one in {city} has now made {big} berthings on batteries alone.",
    "A diver found a {part} that was lost in 1974 and has sent it back.",
    "New rule: shore power becomes mandatory at berths longer than {n}0 metres.",
    "Concrete made with sea water: a test block at {place} has survived {few} winters.",
    "The lock of {city} closes for {n} days; ships take the long way round.",
    "Tender: {n} bollards of cast steel, with delivery to {city} before {date}.",
    "Jobs: {firm} seeks a resident engineer who can swim.",
    "Photograph of the week: fog over {place}, taken at {time}.",
    "Research: mussels hold on better to old paint than to new paint, {percent} per cent of them at least.",
    "Freight rates from {city} to {city} fell by a tenth.",
    "Obituary: the pilot who berthed {big} ships in {city} and scratched one.",
    "Wind farms want heavier quays. {city} drives piles of {n} metres to please them.",
    "Question of the week: how deep is your {part}? Last week {percent} per cent knew.",
    "The customs office of {city} moves to the old fish hall, smell included.",
    "Calendar: the harbour fair of {city} opens on {date} with a parade of dredgers.",
];

/// One mail that a machine or an office program sent at about `when`.
fn single(
    letter: Letter,
    readers: Vec<Person>,
    folder: &'static str,
    random: &mut Random,
) -> Vec<Mail> {
    let posted = letter.post(random);
    vec![Mail {
        raw: posted.raw,
        sent: letter.sent,
        from: letter.from,
        readers,
        folder,
        ..Mail::default()
    }]
}

/// An alert of the monitoring, a tide gauge or the nightly backup, at any hour.
pub(super) fn alert(when: i64, random: &mut Random) -> Vec<Mail> {
    let from = random.pick(MACHINES.get(..3).unwrap_or_default());
    let sent = when + random.between(0, 86_399);
    let at = Civil::of(sent);
    let clock = format!(
        "{} {:02}:{:02}:{:02}Z",
        at.iso(),
        at.hour,
        at.minute,
        at.second
    );
    let host = format!(
        "{}-{:02}",
        random.pick(&["draw", "mail", "gate", "model", "site", "licence", "print"]),
        random.between(1, 12)
    );
    let (to, subject, mut rows) = match from.local {
        "gauge4" => {
            let level = random.between(110, 240);
            let subject = format!(
                "Tide gauge 4: level {}.{:02} m above mean",
                level / 100,
                level % 100
            );
            (
                "bjoern.koehler",
                subject,
                vec![
                    format!("level {level} cm"),
                    format!("wind {} kn", random.between(12, 48)),
                ],
            )
        }
        "backup" => {
            let good = random.chance(88);
            let subject = format!(
                "Backup of {host}: {}",
                if good { "complete" } else { "FAILED" }
            );
            (
                "lukasz.dabrowski",
                subject,
                vec![
                    format!("files {}", random.between(2_000, 900_000)),
                    format!("minutes {}", random.between(4, 240)),
                ],
            )
        }
        _ => {
            let percent = random.between(80, 99);
            let what = random.pick(&[
                "disk /srv/drawings",
                "memory",
                "queue length",
                "certificate life",
                "swap",
                "battery",
            ]);
            (
                "lukasz.dabrowski",
                format!("[watch] {host}: {what} at {percent} %"),
                vec![format!("check {what}"), format!("value {percent}")],
            )
        }
    };
    rows.insert(0, format!("time {clock}"));
    for step in 0..random.between(8, 40) {
        let before = Civil::of(sent - 300 * step);
        rows.push(format!(
            "{:02}:{:02} {host} load {}.{:02} io {:>4} net {:>6} kB/s errors {}",
            before.hour,
            before.minute,
            random.between(0, 9),
            random.between(0, 99),
            random.between(1, 900),
            random.between(10, 90_000),
            random.below(3)
        ));
    }
    let letter = Letter {
        from,
        to: vec![staff(to)],
        sent,
        subject,
        paragraphs: vec![
            rows.join("\n"),
            "This mail was written by a machine. Answers are not read.".to_owned(),
        ],
        id: format!("alert-{}-{}@{}", sent, random.hex(6), from.domain),
        extra: vec![("Auto-Submitted", "auto-generated".to_owned())],
        ..Letter::default()
    };
    let readers = letter.to.clone();
    single(letter, readers, "Alerts", random)
}

/// A newsletter to some of the staff.
pub(super) fn newsletter(when: i64, random: &mut Random) -> Vec<Mail> {
    let list = random.pick(&NEWSLETTERS);
    let context = Context::new(when, Lang::English, random);
    let from = Person {
        name: list.title,
        latin: list.title,
        local: list.local,
        domain: list.domain,
        mailer: Mailer::Web,
        ..Person::default()
    };
    let count = random.between(6, 12) as usize;
    let stories = random
        .sample(&NEWS, count)
        .into_iter()
        .map(|story| context.fill(story, random))
        .collect::<Vec<_>>();
    let headline = stories
        .first()
        .and_then(|story| story.split(". ").next())
        .unwrap_or_default()
        .trim_end_matches('.')
        .to_owned();
    let address = format!("readers@{}", list.domain);
    let letter = Letter {
        from,
        list: Some((list.title.to_owned(), address.clone())),
        sent: at_work(when, from.zone, random),
        subject: format!("{}: {headline}", list.tag),
        paragraphs: stories,
        glossy: true,
        id: format!(
            "{}.{}@{}",
            Civil::of(when).compact(),
            random.hex(10),
            list.domain
        ),
        extra: vec![
            (
                "List-Id",
                format!("{} <{}.{}>", list.title, list.local, list.domain),
            ),
            (
                "List-Unsubscribe",
                format!(
                    "<https://{}/leave/{}>, <mailto:leave@{}>",
                    list.domain,
                    random.hex(16),
                    list.domain
                ),
            ),
            ("Precedence", "bulk".to_owned()),
        ],
        ..Letter::default()
    };
    let count = random.between(1, 4) as usize;
    let readers = random.sample(&STAFF, count);
    single(letter, readers, "Lists/News", random)
}

/// A partner's invoice.
pub(super) fn invoice(when: i64, random: &mut Random) -> Vec<Mail> {
    let from = random.pick(&PARTNERS);
    let number = format!(
        "INV-{}-{:05}",
        Civil::of(when).year,
        random.between(100, 99_000)
    );
    let total = amount(random);
    let (subject, text) = match from.lang {
        Lang::German => (
            format!("Rechnung {number}"),
            format!(
                "Sehr geehrte Damen und Herren,\n\nanbei erhalten Sie die Rechnung {number} über {total}, zahlbar innerhalb von dreißig Tagen.\n\nMit freundlichen Grüßen"
            ),
        ),
        Lang::French => (
            format!("Facture {number}"),
            format!(
                "Bonjour,\n\nveuillez trouver ci-joint notre facture {number} d'un montant de {total}, payable à trente jours.\n\nCordialement"
            ),
        ),
        Lang::Spanish => (
            format!("Factura {number}"),
            format!(
                "Estimados señores:\n\nLes adjuntamos la factura {number} por un importe de {total}, con vencimiento a treinta días.\n\nAtentamente"
            ),
        ),
        Lang::Polish => (
            format!("Faktura {number}"),
            format!(
                "Szanowni Państwo,\n\nw załączeniu przesyłamy fakturę {number} na kwotę {total}, płatną w ciągu trzydziestu dni.\n\nZ poważaniem"
            ),
        ),
        _ => {
            let context = Context::new(when, Lang::English, random);
            let about = context.fill("for the {part}, your order {code}", random);
            (
                format!("Invoice {number} {about}"),
                format!(
                    "Dear customer,\n\nplease find our invoice {number} over {total} attached, {about}.\n\nIt is payable within thirty days. Should you have paid already, please forget this mail and accept our thanks.\n\nKind regards"
                ),
            )
        }
    };
    let lang = if matches!(
        from.lang,
        Lang::German | Lang::French | Lang::Spanish | Lang::Polish
    ) {
        from.lang
    } else {
        Lang::English
    };
    let readers = match random.below(3) {
        0 => vec![staff("nuria.castano"), staff("annika.groessmann")],
        1 => vec![staff("annika.groessmann")],
        _ => vec![staff("nuria.castano")],
    };
    let sent = at_work(when, from.zone, random);
    let letter = Letter {
        from,
        to: readers.clone(),
        sent,
        subject,
        lang,
        paragraphs: text.split("\n\n").map(str::to_owned).collect(),
        signed: true,
        files: vec![papers::invoice(&number, from.domain, &total, sent, random)],
        id: message_id(&from, sent, random),
        ..Letter::default()
    };
    single(letter, readers, "Finance/Invoices", random)
}

/// Two scans on two days under one Message-ID: the device counts its mails from 1 again
/// when it has been switched off. Whoever takes the Message-ID for the mail loses one.
pub(super) fn scanner(when: i64, random: &mut Random) -> Vec<Mail> {
    let from = MACHINES.get(3).copied().unwrap_or_default();
    let reader = staff("annika.groessmann");
    let mut out = Vec::new();
    for (days, what) in [
        (0, "Delivery note of the fender panels, signed"),
        (3, "Crane permit with stamps, six pages"),
    ] {
        let sent = at_work(when + days * 86_400, from.zone, random);
        let context = Context::new(sent, Lang::English, random);
        let lines: Vec<String> = vec![
            what.to_owned(),
            context.fill("Received at {place} on {date}: {part}.", random),
        ];
        let file: File = files::pdf("scan0001.pdf", what, &lines, 24_000, random);
        let letter = Letter {
            from,
            to: vec![reader],
            sent,
            subject: "Scan from 2nd floor".to_owned(),
            paragraphs: vec![format!(
                "{what}.\nPages: {}. Resolution: 200 dpi.",
                random.between(1, 6)
            )],
            files: vec![file],
            id: "00000001@mfp2.lindholm-quay.example".to_owned(),
            ..Letter::default()
        };
        out.extend(single(letter, vec![reader], "INBOX", random));
    }
    out
}
