//! Which file goes with which mail: shared ones that many mails carry, and ones made for
//! the occasion.

use super::calendar::Civil;
use super::encode;
use super::english::TOPICS;
use super::files::{self, File};
use super::fill::Context;
use super::people::Lang;
use super::random::Random;
use super::scenes::PAPERS;

/// Files that go round and round in the firm: one copy each in a store that deduplicates.
const SHARED: [&str; 8] = [
    "Site-Rules.pdf",
    "Travel-Policy.pdf",
    "Standard-Terms-of-Purchase.pdf",
    "Concrete-Mix-Table.csv",
    "Harbour-Overview.png",
    "Minutes-Template.docx",
    "Bank-Details.pdf",
    "Lifting-Chart.pdf",
];

/// The file called `name`: the same bytes whenever it is asked for with the same seed.
pub(super) fn shared(seed: u64, name: &str) -> File {
    let mut random = Random::keyed(seed, name);
    let mut context = Context::new(1_665_000_000, Lang::English, &mut random);
    context.code = "LQ-2022-0001".to_owned();
    let title = name.split('.').next().unwrap_or_default().replace('-', " ");
    let mut lines: Vec<String> = match PAPERS.iter().find(|(paper, _)| *paper == name) {
        Some((_, text)) => text.lines().map(str::to_owned).collect(),
        None => Vec::new(),
    };
    let length = if lines.is_empty() { 60 } else { 14 };
    lines.extend(prose(&context, length, &mut random));
    match name.rsplit('.').next() {
        Some("csv") => files::csv(name, 380, 1_701_388_800, &mut random),
        Some("png") if name == "Harbour-Overview.png" => {
            files::png(name, 80, 60, true, &mut random)
        }
        Some("png") => files::png(name, 260, 180, false, &mut random),
        Some("docx") => files::docx(name, &lines),
        _ => {
            // A drawing as a picture makes the file as large as such files are.
            let picture = match name {
                "Pier7-As-Built-Drawing.pdf" => 420_000,
                "Lifting-Chart.pdf" | "Pier7-Caisson-Inspection.pdf" => 24_000,
                _ => 0,
            };
            files::pdf(name, &title, &lines, picture, &mut random)
        }
    }
}

/// The firm's mark, shown under HTML mail.
pub(super) fn logo(seed: u64) -> File {
    let mut random = Random::keyed(seed, "logo");
    let mut file = files::png("logo.png", 24, 20, true, &mut random);
    file.inline = Some("logo@lindholm-quay.example".to_owned());
    file
}

/// Lines of printed text, none too long for a page.
fn prose(context: &Context, length: usize, random: &mut Random) -> Vec<String> {
    let mut out = Vec::new();
    for _ in 0..length.div_ceil(8) {
        let topic = random.pick(&TOPICS);
        for paragraph in context.paragraphs(&topic, length.min(8), random) {
            out.extend(encode::wrap(&paragraph, 92).lines().map(str::to_owned));
            out.push(String::new());
        }
    }
    out
}

/// An invoice, as a PDF under its own number.
pub(super) fn invoice(
    number: &str,
    firm: &str,
    amount: &str,
    when: i64,
    random: &mut Random,
) -> File {
    let context = Context::new(when, Lang::English, random);
    let mut lines = vec![
        format!("From: {firm}"),
        format!("Date: {}", Civil::of(when).iso()),
        String::new(),
    ];
    for position in 1..=random.between(2, 12) {
        let text = context.fill("{part}, delivered to {city}", random);
        lines.push(format!(
            "{position}   {text}   {} pieces",
            random.between(1, 60)
        ));
    }
    lines.extend([
        String::new(),
        format!("Total: {amount}"),
        "Payable within thirty days without deduction.".to_owned(),
    ]);
    // Some firms print and scan what they could have sent.
    let picture = if random.chance(12) {
        random.between(20_000, 60_000) as usize
    } else {
        0
    };
    files::pdf(
        &format!("{number}.pdf"),
        &format!("Invoice {number}"),
        &lines,
        picture,
        random,
    )
}

/// Files for an ordinary mail to so many `readers`: mostly none, and large ones only to few.
pub(super) fn occasional(
    seed: u64,
    context: &Context,
    readers: usize,
    random: &mut Random,
) -> Vec<File> {
    let english = Context {
        lang: Lang::English,
        ..context.clone()
    };
    let code = &context.code;
    let date = Civil::of(context.when).iso();
    match random.below(100) {
        0..=4 => vec![shared(seed, random.pick(&SHARED))],
        5..=8 => {
            let name = report_name(context.lang, code);
            let length = random.between(12, 90) as usize;
            vec![files::pdf(
                &name,
                &english.fill("{project}: {doc}", random),
                &prose(&english, length, random),
                0,
                random,
            )]
        }
        9..=10 => {
            let rows = random.between(60, 700) as usize;
            vec![files::csv(
                &format!("levels-{date}.csv"),
                rows,
                context.when,
                random,
            )]
        }
        12..=13 => {
            let length = random.between(10, 50) as usize;
            vec![files::docx(
                &format!("Minutes-{date}.docx"),
                &prose(&english, length, random),
            )]
        }
        15 if readers <= 2 => {
            let (width, height) = random.pick(&[(120, 90), (160, 120), (160, 120), (280, 200)]);
            vec![files::png(
                &format!("IMG_{:04}.png", random.between(100, 9_900)),
                width,
                height,
                false,
                random,
            )]
        }
        16 if readers <= 2 => {
            let picture = random.pick(&[30_000, 60_000, 90_000, 30_000, 45_000, 70_000, 420_000]);
            vec![files::pdf(
                &format!("scan-{code}.pdf"),
                "Scanned drawing",
                &prose(&english, 6, random),
                picture,
                random,
            )]
        }
        _ => Vec::new(),
    }
}

/// What a report is called where people speak `lang`.
fn report_name(lang: Lang, code: &str) -> String {
    match lang {
        Lang::English => format!("Report {code}.pdf"),
        Lang::German => format!("Prüfbericht {code}.pdf"),
        Lang::French => format!("Compte rendu de réunion {code}.pdf"),
        Lang::Spanish => format!("Informe de inspección {code}.pdf"),
        Lang::Polish => format!("Protokół {code}.pdf"),
        Lang::Greek => format!("Έκθεση {code}.pdf"),
        Lang::Russian => format!("Отчёт {code}.pdf"),
        Lang::Japanese => format!("検査報告書 {code}.pdf"),
        Lang::Chinese => format!("检验报告 {code}.pdf"),
        Lang::Korean => format!("검사보고서 {code}.pdf"),
        Lang::Arabic => format!("تقرير {code}.pdf"),
    }
}
