//! The relational schema, as migrations that run on SQLite and PostgreSQL alike.
//!
//! Column types are BIGINT, DOUBLE, TEXT and BLOB only. Times are microseconds since 1970
//! (UTC), flags and kinds are numbers whose meaning the owning module documents, and no
//! column holds text that people could read: that is sealed. `BIGINT PRIMARY KEY` becomes
//! `INTEGER PRIMARY KEY` on SQLite, where only that spelling makes the id the row's place.

/// One step of the schema. Steps are never edited once released; new ones are appended
/// (expand, migrate, contract), so that versions N and N-1 can run side by side.
const MIGRATIONS: &[&[&str]] = &[
    FIRST, FRAMES, SPLITS, FINDING, TEXTS, ACCESS, NODES, MOVED, PEERS, CLASSES, RANGES, RELAY,
    REPLICA, DEVICES, SYNC,
];

/// Where the version is kept; there before the first step.
const VERSION_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS schema_version (id BIGINT PRIMARY KEY, version BIGINT NOT NULL)";

/// Tables small enough to be stored in key order without an id of their own.
const FIRST: &[&str] = &[
    // -- operator ---------------------------------------------------------------------
    "CREATE TABLE store (id BIGINT PRIMARY KEY, name BLOB NOT NULL, epoch BIGINT NOT NULL, created BIGINT NOT NULL)",
    "CREATE TABLE tenant (id BIGINT PRIMARY KEY, name BLOB NOT NULL, by_master BLOB NOT NULL, by_recovery BLOB NOT NULL, created BIGINT NOT NULL)",
    // Ids are handed out in blocks inside the transaction that uses them, so that frames of one run are neighbours.
    "CREATE TABLE counter (kind BIGINT PRIMARY KEY, next BIGINT NOT NULL)",
    // For stores that several processes share; an embedded store's lock ends every lease.
    "CREATE TABLE lease (tenant BIGINT NOT NULL, kind BIGINT NOT NULL, holder BLOB NOT NULL, generation BIGINT NOT NULL, until BIGINT NOT NULL, PRIMARY KEY (tenant, kind))",
    // -- vault ------------------------------------------------------------------------
    // class: 0 new mail, 1 texts of attachments, else storage_class.id. release: month in which a
    // locked bucket is free (12 times the year, and the month from 0), 0 for none.
    "CREATE TABLE bucket (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, class BIGINT NOT NULL, release BIGINT NOT NULL)",
    "CREATE TABLE pack (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, bucket BIGINT NOT NULL, name BLOB NOT NULL, size BIGINT NOT NULL, created BIGINT NOT NULL, generation BIGINT NOT NULL)",
    "CREATE TABLE frame (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, pack BIGINT NOT NULL, number BIGINT NOT NULL, at BIGINT NOT NULL, sealed BIGINT NOT NULL, plain BIGINT NOT NULL, kind BIGINT NOT NULL, key BLOB NOT NULL)",
    "CREATE INDEX frame_of_pack ON frame (pack)",
    "CREATE TABLE part (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, bucket BIGINT NOT NULL, prefix BIGINT NOT NULL, address BLOB NOT NULL, size BIGINT NOT NULL, frame BIGINT NOT NULL, at BIGINT NOT NULL)",
    "CREATE INDEX part_by_address ON part (tenant, bucket, prefix)",
    "CREATE INDEX part_of_frame ON part (frame)",
    // -- copies and messages ----------------------------------------------------------
    // home 0 is this store. frame/at/run name the skeleton's run in `bucket`; more instances in `instance`.
    "CREATE TABLE copy (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, day BIGINT NOT NULL, prefix BIGINT NOT NULL, digest BLOB NOT NULL, size BIGINT NOT NULL, home BIGINT NOT NULL, held_from BIGINT NOT NULL, header_key BIGINT NOT NULL, event BIGINT NOT NULL, bucket BIGINT NOT NULL, frame BIGINT NOT NULL, at BIGINT NOT NULL, run BIGINT NOT NULL, key BLOB NOT NULL, head BLOB NOT NULL, record BLOB NOT NULL)",
    "CREATE INDEX copy_by_day ON copy (tenant, day, prefix)",
    "CREATE INDEX copy_by_header ON copy (tenant, header_key) WHERE header_key <> 0",
    "CREATE TABLE instance (tenant BIGINT NOT NULL, copy BIGINT NOT NULL, bucket BIGINT NOT NULL, frame BIGINT NOT NULL, at BIGINT NOT NULL, run BIGINT NOT NULL, PRIMARY KEY (tenant, copy, bucket))",
    "CREATE TABLE copy_part (tenant BIGINT NOT NULL, copy BIGINT NOT NULL, ordinal BIGINT NOT NULL, part BIGINT NOT NULL, PRIMARY KEY (tenant, copy, ordinal))",
    "CREATE INDEX copy_part_of_part ON copy_part (part)",
    // rule: identity::Rule, 100 for `same` between two messages, 101 from a journal report to its message. withdrawn 0: in force.
    "CREATE TABLE link (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, copy BIGINT NOT NULL, message BIGINT NOT NULL, rule BIGINT NOT NULL, evidence BLOB NOT NULL, at BIGINT NOT NULL, withdrawn BIGINT NOT NULL)",
    "CREATE INDEX link_of_copy ON link (tenant, copy)",
    "CREATE INDEX link_of_message ON link (tenant, message)",
    // kind: why the copy must stay (unreconciled, queued, unreceipted, open plan, unsettled).
    "CREATE TABLE pin (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, copy BIGINT NOT NULL, kind BIGINT NOT NULL, at BIGINT NOT NULL, until BIGINT NOT NULL)",
    "CREATE INDEX pin_of_copy ON pin (tenant, copy)",
    // -- where mail was seen ----------------------------------------------------------
    "CREATE TABLE mailbox (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, hash BIGINT NOT NULL, name BLOB NOT NULL)",
    "CREATE INDEX mailbox_by_hash ON mailbox (tenant, hash)",
    "CREATE TABLE folder (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, mailbox BIGINT NOT NULL, hash BIGINT NOT NULL, name BLOB NOT NULL)",
    "CREATE INDEX folder_by_hash ON folder (tenant, mailbox, hash)",
    // One row per SMTP transaction, or per item of an import, and copy. id is the event's id.
    "CREATE TABLE delivery (tenant BIGINT NOT NULL, copy BIGINT NOT NULL, id BIGINT NOT NULL, at BIGINT NOT NULL, job BIGINT NOT NULL, position BIGINT NOT NULL, envelope BLOB, PRIMARY KEY (tenant, copy, id))",
    "CREATE TABLE owner (tenant BIGINT NOT NULL, mailbox BIGINT NOT NULL, copy BIGINT NOT NULL, PRIMARY KEY (tenant, mailbox, copy))",
    "CREATE TABLE placement (tenant BIGINT NOT NULL, copy BIGINT NOT NULL, id BIGINT NOT NULL, folder BIGINT NOT NULL, flags BIGINT NOT NULL, keywords BLOB, PRIMARY KEY (tenant, copy, id))",
    "CREATE INDEX placement_of_folder ON placement (tenant, folder, copy)",
    // -- order and log ----------------------------------------------------------------
    // seq NULL until the sequencer numbered it. note: sealed record of events that concern no copy.
    "CREATE TABLE event (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, seq BIGINT, kind BIGINT NOT NULL, at BIGINT NOT NULL, copy BIGINT NOT NULL, note BLOB)",
    "CREATE INDEX event_by_seq ON event (tenant, seq)",
    "CREATE INDEX event_unnumbered ON event (tenant, id) WHERE seq IS NULL",
    "CREATE TABLE log (tenant BIGINT PRIMARY KEY, size BIGINT NOT NULL, tail BLOB NOT NULL, checkpoint BLOB NOT NULL)",
    "CREATE TABLE follower (tenant BIGINT NOT NULL, kind BIGINT NOT NULL, seq BIGINT NOT NULL, PRIMARY KEY (tenant, kind))",
    // Items that a follower could not do and will try again, or gave up on.
    "CREATE TABLE exception (tenant BIGINT NOT NULL, kind BIGINT NOT NULL, seq BIGINT NOT NULL, tries BIGINT NOT NULL, next BIGINT NOT NULL, reason BLOB NOT NULL, PRIMARY KEY (tenant, kind, seq))",
    // -- index ------------------------------------------------------------------------
    "CREATE TABLE split (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, name BLOB NOT NULL, size BIGINT NOT NULL, docs BIGINT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL, analyser BIGINT NOT NULL, key BLOB NOT NULL)",
    "CREATE INDEX split_of_tenant ON split (tenant)",
    // -- operator's work --------------------------------------------------------------
    "CREATE TABLE job (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, kind BIGINT NOT NULL, state BIGINT NOT NULL, source_hash BIGINT NOT NULL, about BLOB NOT NULL, cursor BLOB NOT NULL, started BIGINT NOT NULL, updated BIGINT NOT NULL, seen BIGINT NOT NULL, stored BIGINT NOT NULL, duplicate BIGINT NOT NULL, rejected BIGINT NOT NULL, failed BIGINT NOT NULL, outside BIGINT NOT NULL, bytes BIGINT NOT NULL)",
    "CREATE INDEX job_of_tenant ON job (tenant)",
    "CREATE TABLE job_error (tenant BIGINT NOT NULL, job BIGINT NOT NULL, position BIGINT NOT NULL, what BLOB NOT NULL, PRIMARY KEY (tenant, job, position))",
];

