//! Which words `stem:` finds with one another, language by language.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use proptest::prelude::*;

use super::{Language, Stem, terms_of};

/// Code, families of words that meet, pairs that do not.
type Row = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const TABLE: &[Row] = &[
    (
        "ar",
        &[
            "كتاب الكتاب كتابان وكتاب",
            "معلم معلمون معلمين المعلمون",
            "شركة الشركة والشركة للشركة",
            "بيت البيت والبيت بيتنا",
            "مهندس مهندسون المهندسين",
            "تقرير التقرير تقريرها",
        ],
        &["كتاب مكتب", "شركة شارع", "عقد عين"],
    ),
    (
        "da",
        &[
            "aftale aftaler aftalen aftalerne",
            "kontrakt kontrakten kontrakter kontrakterne",
            "hus huset huse husene",
            "løber løb løbe løbende",
            "firma firmaer firmaets",
        ],
        &["hus hustru", "aftale aften", "kontrakt kontant"],
    ),
    (
        "de",
        &[
            "Vertrag Verträge Verträgen Vertrages",
            "Haus Häuser Häusern Hauses",
            "kaufen kaufe kaufst",
            "Gesellschaft Gesellschaften",
            "schön schöne schöner schönes",
            "groß große größe grösse großen",
        ],
        &["Haus Haut", "Vertrag Vertreter", "Gesellschaft Gesetz"],
    ),
    (
        "el",
        &[
            "εταιρεία εταιρείες εταιρείας",
            "κείμενο κείμενα κειμένου",
            "δρόμος δρόμου δρόμοι δρόμους",
            "πελάτης πελάτες πελάτη",
            "γραφείο γραφεία γραφείου",
        ],
        &["δρόμος δράμα", "παιδί παίκτης", "εταιρεία ετικέτα"],
    ),
    (
        "en",
        &[
            "run runs running",
            "contract contracts contracted contracting",
            "merger mergers",
            "acquisition acquisitions",
            "company companies",
            "audit audits audited auditing",
        ],
        &[
            "run rung",
            "contract contrast",
            "company compare",
            "audit audience",
        ],
    ),
    (
        "es",
        &[
            "contrato contratos",
            "reunión reuniones",
            "acción acciones",
            "comía comían comer comido",
            "rápido rápidos rápida rápidas",
            "información informaciones",
        ],
        &["contrato contrario", "acción actor", "reunión reuma"],
    ),
    (
        "fi",
        &[
            "talo talossa talosta taloon talot",
            "sopimuksen sopimukset sopimuksessa",
            "lasku laskun laskut laskussa laskusta",
            "kirja kirjat kirjassa kirjasta",
            "päivä päivän päivät päivänä",
        ],
        &["talo talous", "kirja kirkko", "yritys yritin"],
    ),
    (
        "fr",
        &[
            "contrat contrats",
            "manger mangé mangée mangées mangés",
            "réunion réunions",
            "activité activités",
            "signer signé signée signait signèrent",
            "entreprise entreprises",
        ],
        &["contrat contraire", "réunion réussi", "activité acteur"],
    ),
    (
        "hu",
        &[
            "ház házak házban háznál",
            "szerződés szerződések szerződésben szerződésről",
            "könyv könyvek könyvben könyvből",
            "nap napok napban naphoz",
            "ember emberek embernek embertől",
        ],
        &["ház hazug", "könyv könny", "nap napló"],
    ),
    (
        "it",
        &[
            "contratto contratti",
            "riunione riunioni",
            "attività attivita",
            "libro libri",
            "parlare parlato parlando parlava",
            "qualità qualita",
        ],
        &["libro libero", "contratto contrario", "riunione riuscita"],
    ),
    (
        "nl",
        &[
            "contract contracten",
            "vergadering vergaderingen",
            "huis huizen",
            "lopen loop loopt",
            "bedrijf bedrijven",
        ],
        &["huis huid", "contract contrast", "klein kleur"],
    ),
    (
        "no",
        &[
            "avtale avtaler avtalen avtalene",
            "kontrakt kontrakten kontrakter kontraktene",
            "hus huset husene",
            "møte møter møtet møtene",
            "selskap selskapet selskaper selskapene",
        ],
        &["hus husk", "avtale avtrykk", "møte møbel"],
    ),
    (
        "pt",
        &[
            "contrato contratos",
            "documento documentos",
            "rápido rápida rápidos",
            "informação informações",
            "empresa empresas",
            "falar falando falava falaram",
        ],
        &["contrato contrário", "ação ator", "empresa emprego"],
    ),
    (
        "ro",
        &[
            "contract contracte contractul contractele",
            "informație informații informația",
            "casă case casele",
            "acțiune acțiuni acțiunea",
            "lucrez lucrează lucra lucrând",
        ],
        &["casă castel", "contract contrast", "acțiune actor"],
    ),
    (
        "ru",
        &[
            "договор договоры договора договором",
            "компания компании компанией",
            "новый новая новой новыми",
            "счёт счета счетом",
            "работать работал работала работают",
        ],
        &["договор доход", "новый новость", "счёт считать"],
    ),
    (
        "sv",
        &[
            "avtal avtalet avtalen avtalets",
            "bilar bilen bilarna",
            "hus huset husen",
            "möte möten mötet",
            "företag företaget företagen",
        ],
        &["hus husky", "avtal avtryck", "möte möbel"],
    ),
    (
        "tr",
        &[
            "ev evler evlerde evlerinden",
            "kitap kitaplar kitapları kitaplarında",
            "sözleşme sözleşmeler sözleşmeleri sözleşmenin",
            "gün günler günleri günlerde",
            "şirket şirketler şirketin şirketlerden",
            "rapor raporlar raporları raporda",
        ],
        &["ev evet", "gün gündüz", "kitap kitle"],
    ),
];

