//! Who writes: the staff of an invented harbour-engineering firm, its partners, and the
//! machines and lists that write to it. All domains are under `.example`, which nobody
//! can own (RFC 2606).

use super::calendar::Zone;

/// The firm's own domain: mailboxes exist only here.
pub(super) const HOME: &str = "lindholm-quay.example";

/// What somebody speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Lang {
    #[default]
    English,
    German,
    French,
    Spanish,
    Polish,
    Greek,
    Russian,
    Japanese,
    Chinese,
    Korean,
    Arabic,
}

/// How somebody's mail program writes: this alone decides charsets, transfer encodings,
/// identifiers and boundaries, so that one person's mail looks like one person's mail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Mailer {
    /// UTF-8, quoted-printable, always with an HTML alternative.
    #[default]
    Office,
    /// UTF-8, base64 where the text is not Latin, with an HTML alternative.
    Web,
    /// UTF-8 as 8bit, mostly plain text.
    Plain,
    /// The national charset of old (ISO-8859-x, KOI8-R, ISO-2022-JP, GB18030, EUC-KR).
    Old,
    /// UTF-8, quoted-printable, plain text or HTML.
    Phone,
}

/// A person, a machine or a list.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Person {
    /// As in the From field, in the person's own script.
    pub(super) name: &'static str,
    /// As others write it in English.
    pub(super) latin: &'static str,
    /// As colleagues greet them.
    pub(super) first: &'static str,
    pub(super) local: &'static str,
    pub(super) domain: &'static str,
    pub(super) title: &'static str,
    pub(super) phone: &'static str,
    pub(super) city: &'static str,
    pub(super) lang: Lang,
    pub(super) zone: Zone,
    pub(super) mailer: Mailer,
}

impl Person {
    /// `sara.lindholm@lindholm-quay.example`
    pub(super) fn address(&self) -> String {
        format!("{}@{}", self.local, self.domain)
    }

    /// Whether the archive has a mailbox for them.
    pub(super) fn is_staff(&self) -> bool {
        self.domain == HOME && !self.title.is_empty()
    }

    /// Whether two values mean the same mailbox.
    pub(super) fn is(&self, other: &Person) -> bool {
        self.local == other.local && self.domain == other.domain
    }
}

/// A member of staff by local part, for scenes that need a certain person.
pub(super) fn staff(local: &str) -> Person {
    STAFF
        .iter()
        .chain(&PARTNERS)
        .find(|one| one.local == local)
        .copied()
        .unwrap_or_default()
}

macro_rules! people {
    ($($name:literal $latin:literal $first:literal $local:literal $domain:expr, $title:literal $phone:literal $city:literal
        $lang:ident $zone:ident $mailer:ident;)*) => {
        [$(Person {
            name: $name, latin: $latin, first: $first, local: $local, domain: $domain, title: $title,
            phone: $phone, city: $city, lang: Lang::$lang, zone: Zone::$zone, mailer: Mailer::$mailer,
        }),*]
    };
}