/// What compaction looks up: everything that lies in a frame.
const FRAMES: &[&str] = &[
    "CREATE INDEX copy_of_frame ON copy (tenant, frame)",
    "DROP INDEX part_of_frame",
    "CREATE INDEX part_of_frame ON part (tenant, frame)",
];

/// Who may come in, and by which case they look at whose mail.
const ACCESS: &[&str] = &[
    // roles: domain::access::Roles. password: sealed PHC string. disabled: when, or 0.
    "CREATE TABLE account (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, hash BIGINT NOT NULL, address BLOB NOT NULL, name BLOB NOT NULL, roles BIGINT NOT NULL, password BLOB NOT NULL, disabled BIGINT NOT NULL, created BIGINT NOT NULL)",
    "CREATE UNIQUE INDEX account_by_hash ON account (tenant, hash)",
    "CREATE TABLE account_address (tenant BIGINT NOT NULL, account BIGINT NOT NULL, hash BIGINT NOT NULL, address BLOB NOT NULL, PRIMARY KEY (tenant, account, hash))",
    // prefix finds a secret, tag proves it: both keyed hashes. used: lately, within a minute.
    "CREATE TABLE session (tenant BIGINT NOT NULL, prefix BIGINT NOT NULL, tag BLOB NOT NULL, account BIGINT NOT NULL, created BIGINT NOT NULL, used BIGINT NOT NULL, PRIMARY KEY (tenant, prefix))",
    // scopes: domain::access::Scopes. shown: the secret's first letters. revoked: when, or 0.
    "CREATE TABLE token (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, account BIGINT NOT NULL, prefix BIGINT NOT NULL, tag BLOB NOT NULL, name BLOB NOT NULL, shown BLOB NOT NULL, scopes BIGINT NOT NULL, created BIGINT NOT NULL, expires BIGINT NOT NULL, used BIGINT NOT NULL, revoked BIGINT NOT NULL)",
    "CREATE INDEX token_by_prefix ON token (tenant, prefix)",
    // since and until bound when mail is held from. closed: when, or 0.
    "CREATE TABLE casefile (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, name BLOB NOT NULL, reason BLOB NOT NULL, officer BIGINT NOT NULL, since BIGINT NOT NULL, until BIGINT NOT NULL, opened BIGINT NOT NULL, closed BIGINT NOT NULL)",
    "CREATE INDEX casefile_of_tenant ON casefile (tenant)",
    "CREATE TABLE casefile_person (tenant BIGINT NOT NULL, casefile BIGINT NOT NULL, hash BIGINT NOT NULL, address BLOB NOT NULL, PRIMARY KEY (tenant, casefile, hash))",
    // Work that a service took on and will go on with when it starts again; what: sealed.
    "CREATE TABLE task (tenant BIGINT NOT NULL, job BIGINT NOT NULL, what BLOB NOT NULL, PRIMARY KEY (tenant, job))",
    "CREATE TABLE casefile_reviewer (tenant BIGINT NOT NULL, casefile BIGINT NOT NULL, account BIGINT NOT NULL, PRIMARY KEY (tenant, casefile, account))",
];

