// The mock's standby mailbox: that of `ann@`, whose mail server is away.
import { createHash } from 'node:crypto';
import { hit, hostile, people, text } from './mail.js';

const OWNERS = ['ann@example.org'];
const FOLDERS = [['INBOX', 'inbox'], ['Drafts', 'drafts'], ['Sent', 'sent'], ['Archive', 'archive'], ['Junk', 'junk'], ['Trash', 'trash'], ['Projects/Hamburg – annex and obligations', null]];

function mail(folder, uid, more = {}) {
  const { from, to, subject, size, attachments } = hit(uid);
  return {
    folder, uid, id: createHash('sha256').update(`${folder}/${uid}`).digest('hex'),
    date: new Date(Date.UTC(2024, 10, 20, 15, 4) - (1000 - uid) * 2_700_000).toISOString(), came: '2024-11-20T15:04:00Z',
    subject: subject ?? '', from: [from], to: [{ name: 'Ann Example', email: 'ann@example.org' }], cc: to, bcc: [], reply_to: [],
    flags: uid % 3 === 0 ? [] : ['seen'], size, text: text(uid), has_html: uid % 4 === 0,
    attachments: Array.from({ length: attachments }, (_, index) => ({ index, name: index ? null : 'Invoice 2024-0117.pdf', type: 'application/pdf', size: 48_213 })),
    ...more,
  };
}

export function standby() {
  const mails = [];
  for (let uid = 1; uid <= 120; uid += 1) mails.push(mail(1, uid));
  Object.assign(mails[118], { flags: ['seen', 'flagged', 'answered', 'forwarded'] });
  mails.push(mail(3, 1, { from: [people[0]], to: people.slice(1, 4), flags: ['seen'] }));
  mails.push(mail(6, 1, { flags: ['seen'] }));
  return {
    state: 'active', sends: true, addresses: ['ann@example.org', 'sales@example.org'],
    folders: FOLDERS.map(([name, use], at) => ({ id: at + 1, name, use })),
    mails, next: 500, sent: new Map(),
  };
}

const line = ({ folder, uid, id, date, from, to, subject, flags, size, attachments }) =>
  ({ folder, uid, id, date, from, to, subject, flags, size, attachments: attachments.length });
const newest = (all) => all.toSorted((one, other) => other.date.localeCompare(one.date) || other.uid - one.uid);

function folders({ folders: all, mails }) {
  return all.map((folder) => {
    const held = mails.filter((one) => one.folder === folder.id);
    return { ...folder, messages: held.length, unseen: held.filter(({ flags }) => !flags.includes('seen')).length };
  });
}

function found(state, params) {
  const words = (params.get('q') ?? '').toLowerCase().split(/\s+/);
  const holds = (one) => words.every((word) => word === 'is:unread' ? !one.flags.includes('seen')
    : JSON.stringify([one.subject, one.from, one.text]).toLowerCase().includes(word.replace('from:', '')));
  // A request opens few messages, as the program's does.
  const start = Number(params.get('after') ?? 0);
  const some = newest(state.mails).slice(start, start + 60);
  return { items: some.filter(holds).map(line), next: start + 60 < state.mails.length ? String(start + 60) : null };
}

function sent(state, ask) {
  const key = ask.key;
  const known = state.sent.has(key);
  const refused = [...ask.to, ...ask.cc, ...ask.bcc].find(({ email }) => email.startsWith('nobody@'));
  if (refused) return [{ status: 400, code: 'E-RECIPIENT', detail: `${refused.email}: there is nobody of that address here`, hint: 'nothing was sent; correct or remove this address' }, 400];
  if (!known) {
    const uid = state.next;
    state.next += 1;
    const made = mail(3, uid, { from: [{ name: 'Ann Example', email: ask.from }], to: ask.to, cc: ask.cc, bcc: ask.bcc, subject: ask.subject, text: ask.text, flags: ['seen'], has_html: false, attachments: [], date: new Date().toISOString() });
    state.mails.push(made);
    state.sent.set(key, { ask, at: { id: made.id, folder: 3, uid } });
    const about = ask.in_reply_to ?? ask.forward;
    const original = about && state.mails.find((one) => one.folder === about.folder && one.uid === about.uid);
    if (original) original.flags = [...new Set([...original.flags, ask.forward ? 'forwarded' : 'answered'])];
  }
  return [state.sent.get(key).at, known ? 200 : 201];
}

/** Whether a mailbox is there for an address. */
export const owns = (address) => OWNERS.includes(address);

/** Answers a request of this part of the API: `[body, status, type]`, or nothing. */
export function answerMailbox(state, address, method, parts, params, body) {
  if (parts[0] !== 'mailbox') return undefined;
  const missing = [{ status: 404, code: 'E-NOT-FOUND', detail: 'there is no such message in this folder' }, 404];
  if (!owns(address)) return [{ status: 404, code: 'E-NOT-FOUND', detail: `there is no standby mailbox of ${address}` }, 404];
  if (parts.length === 1) return [{ address, state: state.state, sends: state.sends, addresses: state.addresses, folders: folders(state) }];
  if (parts[1] === 'search') return [found(state, params)];
  if (parts[1] === 'send') return sent(state, JSON.parse(body));
  if (parts.length === 2) {
    const folder = Number(params.get('folder') ?? 1);
    const all = state.mails.filter((one) => one.folder === folder).toSorted((one, other) => other.uid - one.uid);
    const rest = all.filter(({ uid }) => uid < Number(params.get('before') ?? Infinity));
    const items = rest.slice(0, Number(params.get('limit') ?? 50));
    return [{ folder, messages: all.length, items: items.map(line), next: rest.length > items.length ? items.at(-1).uid : null }];
  }
  const one = state.mails.find(({ folder, uid }) => folder === Number(parts[2]) && uid === Number(parts[3]));
  if (!one) return missing;
  const move = (to) => {
    Object.assign(one, { folder: to, uid: state.next });
    state.next += 1;
    return [{ folder: one.folder, uid: one.uid }];
  };
  switch (`${method} ${parts[4] ?? ''}`) {
    case 'GET ':
      return [one];
    case 'GET html':
      // On purpose not sanitised: the frame has to hold what gets through.
      return [hostile, 200, 'text/html; charset=utf-8'];
    case 'GET raw':
      return [`Subject: ${one.subject}\r\n\r\n${one.text}\r\n`, 200, 'message/rfc822'];
    case 'PATCH ': {
      const order = JSON.parse(body);
      for (const flag of ['seen', 'flagged']) {
        if (order[flag] !== undefined) one.flags = [...one.flags.filter((known) => known !== flag), ...(order[flag] ? [flag] : [])];
      }
      return [{ flags: one.flags }];
    }
    case 'POST move':
      return move(JSON.parse(body).to);
    case 'DELETE ':
      if (one.folder !== 6) return move(6);
      state.mails.splice(state.mails.indexOf(one), 1);
      return [null, 204];
    default:
      return missing;
  }
}