/// Everybody who has a mailbox.
pub(super) const STAFF: [Person; 26] = people![
    "Sara Lindholm" "Sara Lindholm" "Sara" "sara.lindholm" HOME, "Managing Director" "+46 31 555 0101" "Göteborg" English Central Office;
    "Johan Åkerblom" "Johan Åkerblom" "Johan" "johan.akerblom" HOME, "Chief Financial Officer" "+46 31 555 0102" "Göteborg" English Central Office;
    "Tom Ashworth" "Tom Ashworth" "Tom" "tom.ashworth" HOME, "General Counsel" "+44 20 5550 0103" "London" English London Office;
    "Siobhán O'Rourke" "Siobhán O'Rourke" "Siobhán" "siobhan.orourke" HOME, "Communications" "+44 20 5550 0104" "London" English London Phone;
    "Jürgen Weiß" "Jürgen Weiß" "Jürgen" "juergen.weiss" HOME, "Leiter Tragwerksplanung" "+49 40 555 0105" "Hamburg" German Central Old;
    "Annika Größmann" "Annika Größmann" "Annika" "annika.groessmann" HOME, "Einkauf" "+49 40 555 0106" "Hamburg" German Central Office;
    "Björn Köhler" "Björn Köhler" "Björn" "bjoern.koehler" HOME, "Bauleiter Pier 7" "+49 40 555 0107" "Hamburg" German Central Plain;
    "Élodie Lefèvre" "Élodie Lefèvre" "Élodie" "elodie.lefevre" HOME, "Cheffe de projet" "+33 4 55 50 01 08" "Marseille" French Central Web;
    "François Béranger" "François Béranger" "François" "francois.beranger" HOME, "Plongée et inspection" "+33 4 55 50 01 09" "Marseille" French Central Old;
    "Nuria Castaño Peña" "Nuria Castaño" "Nuria" "nuria.castano" HOME, "Control financiero" "+34 96 555 01 10" "València" Spanish Central Office;
    "Íñigo Arrizabalaga" "Íñigo Arrizabalaga" "Íñigo" "inigo.arrizabalaga" HOME, "Planificación de obra" "+34 96 555 01 11" "València" Spanish Central Plain;
    "Małgorzata Wiśniewska" "Małgorzata Wiśniewska" "Małgorzata" "malgorzata.wisniewska" HOME, "Kadry" "+48 58 555 01 12" "Gdańsk" Polish Central Office;
    "Łukasz Dąbrowski" "Łukasz Dąbrowski" "Łukasz" "lukasz.dabrowski" HOME, "Administrator IT" "+48 58 555 01 13" "Gdańsk" Polish Central Old;
    "Ελένη Παπαδάκη" "Eleni Papadaki" "Eleni" "eleni.papadaki" HOME, "Μηχανικός επιθεωρήσεων" "+30 210 555 0114" "Πειραιάς" Greek Eastern Office;
    "Γιώργος Σταυρίδης" "Giorgos Stavridis" "Giorgos" "giorgos.stavridis" HOME, "Σύνδεσμος λιμένων" "+30 210 555 0115" "Πειραιάς" Greek Eastern Old;
    "Надежда Орлова" "Nadezhda Orlova" "Nadezhda" "nadezhda.orlova" HOME, "Договорный отдел" "+372 555 0116" "Tallinn" Russian Eastern Web;
    "Андрей Кузьмин" "Andrei Kuzmin" "Andrei" "andrei.kuzmin" HOME, "Геодезист" "+372 555 0117" "Tallinn" Russian Eastern Old;
    "佐藤 美咲" "Misaki Sato" "Misaki" "misaki.sato" HOME, "地盤技術部" "+81 45 555 0118" "横浜" Japanese Japan Old;
    "高橋 健太" "Kenta Takahashi" "Kenta" "kenta.takahashi" HOME, "施工管理部" "+81 45 555 0119" "横浜" Japanese Japan Web;
    "김서연" "Seo-yeon Kim" "Seo-yeon" "seoyeon.kim" HOME, "설계팀" "+82 51 555 0120" "부산" Korean Japan Web;
    "박준호" "Jun-ho Park" "Jun-ho" "junho.park" HOME, "품질관리팀" "+82 51 555 0121" "부산" Korean Japan Old;
    "陈晓明" "Chen Xiaoming" "Xiaoming" "chen.xiaoming" HOME, "采购经理" "+86 21 5550 0122" "上海" Chinese China Office;
    "王丽华" "Wang Lihua" "Lihua" "wang.lihua" HOME, "结构工程师" "+86 21 5550 0123" "上海" Chinese China Old;
    "ليلى الحداد" "Layla Haddad" "Layla" "layla.haddad" HOME, "مديرة المشاريع" "+971 4 555 0124" "دبي" Arabic Gulf Web;
    "يوسف المنصوري" "Yousef Mansouri" "Yousef" "yousef.mansouri" HOME, "السلامة والصحة المهنية" "+971 4 555 0125" "دبي" Arabic Gulf Plain;
    "Ebba Nyström" "Ebba Nyström" "Ebba" "ebba.nystrom" HOME, "Assistant to the Board" "+46 31 555 0126" "Göteborg" English Central Phone;
];