/// What people keep of their searching: saved searches, tags on messages, groups of addresses.
const FINDING: &[&str] = &[
    // owner: keyed hash of the address; hash: of owner and name. about: name, query as typed, canonical form.
    "CREATE TABLE saved_search (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, owner BIGINT NOT NULL, hash BIGINT NOT NULL, address BLOB NOT NULL, about BLOB NOT NULL, created BIGINT NOT NULL)",
    "CREATE UNIQUE INDEX saved_search_by_name ON saved_search (tenant, owner, hash)",
    "CREATE TABLE tag (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, hash BIGINT NOT NULL, name BLOB NOT NULL)",
    "CREATE UNIQUE INDEX tag_by_hash ON tag (tenant, hash)",
    // copy: the first of the message that has the tag.
    "CREATE TABLE tagged (tenant BIGINT NOT NULL, tag BIGINT NOT NULL, copy BIGINT NOT NULL, PRIMARY KEY (tenant, tag, copy))",
    "CREATE TABLE address_group (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, hash BIGINT NOT NULL, about BLOB NOT NULL)",
    "CREATE UNIQUE INDEX address_group_by_hash ON address_group (tenant, hash)",
    // The server that a job's mail came from: keyed hash of its name; 0 where none was named.
    "CREATE TABLE server (tenant BIGINT NOT NULL, hash BIGINT NOT NULL, name BLOB NOT NULL, PRIMARY KEY (tenant, hash))",
    "ALTER TABLE job ADD COLUMN server BIGINT NOT NULL DEFAULT 0",
];

