//! The stories that a search can find: who wrote what to whom, word for word. They
//! happen at fixed dates among the generated mail, whatever the seed.

use super::calendar::utc;

/// One mail of a story.
pub(super) struct Line {
    /// Local part of the writer.
    pub(super) from: &'static str,
    /// Local parts of the readers; `*` is everybody.
    pub(super) to: &'static str,
    pub(super) cc: &'static str,
    /// Hours since the mail before.
    pub(super) after: i64,
    /// Paragraphs, parted by empty lines.
    pub(super) text: &'static str,
    /// File names; the same name has the same bytes everywhere.
    pub(super) files: &'static str,
}

/// One thread of a story.
pub(super) struct Scene {
    pub(super) at: i64,
    pub(super) folder: &'static str,
    pub(super) subject: &'static str,
    pub(super) lines: &'static [Line],
}

macro_rules! lines {
    ($($from:literal => $to:literal, $cc:literal, +$after:literal h, [$files:literal] $text:literal;)*) => {
        &[$(Line { from: $from, to: $to, cc: $cc, after: $after, text: $text, files: $files }),*]
    };
}

/// What the files of the stories say; files not named here hold generated text.
pub(super) const PAPERS: [(&str, &str); 6] = [
    (
        "Pier7-Caisson-Inspection.pdf",
        "Inspection of caisson 12, Pier 7\nThe construction joint at minus 6.40 m is open over 2.8 m.\nFlow measured in the gallery: 38 litres per minute at high water, 11 at low water.\nNo loss of fill was observed behind the joint.\nProposal: inject polyurethane in three stages, then monitor for eight weeks.",
    ),
    (
        "Pier7-Repair-Offer.pdf",
        "Offer for the repair of caisson 12\nMobilisation of divers and barge: EUR 31,400.00\nInjection in three stages: EUR 58,250.00\nMonitoring for eight weeks: EUR 9,600.00\nTotal: EUR 99,250.00",
    ),
    (
        "Heron-Term-Sheet.docx",
        "Project Heron: term sheet, strictly confidential\nTarget: the whole share capital of Marlow Dredging.\nPrice: GBP 23.5 million on a cash-free and debt-free basis.\nExclusivity until 30 April 2024.\nA share of the price is held back for eighteen months.",
    ),
    (
        "Safety-Handbook-2023.pdf",
        "Safety handbook\nWear a life vest wherever the edge is nearer than two metres.\nNobody enters the drainage gallery alone.\nReport near misses on the same day.",
    ),
    (
        "Outage-Report-2025-03.pdf",
        "Report on the mail outage of 11 March 2025\n06:42 a firmware update of the storage controller begins.\n06:51 both paths to the volume are lost.\n07:05 the first call reaches the help desk.\n13:20 mail flows again.\nNo message was lost; 412 waited at the gateway.",
    ),
    (
        "INV-2024-04471.pdf",
        "Invoice INV-2024-04471\nFender panels, 24 pieces: EUR 86,400.00\nFreight to Nordhavn: EUR 3,150.00\nTotal: EUR 89,550.00\nPayable within thirty days.",
    ),
];