fn folded(word: &str) -> String {
    terms_of(word).concat()
}

#[test]
fn families_meet_and_strangers_do_not() {
    let mut faults = Vec::new();
    assert_eq!(TABLE.len(), Language::ALL.len());
    for (code, families, strangers) in TABLE {
        let language = Language::of_code(code).unwrap();
        assert!(families.len() >= 5 && strangers.len() >= 3, "{code}");
        for family in *families {
            let words: Vec<String> = family.split(' ').map(folded).collect();
            for one in &words {
                let stem = Stem::new(Some(language), one);
                let any = Stem::new(None, one);
                for other in &words {
                    if !stem.matches(other) {
                        faults.push(format!(
                            "{code}: {one} ({}) and {other} ({})",
                            super::stem::stem(language, one),
                            super::stem::stem(language, other)
                        ));
                    } else if !any.matches(other) {
                        faults.push(format!("{code}: {one} and {other} in any language"));
                    }
                }
            }
        }
        for pair in *strangers {
            let (one, other) = pair.split_once(' ').unwrap();
            let (one, other) = (folded(one), folded(other));
            if Stem::new(Some(language), &one).matches(&other) {
                faults.push(format!("{code}: {one} meets {other}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_has_no_stem() {
    for word in ["日本", "123", "हिन्दी", "שלום", ""] {
        let stem = Stem::new(None, word);
        assert!(!stem.is_known() && stem.matches(word), "{word}");
        assert_eq!(stem.prefixes(), [word]);
    }
    assert!(!Stem::new(Some(Language::Russian), "contract").is_known());
    assert!(Stem::new(Some(Language::English), "x1").is_known());
}

proptest! {
    #[test]
    fn any_term_has_a_stem_or_none(text in any::<String>(), mixed in "[a-zà-ÿğışа-яёαάω\u{621}-\u{64a}0-9]{1,24}") {
        for term in terms_of(&text).iter().chain(&terms_of(&mixed)) {
            for (_, language) in Language::ALL {
                super::stem::stem(language, term);
            }
            let stem = Stem::new(None, term);
            prop_assert!(stem.matches(term));
            prop_assert!(stem.prefixes().iter().any(|prefix| term.starts_with(prefix)));
            prop_assert!(stem.prefixes().is_sorted());
        }
    }
}