/// Splits: the version of their fields, and documents that were replaced by one in another
/// split (a serialised set of seqs, and how many).
const SPLITS: &[&str] = &[
    "ALTER TABLE split ADD COLUMN schema BIGINT NOT NULL DEFAULT 1",
    "ALTER TABLE split ADD COLUMN dead BLOB",
    "ALTER TABLE split ADD COLUMN deaths BIGINT NOT NULL DEFAULT 0",
];

/// Texts of attachments. `part_text`: one row a distinct part, by its keyed address; the text
/// lies in packs of a bucket of class 1 (derived), `length` 0 where there is none; gap 0: all
/// of it was read. `copy_text`: which part of which copy it is the text of.
const TEXTS: &[&str] = &[
    "CREATE TABLE part_text (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, prefix BIGINT NOT NULL, address BLOB NOT NULL, size BIGINT NOT NULL, version BIGINT NOT NULL, gap BIGINT NOT NULL, tries BIGINT NOT NULL, frame BIGINT NOT NULL, at BIGINT NOT NULL, length BIGINT NOT NULL)",
    "CREATE INDEX part_text_by_address ON part_text (tenant, prefix)",
    "CREATE INDEX part_text_of_frame ON part_text (tenant, frame)",
    "CREATE INDEX part_text_with_gap ON part_text (tenant, gap) WHERE gap <> 0",
    "CREATE TABLE copy_text (tenant BIGINT NOT NULL, copy BIGINT NOT NULL, part BIGINT NOT NULL, text BIGINT NOT NULL, PRIMARY KEY (tenant, copy, part))",
    "CREATE INDEX copy_text_of_text ON copy_text (tenant, text)",
];

/// What a store needs that several nodes write. `commits` is not used any more. `doomed`: objects
/// whose rows are gone (1 packs, 2 splits) and since when; they are removed when no node can be
/// reading them any more.
const NODES: &[&str] = &[
    "ALTER TABLE store ADD COLUMN commits BIGINT NOT NULL DEFAULT 0",
    "CREATE TABLE doomed (tenant BIGINT NOT NULL, kind BIGINT NOT NULL, name BLOB NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (tenant, kind, name))",
];

/// Whether the archive is here. One row at most: `arriving` 0 says that it left for `place` for
/// good, 1 that it is on its way here from there and not to be opened yet.
const MOVED: &[&str] = &[
    "CREATE TABLE moved (id BIGINT PRIMARY KEY, arriving BIGINT NOT NULL, place BLOB NOT NULL, at BIGINT NOT NULL)",
];

/// What nodes know of each other. `node`: how many transactions each committed. `peer`: those that
/// answer for each other; name: random, of its data directory; address: sealed, where it
/// answers; seen: when it last said so, by the database's clock.
const PEERS: &[&str] = &[
    "CREATE TABLE node (holder BLOB NOT NULL, commits BIGINT NOT NULL, PRIMARY KEY (holder))",
    "CREATE TABLE peer (tenant BIGINT NOT NULL, name BLOB NOT NULL, address BLOB NOT NULL, seen BIGINT NOT NULL, PRIMARY KEY (tenant, name))",
];

/// Storage classes and the volumes that they rest on; `about`: sealed, as `classes.toml` has it.
/// `place`: the order of classes; -1 for one that is kept only because mail rests in it. Ids of
/// classes begin at 2. A pack is on a volume (0: the store's own place), locked there until `locked`
/// (µs since 1970; 0: not locked).
const CLASSES: &[&str] = &[
    "CREATE TABLE volume (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, about BLOB NOT NULL)",
    "CREATE TABLE storage_class (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, place BIGINT NOT NULL, about BLOB NOT NULL)",
    "ALTER TABLE pack ADD COLUMN volume BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE pack ADD COLUMN locked BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE doomed ADD COLUMN volume BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE doomed ADD COLUMN locked BIGINT NOT NULL DEFAULT 0",
];

