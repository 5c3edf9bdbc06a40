//! Real documents: the office documents of the Enron test data and TNEF streams with their
//! expected contents. Without `EVERPOST_CORPUS` these pass without a look.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use everpost_codec::tnef::{Tnef, decompress_rtf};
use everpost_extract::{Extraction, Gap, Item, Limits, extract};

/// Files of the corpus `name` below `folder`, by their paths there.
fn corpus(name: &str, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let Some(dir) = std::env::var_os("EVERPOST_CORPUS").filter(|dir| !dir.is_empty()) else {
        return files;
    };
    let file = std::fs::File::open(PathBuf::from(dir).join(name)).unwrap();
    let mut stream = zstd::Decoder::new(file).unwrap();
    stream.window_log_max(27).unwrap();
    for entry in tar::Archive::new(stream).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        if let Some(rest) = path.strip_prefix(folder)
            && entry.header().entry_type().is_file()
        {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            files.insert(rest.to_string(), bytes);
        }
    }
    files
}

fn read(name: &str, bytes: &[u8]) -> Extraction {
    let item = Item {
        name,
        content_type: "",
        charset: "",
        bytes,
    };
    extract(&item, &Limits::default())
}

/// Words of each document, picked from what other readers made of it (catdoc, xls2csv, catppt,
/// pdftotext; of the last few, a look at the document): the rarest among all documents.
const WORDS: &[(&str, &[&str])] = &[
    (
        "00034_2-CA(new dominion).doc",
        &["Representatives", "compilations"],
    ),
    (
        "00041_3-Glencore Commodities Ltd. financial trades.xls",
        &["GLENCORECOMLIM", "Seller"],
    ),
    (
        "00054_14-Demand Note15.doc",
        &["counterclaim", "suspensions"],
    ),
    ("00055_14-Demand Note9.doc", &["Seventy", "Twenty"]),
    (
        "00091_33-2001 Reorganization 111901.xls",
        &["RESPONSIBILITY", "Richardson"],
    ),
    ("00146_tti.xls", &["Authorization", "underutilized"]),
    (
        "00174_429-KonaMTMCOB12.11.2001.xls",
        &["NXAVCPROMPT", "endeavored"],
    ),
    (
        "00258_32-AltaGas Services ISDA CW.xls",
        &["respectively", "Thresholds"],
    ),
    (
        "00371_18-American Commercial Barge Line LLC annex b 11-19-01.xls",
        &["Jeffersonville", "Mendoza"],
    ),
    (
        "00373_185-Pre-Petition Terminations1.xls",
        &["confirmations", "Constellation"],
    ),
    ("00400_m06.ppt", &["subcontracting", "authorisation"]),
    ("00406_plasma.ppt", &["CHARACTERISTICS", "Interplanetary"]),
    (
        "00418_Public_Meeting_092105_Contract_Closeout.ppt",
        &["administratively", "recommendations"],
    ),
    (
        "00447_OverviewContractAdmin.ppt",
        &["accomplishments", "vulnerabilities"],
    ),
    (
        "00526_186-Pre-Petition Terminations1.xls",
        &["confirmations", "Constellation"],
    ),
    (
        "00537_431-KonaMTMCOB12.11.2001.xls",
        &["NXAVCPROMPT", "endeavored"],
    ),
    (
        "00579_788-Glencore Commodities Ltd. financial trades.xls",
        &["GLENCORECOMLIM", "Seller"],
    ),
    (
        "00637_43-Ontario Electricity Financial Corp ISDA CW.xls",
        &["Electricity", "Unlimited"],
    ),
    (
        "00781_62-e prime Energy Marketing omnibus.xls",
        &["CONFIRMATION", "confirmation"],
    ),
    (
        "00856_184-Pre-Petition Terminations1.xls",
        &["confirmations", "Constellation"],
    ),
    (
        "00917_28-AltaGas Services ISDA CW.xls",
        &["Canadian", "respectively"],
    ),
    ("01.pdf", &["Relationships", "Provisioning"]),
    ("01038_merz.ppt", &["Standardization", "standardizing"]),
    (
        "01095_23-BP Capital International Fund (industrial).xls",
        &["counterparty", "Sonnonstine"],
    ),
    ("03.pdf", &["notwithstanding", "safeguarding"]),
    ("04.pdf", &["Identification", "subsequently"]),
    ("08.pdf", &["acknowledging", "ORGANIZATIONS"]),
    ("09.pdf", &["transitioning", "Intelligence"]),
    ("10.pdf", &["Postboks", "Kolbotn"]),
    ("11.pdf", &["researchandmarkets", "comprehensive"]),
    ("12.pdf", &["Unenforceability", "misappropriation"]),
    ("20.pdf", &["TROUBLESHOOTING", "Troubleshooting"]),
    (
        "2007-04-02 ERA Contractors 2005.xls",
        &["telecommunications", "Telecommunications"],
    ),
    ("22.pdf", &["Microelectronics", "discontinuation"]),
    ("23.pdf", &["Helsingfors", "Kotipaikka"]),
    ("25.pdf", &["Presentation", "perkinscoie"]),
    ("29.pdf", &["carbonemissionsreduction", "environmentally"]),
    ("30.pdf", &["Dockets", "Justia"]),
    (
        "ASU contract info sheet.doc",
        &["understandably", "possibilities"],
    ),
    ("AdminContracts.doc", &["AdminContracts", "departmentally"]),
    (
        "AgreementFinal102306.doc",
        &["nondiscrimination", "governmentclaims"],
    ),
    (
        "Contract_procedures_to_follow_01.doc",
        &["alterations", "originating"],
    ),
    (
        "Cost reimbursement contracts.doc",
        &["Reimbursement", "uncertainties"],
    ),
    (
        "E-MODELE_CONTRAT_2007_EN.doc",
        &["considerations", "effectiveness"],
    ),
    (
        "Mark Kerzner Resume.doc",
        &["maintainability", "energisticsllc"],
    ),
    ("OGC-SC502P.doc", &["PROFESSIONAL", "delegations"]),
    (
        "OverviewContractAdmin.ppt",
        &["accomplishments", "vulnerabilities"],
    ),
    (
        "PBSA-contract-mgmt-plan-outline.doc",
        &["characteristics", "Organizations"],
    ),
    (
        "Public_Meeting_092105_Contract_Closeout.ppt",
        &["administratively", "recommendations"],
    ),
    (
        "Skills Maintenance Requests 2007.doc",
        &["incompatibility", "alphabetically"],
    ),
    (
        "Weekly Market Summary 090207.doc",
        &["disappointment", "probabilities"],
    ),
    (
        "contract processing checklist.doc",
        &["Underutilized", "subcontracted"],
    ),
    (
        "contract-monitoring-fy04.doc",
        &["Accountability", "Questionnaire"],
    ),
    (
        "contracts-yale-brooks2-03.doc",
        &["Misrepresentation", "unconscionability"],
    ),
    ("excelbook_with_embedded_objects.xls", &["Rajesh"]),
    ("m06.ppt", &["subcontracting", "authorisation"]),
    (
        "may06WITsig_Contract.doc",
        &["DeleteFromStore", "unavailability"],
    ),
    ("merz.ppt", &["Standardization", "standardizing"]),
    ("plasma.ppt", &["CHARACTERISTICS", "Interplanetary"]),
    ("tti.xls", &["Authorization", "underutilized"]),
    ("MorePII.docx", &["McKinney", "typesetting"]),
    (
        "word_with_embedded_objects_xls_tables.docx",
        &["Second table B3", "dkkdk"],
    ),
    (
        "01671_293-obr.questionnaire.new.rtf",
        &["QUESTIONNAIRE", "bimonthly"],
    ),
    ("00166_40-OrgAttach.rtf", &["Westlaw", "T00KFJR"]),
    ("bids.ppt", &["RIDOT", "Providence"]),
];