/// People at other firms.
pub(super) const PARTNERS: [Person; 15] = people![
    "Mette Kjærgaard" "Mette Kjærgaard" "Mette" "mette.kjaergaard" "port-nordhavn.example", "Harbour Master's Office" "+45 55 50 02 01" "Nordhavn" English Central Office;
    "Helena Ashgrove" "Helena Ashgrove" "Helena" "h.ashgrove" "ashgrove-penn.example", "Partner" "+44 20 5550 0202" "London" English London Office;
    "Victor Marchetti" "Victor Marchetti" "Victor" "v.marchetti" "marlow-dredging.example", "Chief Executive" "+44 23 5550 0203" "Southampton" English London Web;
    "Priya Raman" "Priya Raman" "Priya" "priya.raman" "kestrel-marine.example", "Senior Claims Adjuster" "+44 20 5550 0204" "London" English London Office;
    "Uwe Schäfer" "Uwe Schäfer" "Uwe" "u.schaefer" "hanse-stahlbau.example", "Vertrieb" "+49 421 555 0205" "Bremen" German Central Old;
    "Cédric Thévenot" "Cédric Thévenot" "Cédric" "c.thevenot" "beton-littoral.example", "Directeur commercial" "+33 4 55 50 02 06" "Toulon" French Central Office;
    "Begoña Ibáñez" "Begoña Ibáñez" "Begoña" "b.ibanez" "aceros-levante.example", "Ventas" "+34 96 555 02 07" "Sagunt" Spanish Central Web;
    "Krzysztof Żurawski" "Krzysztof Żurawski" "Krzysztof" "k.zurawski" "baltic-dredge.example", "Kierownik robót" "+48 58 555 02 08" "Gdynia" Polish Central Old;
    "Νίκος Βλάχος" "Nikos Vlachos" "Nikos" "nikos" "aegean-divers.example", "Δύτες" "+30 210 555 0209" "Πειραιάς" Greek Eastern Web;
    "Игорь Соколов" "Igor Sokolov" "Igor" "i.sokolov" "narva-logistics.example", "Логистика" "+372 555 0210" "Narva" Russian Eastern Old;
    "鈴木 陽子" "Yoko Suzuki" "Yoko" "suzuki" "minato-survey.example", "測量部" "+81 45 555 0211" "横浜" Japanese Japan Old;
    "刘洋" "Liu Yang" "Yang" "liu.yang" "donghai-cranes.example", "销售部" "+86 21 5550 0212" "宁波" Chinese China Web;
    "이민지" "Min-ji Lee" "Min-ji" "minji.lee" "hanbada-marine.example", "영업부" "+82 51 555 0213" "부산" Korean Japan Office;
    "عمر الشامسي" "Omar Shamsi" "Omar" "omar.shamsi" "gulf-moorings.example", "المبيعات" "+971 4 555 0214" "دبي" Arabic Gulf Web;
    "Gareth Pugh" "Gareth Pugh" "Gareth" "g.pugh" "estuary-insurance.example", "Underwriting" "+44 29 5550 0215" "Cardiff" English London Plain;
];

/// Writers that nobody answers. No title: no mailbox either.
pub(super) const MACHINES: [Person; 5] = people![
    "Watchkeeper" "Watchkeeper" "Watchkeeper" "watchkeeper" "alerts.lindholm-quay.example", "" "" "" English Central Plain;
    "Tide Gauge 4" "Tide Gauge 4" "Tide Gauge 4" "gauge4" "alerts.lindholm-quay.example", "" "" "" English Central Plain;
    "Nightly Backup" "Nightly Backup" "Nightly Backup" "backup" "alerts.lindholm-quay.example", "" "" "" English Central Plain;
    "Scanner, 2nd floor" "Scanner, 2nd floor" "Scanner" "mfp2" "lindholm-quay.example", "" "" "" English Central Plain;
    "IT Help Desk" "IT Help Desk" "Help Desk" "helpdesk" "lindholm-quay.example", "" "" "" English Central Office;
];

/// A mailing list or newsletter.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct List {
    pub(super) title: &'static str,
    pub(super) local: &'static str,
    pub(super) domain: &'static str,
    pub(super) tag: &'static str,
}

/// Discussion lists: everybody on them gets every post.
pub(super) const LISTS: [List; 3] = [
    List {
        title: "Structures at Lindholm Quay",
        local: "structures",
        domain: "lists.lindholm-quay.example",
        tag: "structures",
    },
    List {
        title: "Concrete in salt water",
        local: "marine-concrete",
        domain: "lists.openharbour.example",
        tag: "marine-concrete",
    },
    List {
        title: "Divers and inspectors",
        local: "below-waterline",
        domain: "lists.openharbour.example",
        tag: "waterline",
    },
];

/// Newsletters from outside.
pub(super) const NEWSLETTERS: [List; 3] = [
    List {
        title: "The Harbour Gazette",
        local: "weekly",
        domain: "harbour-gazette.example",
        tag: "Gazette",
    },
    List {
        title: "Tender Watch",
        local: "alerts",
        domain: "tender-watch.example",
        tag: "Tenders",
    },
    List {
        title: "Cranes & Cargo",
        local: "newsletter",
        domain: "cranes-and-cargo.example",
        tag: "C&C",
    },
];