/// What of the events from the index's cursor on is in splits already (no holder), and what a node
/// is going to put there (until when, in µs of the database's clock). Ranges do not overlap.
const RANGES: &[&str] = &[
    "CREATE TABLE index_range (tenant BIGINT NOT NULL, first BIGINT NOT NULL, next BIGINT NOT NULL, holder BLOB, until BIGINT NOT NULL, PRIMARY KEY (tenant, first))",
];

/// Mail that goes on. `mail_domain`, `recipient`: the organization's domains and addresses; `state` is a
/// `continuity::UserState`, `generation` counts its changes. `relay_mail`: a message that was taken
/// to be sent on; `relay_leg`: its way to one recipient. `place`: keyed hash of where it goes; `recipient`: of
/// its address, as a mailbox's; `state`, `why`: domain::relay; `due`: when it is tried, or an uncertain one given up
/// waiting for evidence; `holder`, `until`: the node that is at it, by the database's clock.
const RELAY: &[&str] = &[
    "CREATE TABLE mail_domain (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, hash BIGINT NOT NULL, about BLOB NOT NULL)",
    "CREATE UNIQUE INDEX mail_domain_by_hash ON mail_domain (tenant, hash)",
    "CREATE TABLE recipient (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, hash BIGINT NOT NULL, state BIGINT NOT NULL, generation BIGINT NOT NULL, about BLOB NOT NULL)",
    "CREATE UNIQUE INDEX recipient_by_hash ON recipient (tenant, hash)",
    "CREATE INDEX recipient_by_state ON recipient (tenant, state)",
    "CREATE TABLE relay_mail (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, copy BIGINT NOT NULL, at BIGINT NOT NULL, about BLOB NOT NULL)",
    "CREATE INDEX relay_mail_by_age ON relay_mail (tenant, at)",
    "CREATE TABLE relay_leg (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, mail BIGINT NOT NULL, copy BIGINT NOT NULL, place BIGINT NOT NULL, recipient BIGINT NOT NULL, state BIGINT NOT NULL, why BIGINT NOT NULL, priority BIGINT NOT NULL, at BIGINT NOT NULL, due BIGINT NOT NULL, holder BLOB, until BIGINT NOT NULL, about BLOB NOT NULL)",
    "CREATE INDEX relay_leg_by_due ON relay_leg (tenant, state, place, priority DESC, due, id)",
    "CREATE INDEX relay_leg_of_mail ON relay_leg (tenant, mail)",
    "CREATE INDEX relay_leg_of_copy ON relay_leg (tenant, copy, recipient)",
    "CREATE INDEX relay_leg_of_recipient ON relay_leg (tenant, recipient)",
];

/// Mailboxes as mail programs see them. `replica`: a user's; `indicator` counts the new mail that ever came.
/// `replica_folder`: its id is the UIDVALIDITY, `next` the UIDNEXT. `replica_message`: `flags` are replica::Flags, `date` is
/// INTERNALDATE in seconds, `size` what IMAP shows. `replica_gone`: UIDs that were expunged, and since when.
const REPLICA: &[&str] = &[
    "CREATE TABLE replica (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, hash BIGINT NOT NULL, indicator BIGINT NOT NULL, about BLOB NOT NULL)",
    "CREATE UNIQUE INDEX replica_by_hash ON replica (tenant, hash)",
    "CREATE TABLE replica_folder (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, replica BIGINT NOT NULL, next BIGINT NOT NULL, modseq BIGINT NOT NULL, about BLOB NOT NULL)",
    "CREATE INDEX folder_of_replica ON replica_folder (tenant, replica)",
    "CREATE TABLE replica_message (tenant BIGINT NOT NULL, folder BIGINT NOT NULL, uid BIGINT NOT NULL, copy BIGINT NOT NULL, flags BIGINT NOT NULL, modseq BIGINT NOT NULL, date BIGINT NOT NULL, saved BIGINT NOT NULL, size BIGINT NOT NULL, about BLOB NOT NULL, PRIMARY KEY (tenant, folder, uid))",
    "CREATE INDEX replica_message_by_modseq ON replica_message (tenant, folder, modseq)",
    "CREATE INDEX replica_message_of_copy ON replica_message (tenant, copy, folder)",
    "CREATE TABLE replica_gone (tenant BIGINT NOT NULL, folder BIGINT NOT NULL, uid BIGINT NOT NULL, modseq BIGINT NOT NULL, PRIMARY KEY (tenant, folder, uid))",
    "CREATE INDEX replica_gone_by_modseq ON replica_gone (tenant, folder, modseq)",
];