/// Every story, by date.
pub(super) const SCENES: [Scene; 10] = [
    Scene {
        at: utc(2023, 2, 6, 8, 30),
        folder: "Safety",
        subject: "Safety handbook 2023, please read and sign",
        lines: lines![
            "sara.lindholm" => "*", "", +0 h, ["Safety-Handbook-2023.pdf"] "Dear all,\n\nattached is the new safety handbook. It replaces every older version that hangs in a site hut.\n\nPlease read it, sign the last page and send the page to Yousef before the end of the month. The chapter on work in the drainage gallery is new, and it is there for a reason.\n\nSara";
            "yousef.mansouri" => "*", "", +530 h, ["Safety-Handbook-2023.pdf"] "Dear colleagues,\n\nnineteen signed pages have arrived, seven are missing. You know who you are; here is the handbook again.\n\nYousef";
        ],
    },
    Scene {
        at: utc(2023, 10, 9, 6, 50),
        folder: "Projects/Pier 7",
        subject: "Pier 7: water in the drainage gallery, caisson 12 is leaking",
        lines: lines![
            "bjoern.koehler" => "juergen.weiss eleni.papadaki", "sara.lindholm", +0 h, [""] "Good morning,\n\nduring the round at six I found water in the drainage gallery of Pier 7, about ankle-deep between caisson 11 and caisson 13. The pump keeps up with it for now.\n\nThe inflow comes from the construction joint of caisson 12, roughly six metres below the waterline. It is salt water, and it carries no sand so far. I have closed the gallery and stopped the crane above it.\n\nBjörn";
            "juergen.weiss" => "bjoern.koehler", "eleni.papadaki sara.lindholm", +2 h, [""] "Björn, thank you for stopping the crane at once.\n\nAs long as no sand comes through, the caisson keeps its fill and stands safely. Please measure the flow at every turn of the tide and mark the level on the wall. If it turns cloudy, everybody leaves the pier.\n\nEleni, can you be there tomorrow with the divers?\n\nJürgen";
            "eleni.papadaki" => "juergen.weiss bjoern.koehler", "sara.lindholm francois.beranger", +5 h, [""] "I am on the evening flight. François brings two divers and the camera from Marseille.\n\nPlease keep the barge away from the outer face of caisson 12 so that we have still water.\n\nEleni";
            "eleni.papadaki" => "juergen.weiss bjoern.koehler sara.lindholm", "francois.beranger tom.ashworth", +51 h, ["Pier7-Caisson-Inspection.pdf caisson12-joint.png"] "Dear all,\n\nthe report is attached, with one picture of the joint. In short: the leaking joint is open over 2.8 metres, the seal was torn, most likely when the neighbouring caisson was sunk in 2021. Nothing has been washed out behind it.\n\nWe should inject in three stages and watch it for eight weeks. It is not cheap, but it is a repair and not a rebuild.\n\nEleni";
            "tom.ashworth" => "sara.lindholm juergen.weiss", "", +4 h, [""] "Before anybody writes to the contractor who placed caisson 11: please send every draft through me.\n\nThe warranty for Pier 7 ends on 30 November. We need a notice of defect with the report attached, and we need it to arrive, not only to be posted.\n\nTom";
            "sara.lindholm" => "tom.ashworth juergen.weiss bjoern.koehler eleni.papadaki", "johan.akerblom", +20 h, [""] "Agreed on both. Tom sends the notice of defect today, Jürgen asks for the offer, Johan keeps 100,000 aside until the insurer has answered.\n\nThank you, Björn. I would rather be woken by you than by the harbour police.\n\nSara";
        ],
    },
    Scene {
        at: utc(2023, 10, 24, 9, 15),
        folder: "Projects/Pier 7",
        subject: "Offer for the repair of caisson 12 at Pier 7",
        lines: lines![
            "nikos" => "juergen.weiss", "eleni.papadaki", +0 h, ["Pier7-Repair-Offer.pdf"] "Dear Jürgen,\n\nplease find our offer for the injection works at Pier 7 attached. The price holds until the middle of November, since the barge is booked elsewhere from December on.\n\nKind regards\nNikos";
            "juergen.weiss" => "annika.groessmann johan.akerblom", "eleni.papadaki", +3 h, ["Pier7-Repair-Offer.pdf"] "Annika, Johan,\n\nthis is the only firm that can come before winter. Technically I have nothing to add to the offer. Could you release the order for the caisson this week?\n\nJürgen";
            "annika.groessmann" => "juergen.weiss", "johan.akerblom nuria.castano", +26 h, [""] "Order LQ-2023-7712 is out. They took off two per cent for payment within ten days, so please sign the time sheets quickly.\n\nAnnika";
        ],
    },
    Scene {
        at: utc(2024, 1, 15, 13, 5),
        folder: "Projects/Pier 7",
        subject: "Caisson 12: dry since Friday",
        lines: lines![
            "bjoern.koehler" => "juergen.weiss eleni.papadaki sara.lindholm", "francois.beranger", +0 h, ["Pier7-gallery-levels.csv"] "Dear all,\n\nthe gallery of Pier 7 has been dry since Friday, also at spring tide. The pump has not started once; the levels of the last weeks are attached.\n\nThe crane works again. I have put a tide mark and a date on the wall, for whoever comes after us.\n\nBjörn";
            "priya.raman" => "tom.ashworth", "johan.akerblom", +29 h, [""] "Dear Tom,\n\nthank you for the file on Pier 7. We accept that the joint was damaged by a third party and will pay the repair of the caisson less the deductible.\n\nPriya";
        ],
    },
    Scene {
        at: utc(2024, 2, 12, 7, 40),
        folder: "Board/Heron",
        subject: "Project Heron - strictly confidential",
        lines: lines![
            "sara.lindholm" => "johan.akerblom tom.ashworth", "", +0 h, [""] "Johan, Tom,\n\nfrom today we call it Project Heron, and only the three of us and Ebba know what it means. Please do not print anything and do not use the target's name in mail.\n\nVictor would sell. He wants his people kept and his two dredgers out of any Norwegian register. I told him we would answer before Easter.\n\nSara";
            "johan.akerblom" => "sara.lindholm tom.ashworth", "", +6 h, [""] "I looked at their published accounts over the weekend. Heron earns about four million a year before interest, and the dredgers are nearly paid off. Up to twenty-four million I can sleep.\n\nJohan";
            "tom.ashworth" => "sara.lindholm johan.akerblom", "ebba.nystrom", +25 h, ["Heron-Term-Sheet.docx"] "Confidential and privileged.\n\nA first term sheet for Project Heron is attached. Helena Ashgrove's team will act for us; she has signed the undertaking of secrecy this morning.\n\nPlease note that from here on both of you are insiders. Ebba keeps the list.\n\nTom";
        ],
    },
    Scene {
        at: utc(2024, 3, 18, 15, 30),
        folder: "Board/Heron",
        subject: "Heron: due diligence, first findings",
        lines: lines![
            "h.ashgrove" => "tom.ashworth", "sara.lindholm", +0 h, [""] "Dear Tom,\n\nin Project Heron we have read the first two hundred documents of the data room. Three things you should know: an old oil spill off Fawley that is insured, a pension promise that is not, and a charter that ends if the owner changes.\n\nThe last one is worth a conversation with Victor.\n\nHelena";
            "sara.lindholm" => "h.ashgrove tom.ashworth", "johan.akerblom", +16 h, [""] "Thank you, Helena. I will ask Victor about the charter on Thursday, without lawyers, over fish.\n\nSara";
            "v.marchetti" => "sara.lindholm", "", +74 h, [""] "Sara,\n\nit was a good lunch. The charterer is my brother-in-law and will sign whatever keeps his sand coming. Send me the paper and I send you his signature.\n\nVictor";
            "johan.akerblom" => "sara.lindholm tom.ashworth", "", +100 h, [""] "The bank finances two thirds of Heron at a fixed rate. If we sign before 30 April, the acquisition closes in the summer.\n\nJohan";
        ],
    },
    Scene {
        at: utc(2024, 6, 3, 8, 10),
        folder: "Finance",
        subject: "Invoice INV-2024-04471: fender panels, paid twice?",
        lines: lines![
            "nuria.castano" => "annika.groessmann", "johan.akerblom", +0 h, ["INV-2024-04471.pdf"] "Hello Annika,\n\ninvoice INV-2024-04471 for the fender panels reached us by post and by mail, and it seems that both were booked. The bank shows EUR 89,550.00 twice, on 21 and on 28 May.\n\nCan you ask the supplier to pay one back?\n\nNuria";
            "annika.groessmann" => "u.schaefer", "nuria.castano", +3 h, ["INV-2024-04471.pdf"] "Dear Uwe,\n\nwe paid your invoice INV-2024-04471 twice by mistake. Please send the second payment back, or tell me that you prefer a credit note.\n\nAnnika";
            "u.schaefer" => "annika.groessmann", "nuria.castano", +22 h, [""] "Dear Annika,\n\nyou are the first customer to complain of that. The money goes back to you tomorrow.\n\nUwe";
        ],
    },
    Scene {
        at: utc(2025, 3, 11, 7, 20),
        folder: "IT",
        subject: "Mail outage since 06:51, what we know",
        lines: lines![
            "lukasz.dabrowski" => "*", "", +0 h, [""] "Dear all,\n\nthis reaches you through the gateway: the mail store in Gdańsk lost its volume at 06:51 during a firmware update. Incoming mail waits outside and is not lost. You cannot send for the moment.\n\nPlease do not call the help desk, all of its people are in the server room with me.\n\nŁukasz";
            "siobhan.orourke" => "lukasz.dabrowski", "sara.lindholm", +1 h, [""] "Three clients have rung already. I tell them that the outage will last until noon and that telephones still exist. Correct me if either is wrong.\n\nSiobhán";
            "lukasz.dabrowski" => "*", "", +5 h, [""] "Dear all,\n\nthe outage is over. Mail has been flowing since 13:20; 412 messages that waited at the gateway are being delivered now, oldest first.\n\nŁukasz";
            "lukasz.dabrowski" => "sara.lindholm johan.akerblom tom.ashworth", "", +75 h, ["Outage-Report-2025-03.pdf"] "As promised, the report on the outage. The cause was one switch that both paths shared, although the drawing showed two. A second switch costs less than that morning did.\n\nŁukasz";
        ],
    },
    Scene {
        at: utc(2025, 5, 19, 9, 0),
        folder: "Projects/Pier 7",
        subject: "Pier 7, two years on",
        lines: lines![
            "misaki.sato" => "juergen.weiss eleni.papadaki", "bjoern.koehler", +0 h, [""] "Dear Jürgen, dear Eleni,\n\nfor the Yokohama seawall we are choosing the seal between caissons. Would you choose the same joint again as at Pier 7?\n\nMisaki";
            "juergen.weiss" => "misaki.sato", "eleni.papadaki bjoern.koehler", +4 h, ["Pier7-Caisson-Inspection.pdf Pier7-As-Built-Drawing.pdf"] "Dear Misaki,\n\nno. The joint is sound, but it cannot bear to be bumped while the next caisson comes down. Take two seals, one behind the other, and put a fender between the boxes while you sink them. Our report and the as-built drawing are attached.\n\nJürgen";
        ],
    },
    Scene {
        at: utc(2025, 7, 7, 10, 0),
        folder: "Office",
        subject: "Welcome aboard: our colleagues from Southampton",
        lines: lines![
            "sara.lindholm" => "*", "v.marchetti", +0 h, [""] "Dear all,\n\nsince the first of the month forty-one dredger people from Southampton belong to us. Some of you knew this as a bird; now you may say the name: Marlow Dredging.\n\nVictor stays for two years and promises to learn our way of counting holidays. Please make them welcome.\n\nSara";
        ],
    },
];