/// Pages that are pictures.
const SCANS: [&str; 3] = ["21.pdf", "27.pdf", "28.pdf"];

#[test]
fn office_documents_yield_their_words() {
    let documents = corpus("enron.tar.zst", "enron/documents/");
    if documents.is_empty() {
        return;
    }
    for (name, bytes) in &documents {
        let read = read(name, bytes);
        let wanted = WORDS.iter().find(|(known, _)| known == name);
        for word in wanted.map_or(&[][..], |(_, words)| words) {
            assert!(read.text.contains(word), "{name} has no {word}");
        }
        assert_eq!(
            read.text.is_empty(),
            SCANS.contains(&name.as_str()),
            "{name}"
        );
        let partly = matches!(read.gap, None | Some(Gap::Damaged | Gap::Unsupported));
        assert!(partly, "{name}: {:?}", read.gap);
    }
    let missing = WORDS
        .iter()
        .find(|(name, _)| !documents.contains_key(*name));
    assert_eq!(missing, None);
}

/// Equal but for line ends and for what closes a text: the expected files went through both.
fn same(one: &[u8], other: &[u8]) -> bool {
    let text = |bytes: &[u8]| -> Vec<u8> {
        let mut kept: Vec<u8> = bytes
            .iter()
            .copied()
            .filter(|byte| *byte != b'\r')
            .collect();
        while kept
            .last()
            .is_some_and(|byte| matches!(byte, 0 | b'\n' | b' '))
        {
            kept.pop();
        }
        kept
    };
    text(one) == text(other)
}

#[test]
fn tnef_streams_hold_what_is_expected() {
    let files = corpus(
        "torture.tar.zst",
        "torture/MimeKit/UnitTests/TestData/tnef/",
    );
    let streams = files.iter().filter(|(name, _)| name.ends_with(".tnef"));
    for (name, bytes) in streams {
        let tnef = Tnef::read(bytes).unwrap();
        let folder = name.strip_suffix(".tnef").unwrap();
        let expected: Vec<(&str, &Vec<u8>)> = files
            .iter()
            .filter_map(|(path, bytes)| {
                Some((path.strip_prefix(folder)?.strip_prefix('/')?, bytes))
            })
            .collect();
        for (file, content) in &expected {
            // What old programs show instead of an object; the object itself is what is read.
            if content.len() < 100 && file.starts_with("Untitled") {
                continue;
            }
            let held = match *file {
                "message.rtf" => tnef
                    .compressed_rtf
                    .and_then(|rtf| decompress_rtf(rtf, 1 << 24)),
                "message.html" => tnef.html.map(|html| html.bytes().to_vec()),
                "message.txt" => tnef.body.clone().map(String::into_bytes),
                _ => {
                    let mut list = tnef.attachments.iter();
                    // Objects are expected with their class before them.
                    let same = |data: &[u8]| {
                        same(data, content)
                            || content.get(16..).is_some_and(|rest| same(data, rest))
                    };
                    let found = list.find(|one| same(one.data));
                    found.map(|_| content.to_vec())
                }
            };
            let held = held.unwrap_or_else(|| panic!("{name} lacks {file}"));
            assert!(same(&held, content), "{name}: {file}");
        }
        read(name, bytes);
    }
}