/// Agents. `enrolment`: one-time codes, found and proved by keyed hashes of their tickets; `device`: the one that it made,
/// or 0. `device`: `page` is a keyed hash of its state page's name; `seen`, `revoked`: when, or 0; `changed`: changes of the standby
/// mailbox up to this number are done. `submission`: mails that were taken of a device, by its numbers. `recovery`: a user's
/// mailbox that is written back; `generation`: the highest of its leases; `changed` counts the changes of its lines.
const DEVICES: &[&str] = &[
    "CREATE TABLE enrolment (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, prefix BIGINT NOT NULL, tag BLOB NOT NULL, expires BIGINT NOT NULL, device BIGINT NOT NULL, about BLOB NOT NULL)",
    "CREATE INDEX enrolment_by_prefix ON enrolment (tenant, prefix)",
    "CREATE TABLE device (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, page BIGINT NOT NULL, created BIGINT NOT NULL, seen BIGINT NOT NULL, revoked BIGINT NOT NULL, changed BIGINT NOT NULL, about BLOB NOT NULL, beat BLOB)",
    "CREATE INDEX device_by_page ON device (tenant, page)",
    "CREATE TABLE submission (tenant BIGINT NOT NULL, device BIGINT NOT NULL, number BIGINT NOT NULL, at BIGINT NOT NULL, digest BLOB NOT NULL, about BLOB NOT NULL, PRIMARY KEY (tenant, device, number))",
    "CREATE TABLE recovery (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, hash BIGINT NOT NULL, generation BIGINT NOT NULL, changed BIGINT NOT NULL, about BLOB NOT NULL)",
    "CREATE UNIQUE INDEX recovery_by_hash ON recovery (tenant, hash)",
    "CREATE TABLE recovery_line (tenant BIGINT NOT NULL, recovery BIGINT NOT NULL, place BIGINT NOT NULL, changed BIGINT NOT NULL, about BLOB NOT NULL, PRIMARY KEY (tenant, recovery, place))",
    "CREATE INDEX recovery_line_by_change ON recovery_line (tenant, recovery, changed)",
];

/// Mailboxes that are kept in step with a mail server. `replica_sync`: what is known of the server's side, by kind: 0 numbers that
/// only rise, 1 folders, 2 messages, 3 to 5 what is owed about folders, the server's folders, messages.
const SYNC: &[&str] = &[
    "CREATE TABLE replica_sync (tenant BIGINT NOT NULL, replica BIGINT NOT NULL, kind BIGINT NOT NULL, id BIGINT NOT NULL, about BLOB NOT NULL, PRIMARY KEY (tenant, replica, kind, id))",
    // What a role writes down for itself; kinds are the role's.
    "CREATE TABLE note (tenant BIGINT NOT NULL, kind BIGINT NOT NULL, id BIGINT NOT NULL, about BLOB NOT NULL, PRIMARY KEY (tenant, kind, id))",
];

/// The newest schema this program knows.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// The statements that bring a schema of version `from` (0: no tables) to version `to`, in the
/// dialect of the database at hand. The version itself is a row that the caller writes.
pub(super) fn steps(from: i64, to: i64, postgres: bool) -> impl Iterator<Item = String> {
    let [from, to] = [from, to].map(|version| usize::try_from(version).unwrap_or(0));
    let steps = MIGRATIONS.iter().take(to).skip(from).copied().flatten();
    let all = std::iter::once(&VERSION_TABLE).chain(steps);
    all.map(move |statement| dialect(statement, postgres))
}

/// A statement of the schema in the dialect of the database at hand.
fn dialect(statement: &str, postgres: bool) -> String {
    if postgres {
        return statement
            .replace(" BLOB", " BYTEA")
            .replace(" DOUBLE", " DOUBLE PRECISION");
    }
    let mut text = statement.replace("BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY");
    // Small rows that are looked up by their whole key are stored in its order.
    if text.ends_with("))") && text.contains("PRIMARY KEY (") && text.starts_with("CREATE TABLE") {
        text.push_str(" WITHOUT ROWID");
    }
    text
}
