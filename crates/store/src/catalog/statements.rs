//! Every statement the store runs, by name. Those that concern mail name the tenant;
//! the test below reads each one for it.

mod devices;
mod notes;
mod relay;
mod replica;

use super::sql::Batch;
pub(crate) use devices::*;
pub(crate) use notes::*;
pub(crate) use relay::*;
pub(crate) use replica::*;

// -- operator: concern no tenant's mail ----------------------------------------------------

pub(crate) const SCHEMA_VERSION: &str = "SELECT version FROM schema_version WHERE id = 1";
pub(crate) const SET_SCHEMA_VERSION: &str = "INSERT INTO schema_version (id, version) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET version = excluded.version";
pub(crate) const TAKE_IDS: &str = "INSERT INTO counter (kind, next) VALUES ($1, 1 + $2) ON CONFLICT (kind) DO UPDATE SET next = counter.next + $2 RETURNING next";
pub(crate) const STORE: &str = "SELECT name, epoch, created FROM store WHERE id = 1";
pub(crate) const INSERT_STORE: &str =
    "INSERT INTO store (id, name, epoch, created) VALUES (1, $1, 1, $2)";
/// Only ever upwards.
pub(crate) const RAISE_EPOCH: &str = "UPDATE store SET epoch = $1 WHERE id = 1 AND epoch < $1";
pub(crate) const TENANTS: &str = "SELECT id, name, by_master, by_recovery FROM tenant ORDER BY id";
/// A row if the catalog has tables at all; SQLite only, asked of a file that is merely looked at.
pub(crate) const HAS_TENANTS: &str =
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'tenant'";
/// The same of PostgreSQL.
pub(crate) const SERVER_HAS_TENANTS: &str = "SELECT CAST(tablename AS TEXT) FROM pg_catalog.pg_tables WHERE schemaname = current_schema() AND tablename = 'tenant'";
/// PostgreSQL only: waits for the end of every other writer's transaction. The number is a name.
pub(crate) const TAKE_TURN: &str =
    "SELECT CAST(pg_advisory_xact_lock(7310868735421867361) AS TEXT)";
/// Where nodes share a catalog; one that is alone counts for itself.
pub(crate) const COUNT_COMMIT: &str = "INSERT INTO node (holder, commits) VALUES ($1, 1) ON CONFLICT (holder) DO UPDATE SET commits = node.commits + 1 RETURNING commits";
/// PostgreSQL only.
pub(crate) const SERVER_BYTES: &str = "SELECT pg_database_size(current_database())";
pub(crate) const COMMITS: &str = "SELECT CAST(COALESCE(SUM(commits), 0) AS BIGINT) FROM node";
pub(crate) const COMMITS_OF_NODE: &str = "SELECT commits FROM node WHERE holder = $1";
/// PostgreSQL only, by its clock: taken where it is free or ours, for `$4` µs from now.
pub(crate) const TAKE_LEASE: &str = "INSERT INTO lease (tenant, kind, holder, generation, until) VALUES ($1, $2, $3, 1, CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) + $4) ON CONFLICT (tenant, kind) DO UPDATE SET holder = excluded.holder, generation = lease.generation + CASE WHEN lease.holder = excluded.holder THEN 0 ELSE 1 END, until = excluded.until WHERE lease.holder = excluded.holder OR lease.until < excluded.until - $4 RETURNING generation";
/// The same where the caller's clock is the database's, `$5`: nodes of one process.
pub(crate) const TAKE_LEASE_AT: &str = "INSERT INTO lease (tenant, kind, holder, generation, until) VALUES ($1, $2, $3, 1, $5 + $4) ON CONFLICT (tenant, kind) DO UPDATE SET holder = excluded.holder, generation = lease.generation + CASE WHEN lease.holder = excluded.holder THEN 0 ELSE 1 END, until = excluded.until WHERE lease.holder = excluded.holder OR lease.until < excluded.until - $4 RETURNING generation";
pub(crate) const END_LEASE: &str =
    "UPDATE lease SET until = 0 WHERE tenant = $1 AND kind = $2 AND holder = $3";
pub(crate) const INSERT_TENANT: &str =
    "INSERT INTO tenant (id, name, by_master, by_recovery, created) VALUES ($1, $2, $3, $4, $5)";
pub(crate) const REWRAP_TENANT: &str = "UPDATE tenant SET by_master = $2 WHERE id = $1";
pub(crate) const REWRAP_RECOVERY: &str = "UPDATE tenant SET by_recovery = $2 WHERE id = $1";
pub(crate) const COUNT_ROWS: &str = "SELECT (SELECT COUNT(*) FROM bucket) + (SELECT COUNT(*) FROM pack) + (SELECT COUNT(*) FROM frame) + (SELECT COUNT(*) FROM part) + (SELECT COUNT(*) FROM copy) + (SELECT COUNT(*) FROM instance) + (SELECT COUNT(*) FROM copy_part) + (SELECT COUNT(*) FROM link) + (SELECT COUNT(*) FROM pin) + (SELECT COUNT(*) FROM mailbox) + (SELECT COUNT(*) FROM folder) + (SELECT COUNT(*) FROM delivery) + (SELECT COUNT(*) FROM owner) + (SELECT COUNT(*) FROM placement) + (SELECT COUNT(*) FROM event) + (SELECT COUNT(*) FROM log) + (SELECT COUNT(*) FROM follower) + (SELECT COUNT(*) FROM split) + (SELECT COUNT(*) FROM job) + (SELECT COUNT(*) FROM job_error) + (SELECT COUNT(*) FROM part_text) + (SELECT COUNT(*) FROM copy_text)";
pub(crate) const ALL_PACKS: &str = "SELECT name, volume FROM pack";
pub(crate) const ALL_SPLITS: &str = "SELECT name FROM split";
pub(crate) const ALL_DOOMED: &str = "SELECT name, volume FROM doomed WHERE kind = $1";
/// Every lease ends, and its next generation is above `$1` and above all it had.
pub(crate) const RAISE_LEASES: &str = "UPDATE lease SET until = 0, generation = CASE WHEN generation < $1 THEN $1 ELSE generation + 1 END";
/// The states of users, and leases of their mailboxes, are of a generation above `$1` and above all they had.
pub(crate) const RAISE_STATES: &str =
    "UPDATE recipient SET generation = CASE WHEN generation < $1 THEN $1 ELSE generation + 1 END";
pub(crate) const RAISE_RECOVERIES: &str =
    "UPDATE recovery SET generation = CASE WHEN generation < $1 THEN $1 ELSE generation + 1 END";
/// Numbers of mailboxes that mail programs may have seen since: none is given twice. Kind 28 is the counter of folders, whose numbers
/// are their UIDVALIDITY.
pub(crate) const RAISE_UIDS: &str =
    "UPDATE replica_folder SET next = next + 1048576, modseq = modseq + 1048576";
pub(crate) const RAISE_FOLDERS: &str = "UPDATE counter SET next = next + 4096 WHERE kind = 28";
pub(crate) const RAISE_INDICATORS: &str = "UPDATE replica SET indicator = indicator + 1048576";
/// Ends every lease: their holders are nodes of another place.
pub(crate) const END_LEASES: &str = "UPDATE lease SET until = 0, generation = generation + 1";
/// PostgreSQL only: its clock, in µs since 1970.
pub(crate) const SERVER_NOW: &str =
    "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)";
/// PostgreSQL only, by its clock: a row while somebody holds the lease.
pub(crate) const IS_LEASED: &str = "SELECT generation FROM lease WHERE tenant = $1 AND kind = $2 AND until > CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)";
pub(crate) const MOVED: &str = "SELECT arriving, place FROM moved WHERE id = 1";
pub(crate) const SET_MOVED: &str =
    "INSERT INTO moved (id, arriving, place, at) VALUES (1, $1, $2, $3)";
pub(crate) const ARRIVED: &str = "DELETE FROM moved WHERE id = 1 AND arriving = 1";
/// PostgreSQL only: the tables there are.
pub(crate) const SERVER_TABLES: &str =
    "SELECT CAST(tablename AS TEXT) FROM pg_catalog.pg_tables WHERE schemaname = current_schema()";
/// PostgreSQL only: what is read in it is as of one moment.
pub(crate) const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
/// PostgreSQL only: for a turn in which files and objects are copied, too.
pub(crate) const MAY_IDLE: &str = "SET LOCAL idle_in_transaction_session_timeout = 0";
/// SQLite only: the tables of a file, those of the database itself left out.
pub(crate) const FILE_TABLES: &str = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
/// SQLite only: what a table consists of; `pk` is a column's place in the primary key, from 1.
pub(crate) const FILE_COLUMNS: &str =
    "SELECT name, type, pk FROM pragma_table_info($1) ORDER BY cid";
/// SQLite only: writes the catalog as it is now into a new file.
pub(crate) const SNAPSHOT: &str = "VACUUM INTO $1";
/// SQLite only: `ok`, or what is wrong.
pub(crate) const INTEGRITY: &str = "PRAGMA integrity_check(5)";
pub(crate) const PACKS_AFTER: &str =
    "SELECT id, name, size FROM pack WHERE id > $1 ORDER BY id LIMIT 1000";
pub(crate) const PACKS_ON_VOLUMES: &str = "SELECT name, volume FROM pack WHERE volume <> 0";
/// What lay on volumes lies in the store's own place, and is new mail.
pub(crate) const BUCKETS_ARE_NEW: &str = "UPDATE bucket SET class = 0, release = 0 WHERE class > 1";
pub(crate) const PACKS_ARE_HERE: &str =
    "UPDATE pack SET volume = 0, locked = 0 WHERE volume <> 0 OR locked <> 0";
pub(crate) const DOOMED_ARE_HERE: &str = "DELETE FROM doomed WHERE volume <> 0";
pub(crate) const SPLITS_AFTER: &str =
    "SELECT id, name, size FROM split WHERE id > $1 ORDER BY id LIMIT 1000";
pub(crate) const LOG_SIZES: &str = "SELECT tenant, size FROM log ORDER BY tenant";
/// Work that a service took on and has not ended.
pub(crate) const COUNT_TASKS: &str = "SELECT COUNT(*) FROM task";

// -- vault ---------------------------------------------------------------------------------

pub(crate) const BUCKETS: &str =
    "SELECT id FROM bucket WHERE tenant = $1 AND class = $2 AND release = $3 ORDER BY id LIMIT 1";
pub(crate) const INSERT_BUCKET: &str =
    "INSERT INTO bucket (id, tenant, class, release) VALUES ($1, $2, $3, $4)";
pub(crate) const INSERT_PACK: &str = "INSERT INTO pack (id, tenant, bucket, name, size, created, generation, volume) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
pub(crate) const INSERT_FRAMES: Batch = Batch {
    before: "INSERT INTO frame (id, tenant, pack, number, at, sealed, plain, kind, key) VALUES",
    columns: 9,
    after: "",
};
pub(crate) const FRAME: &str = "SELECT frame.id, pack.name, frame.number, frame.at, frame.sealed, frame.plain, frame.key, pack.volume FROM frame JOIN pack ON pack.id = frame.pack WHERE frame.tenant = $1 AND frame.id = $2";
pub(crate) const INSERT_PARTS: Batch = Batch {
    before: "INSERT INTO part (id, tenant, bucket, prefix, address, size, frame, at) VALUES",
    columns: 8,
    after: "",
};
pub(crate) const INSERT_COPY_PARTS: Batch = Batch {
    before: "INSERT INTO copy_part (tenant, copy, ordinal, part) VALUES",
    columns: 4,
    after: "",
};
pub(crate) const FIND_PARTS: Batch = Batch {
    before: "WITH wanted (tenant, bucket, prefix) AS (VALUES",
    columns: 3,
    after: ") SELECT part.id, part.address, part.size FROM wanted CROSS JOIN part WHERE part.tenant = wanted.tenant AND part.bucket = wanted.bucket AND part.prefix = wanted.prefix",
};
pub(crate) const PARTS_OF_COPY: &str = "SELECT part.id, part.frame, part.at, part.size, part.bucket, part.address FROM copy_part JOIN part ON part.id = copy_part.part WHERE copy_part.tenant = $1 AND copy_part.copy = $2 ORDER BY copy_part.ordinal";

// -- copies --------------------------------------------------------------------------------

pub(crate) const INSERT_COPIES: Batch = Batch {
    before: "INSERT INTO copy (id, tenant, day, prefix, digest, size, home, held_from, header_key, event, bucket, frame, at, run, key, head, record) VALUES",
    columns: 17,
    after: "",
};
pub(crate) const FIND_COPIES: Batch = Batch {
    before: "WITH wanted (tenant, day, prefix) AS (VALUES",
    columns: 3,
    after: ") SELECT copy.id, copy.digest, copy.key FROM wanted CROSS JOIN copy WHERE copy.tenant = wanted.tenant AND copy.day = wanted.day AND copy.prefix = wanted.prefix",
};
pub(crate) const FIND_BY_HEADER: Batch = Batch {
    before: "WITH wanted (tenant, header_key) AS (VALUES",
    columns: 2,
    after: ") SELECT copy.id, copy.header_key, copy.digest, copy.size, copy.key, copy.head, copy.record FROM wanted CROSS JOIN copy WHERE copy.tenant = wanted.tenant AND copy.header_key = wanted.header_key AND copy.header_key <> 0",
};
pub(crate) const IDS_BY_HEADER: Batch = Batch {
    before: "WITH wanted (tenant, header_key) AS (VALUES",
    columns: 2,
    after: ") SELECT copy.id FROM wanted CROSS JOIN copy WHERE copy.tenant = wanted.tenant AND copy.header_key = wanted.header_key AND copy.header_key <> 0",
};
pub(crate) const COPIES_BETWEEN: &str =
    "SELECT digest FROM copy WHERE tenant = $1 AND day = $2 AND prefix >= $3 AND prefix <= $4";
/// Columns of a copy as `CopyRow` reads them.
pub(crate) const COPY: &str = "SELECT copy.id, copy.day, copy.digest, copy.size, copy.held_from, copy.event, copy.bucket, copy.frame, copy.at, copy.run, copy.key, copy.head, copy.record FROM copy WHERE copy.tenant = $1 AND copy.id = $2";
pub(crate) const COPY_BY_SEQ: Batch = Batch {
    before: "WITH wanted (tenant, seq) AS (VALUES",
    columns: 2,
    after: ") SELECT copy.id, copy.day, copy.digest, copy.size, copy.held_from, copy.event, copy.bucket, copy.frame, copy.at, copy.run, copy.key, copy.head, copy.record, event.seq FROM wanted CROSS JOIN event JOIN copy ON copy.id = event.copy WHERE event.tenant = wanted.tenant AND event.seq = wanted.seq AND event.kind = 1",
};
pub(crate) const INSERT_LINKS: Batch = Batch {
    before: "INSERT INTO link (id, tenant, copy, message, rule, evidence, at, withdrawn) VALUES",
    columns: 8,
    after: "",
};
pub(crate) const LINKS_OF_COPIES: Batch = Batch {
    before: "WITH wanted (tenant, copy) AS (VALUES",
    columns: 2,
    after: ") SELECT link.copy, link.message FROM wanted CROSS JOIN link WHERE link.tenant = wanted.tenant AND link.copy = wanted.copy AND link.withdrawn = 0",
};
pub(crate) const LINKS_OF_MESSAGE: &str =
    "SELECT copy FROM link WHERE tenant = $1 AND message = $2 AND withdrawn = 0 ORDER BY copy";
/// Both ends of every link in force, as seqs of their admissions.
pub(crate) const LINKED_SEQS: &str = "SELECT mine.seq, theirs.seq FROM link JOIN copy AS young ON young.id = link.copy JOIN event AS mine ON mine.id = young.event JOIN copy AS old ON old.id = link.message JOIN event AS theirs ON theirs.id = old.event WHERE link.tenant = $1 AND link.withdrawn = 0 AND mine.seq IS NOT NULL AND theirs.seq IS NOT NULL ORDER BY link.id";

/// What bitmaps over messages and places follow from: as long as it is the same, so are they.
pub(crate) const STAMP: &str = "SELECT (SELECT COALESCE(MAX(seq), -1) FROM event WHERE tenant = $1), COUNT(*), COALESCE(MAX(id), 0), CAST(COALESCE(SUM(CASE WHEN withdrawn <> 0 THEN 1 ELSE 0 END), 0) AS BIGINT) FROM link WHERE tenant = $1";
/// Every day that has a copy, by jumps from one to the next.
pub(crate) const DAYS: &str = "WITH RECURSIVE days (day) AS (SELECT MIN(day) FROM copy WHERE tenant = $1 UNION ALL SELECT (SELECT MIN(copy.day) FROM copy WHERE copy.tenant = $1 AND copy.day > days.day) FROM days WHERE days.day IS NOT NULL) SELECT day FROM days WHERE day IS NOT NULL";

// -- deliveries, owners, placements --------------------------------------------------------

pub(crate) const MAILBOX_BY_HASH: &str = "SELECT id FROM mailbox WHERE tenant = $1 AND hash = $2";
pub(crate) const FOLDER_BY_HASH: &str =
    "SELECT id FROM folder WHERE tenant = $1 AND mailbox = $2 AND hash = $3";
pub(crate) const MAILBOXES: &str = "SELECT id, hash, name FROM mailbox WHERE tenant = $1";
pub(crate) const INSERT_MAILBOX: &str =
    "INSERT INTO mailbox (id, tenant, hash, name) VALUES ($1, $2, $3, $4)";
pub(crate) const FOLDERS: &str = "SELECT id, mailbox, hash, name FROM folder WHERE tenant = $1";
pub(crate) const INSERT_FOLDER: &str =
    "INSERT INTO folder (id, tenant, mailbox, hash, name) VALUES ($1, $2, $3, $4, $5)";
pub(crate) const INSERT_DELIVERIES: Batch = Batch {
    before: "INSERT INTO delivery (tenant, copy, id, at, job, position, envelope) VALUES",
    columns: 7,
    after: "",
};
pub(crate) const DELIVERIES_OF_COPY: &str =
    "SELECT at, job, position, envelope FROM delivery WHERE tenant = $1 AND copy = $2 ORDER BY id";
pub(crate) const INSERT_OWNERS: Batch = Batch {
    before: "INSERT INTO owner (tenant, mailbox, copy) VALUES",
    columns: 3,
    after: " ON CONFLICT (tenant, mailbox, copy) DO NOTHING",
};
pub(crate) const INSERT_PLACEMENTS: Batch = Batch {
    before: "INSERT INTO placement (tenant, copy, id, folder, flags, keywords) VALUES",
    columns: 6,
    after: "",
};
/// Placements of copies whose delivery was not withdrawn (job state 3).
pub(crate) const PLACES_OF_COPIES: Batch = Batch {
    before: "WITH wanted (tenant, copy) AS (VALUES",
    columns: 2,
    after: ") SELECT placement.copy, folder.mailbox, placement.flags, placement.keywords, delivery.at, folder.name, mailbox.name FROM wanted CROSS JOIN placement JOIN folder ON folder.id = placement.folder JOIN mailbox ON mailbox.id = folder.mailbox JOIN delivery ON delivery.tenant = placement.tenant AND delivery.copy = placement.copy AND delivery.id = placement.id LEFT JOIN job ON job.id = delivery.job WHERE placement.tenant = wanted.tenant AND placement.copy = wanted.copy AND COALESCE(job.state, 0) <> 3 ORDER BY placement.id",
};
pub(crate) const OWNS: &str =
    "SELECT 1 FROM owner WHERE tenant = $1 AND mailbox = $2 AND copy = $3";
pub(crate) const SEQS_OF_FOLDER: &str = "SELECT DISTINCT event.seq FROM placement JOIN delivery ON delivery.tenant = placement.tenant AND delivery.copy = placement.copy AND delivery.id = placement.id LEFT JOIN job ON job.id = delivery.job JOIN copy ON copy.id = placement.copy JOIN event ON event.id = copy.event WHERE placement.tenant = $1 AND placement.folder = $2 AND COALESCE(job.state, 0) <> 3 AND event.seq IS NOT NULL";
/// Seqs and mailboxes of placements whose flags, under the mask `$2`, are `$3`.
pub(crate) const SEQS_BY_FLAGS: &str = "SELECT DISTINCT event.seq, folder.mailbox FROM placement JOIN folder ON folder.id = placement.folder JOIN delivery ON delivery.tenant = placement.tenant AND delivery.copy = placement.copy AND delivery.id = placement.id LEFT JOIN job ON job.id = delivery.job JOIN copy ON copy.id = placement.copy JOIN event ON event.id = copy.event WHERE placement.tenant = $1 AND (placement.flags & $2) = $3 AND COALESCE(job.state, 0) <> 3 AND event.seq IS NOT NULL";
/// Seqs and mailboxes of what jobs brought from a server.
pub(crate) const SEQS_BY_SERVER: &str = "SELECT DISTINCT event.seq, folder.mailbox FROM job JOIN delivery ON delivery.tenant = job.tenant AND delivery.job = job.id JOIN placement ON placement.tenant = delivery.tenant AND placement.copy = delivery.copy AND placement.id = delivery.id JOIN folder ON folder.id = placement.folder JOIN copy ON copy.id = delivery.copy JOIN event ON event.id = copy.event WHERE job.tenant = $1 AND job.server = $2 AND job.state <> 3 AND event.seq IS NOT NULL";
pub(crate) const SEQS_OF_MAILBOX: &str = "SELECT event.seq FROM owner JOIN copy ON copy.id = owner.copy JOIN event ON event.id = copy.event WHERE owner.tenant = $1 AND owner.mailbox = $2 AND event.seq IS NOT NULL";
/// Seqs of every mailbox.
pub(crate) const SEQS_OF_OWNERS: &str = "SELECT event.seq, owner.mailbox FROM owner JOIN copy ON copy.id = owner.copy JOIN event ON event.id = copy.event WHERE owner.tenant = $1 AND event.seq IS NOT NULL";
/// Copies all of whose deliveries came by withdrawn jobs.
pub(crate) const HIDDEN_SEQS: &str = "SELECT event.seq FROM copy JOIN event ON event.id = copy.event WHERE copy.tenant = $1 AND event.seq IS NOT NULL AND copy.id IN (SELECT delivery.copy FROM delivery JOIN job ON job.id = delivery.job WHERE delivery.tenant = $1 AND job.state = 3) AND copy.id NOT IN (SELECT delivery.copy FROM delivery LEFT JOIN job ON job.id = delivery.job WHERE delivery.tenant = $1 AND COALESCE(job.state, 0) <> 3)";
pub(crate) const WITHDRAWN_JOBS: &str =
    "SELECT id FROM job WHERE tenant = $1 AND state = 3 LIMIT 1";
pub(crate) const USAGE_BY_MAILBOX: &str = "WITH shared (copy, owners) AS (SELECT copy, COUNT(*) FROM owner WHERE tenant = $1 GROUP BY copy) SELECT owner.mailbox, COUNT(*), CAST(SUM(copy.size) AS BIGINT), CAST(SUM(copy.size / shared.owners) AS BIGINT) FROM owner JOIN copy ON copy.id = owner.copy JOIN shared ON shared.copy = owner.copy WHERE owner.tenant = $1 GROUP BY owner.mailbox";
/// Copies and bytes by the day (UTC) since when they are held.
pub(crate) const AGES: &str = "SELECT (held_from - CASE WHEN held_from < 0 THEN 86399999999 ELSE 0 END) / 86400000000, COUNT(*), CAST(SUM(size) AS BIGINT) FROM copy WHERE tenant = $1 GROUP BY 1 ORDER BY 1";
/// Admissions and repeated deliveries by the day (UTC) when they were recorded.
pub(crate) const COLLECTED: &str = "SELECT event.at / 86400000000, event.kind, COUNT(*), CAST(SUM(copy.size) AS BIGINT) FROM event JOIN copy ON copy.id = event.copy WHERE event.tenant = $1 AND event.kind IN (1, 2) GROUP BY 1, 2 ORDER BY 1";
pub(crate) const SIZES: &str = "SELECT event.seq, copy.size FROM copy JOIN event ON event.id = copy.event WHERE copy.tenant = $1 AND event.seq IS NOT NULL";
pub(crate) const COUNT_COPIES: &str = "SELECT COUNT(*) FROM copy WHERE tenant = $1";
/// Copies that are not the first of their message.
pub(crate) const COUNT_LINKED: &str =
    "SELECT COUNT(DISTINCT copy) FROM link WHERE tenant = $1 AND withdrawn = 0";
pub(crate) const COUNT_DELIVERIES: &str = "SELECT COUNT(*) FROM delivery WHERE tenant = $1";
pub(crate) const COUNT_MAILBOXES: &str = "SELECT COUNT(*) FROM mailbox WHERE tenant = $1";
pub(crate) const SUM_DELIVERED: &str = "SELECT CAST(COALESCE(SUM(copy.size), 0) AS BIGINT) FROM delivery JOIN copy ON copy.id = delivery.copy WHERE delivery.tenant = $1";
pub(crate) const SUM_RAW: &str =
    "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM copy WHERE tenant = $1";
pub(crate) const SUM_PLAIN: &str = "SELECT CAST(COALESCE(SUM(frame.plain), 0) AS BIGINT) FROM frame JOIN pack ON pack.id = frame.pack JOIN bucket ON bucket.id = pack.bucket WHERE frame.tenant = $1 AND bucket.class <> 1";
/// Packs of mail; those of texts are in buckets of class 1.
pub(crate) const SUM_PACKS: &str = "SELECT CAST(COALESCE(SUM(pack.size), 0) AS BIGINT) FROM pack JOIN bucket ON bucket.id = pack.bucket WHERE pack.tenant = $1 AND bucket.class <> 1";
pub(crate) const COUNT_PACKS: &str = "SELECT COUNT(*) FROM pack JOIN bucket ON bucket.id = pack.bucket WHERE pack.tenant = $1 AND bucket.class <> 1";
pub(crate) const SUM_TEXT_PACKS: &str = "SELECT CAST(COALESCE(SUM(pack.size), 0) AS BIGINT) FROM pack JOIN bucket ON bucket.id = pack.bucket WHERE pack.tenant = $1 AND bucket.class = 1";
pub(crate) const SUM_SPLITS: &str =
    "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM split WHERE tenant = $1";
pub(crate) const COUNT_SPLITS: &str = "SELECT COUNT(*) FROM split WHERE tenant = $1";
pub(crate) const LAST_ADMISSION: &str =
    "SELECT at FROM event WHERE tenant = $1 AND seq IS NOT NULL ORDER BY seq DESC LIMIT 1";

// -- order and log -------------------------------------------------------------------------

pub(crate) const INSERT_EVENTS: Batch = Batch {
    before: "INSERT INTO event (id, tenant, seq, kind, at, copy, note) VALUES",
    columns: 7,
    after: "",
};
pub(crate) const LAST_SEQ: &str =
    "SELECT seq FROM event WHERE tenant = $1 AND seq IS NOT NULL ORDER BY seq DESC LIMIT 1";
pub(crate) const EVENTS_FROM: &str = "SELECT event.seq, event.id, event.kind, event.at, event.copy, event.note, copy.digest, copy.size, copy.key, copy.record FROM event LEFT JOIN copy ON copy.id = event.copy WHERE event.tenant = $1 AND event.seq >= $2 AND event.seq < $3 ORDER BY event.seq";
pub(crate) const ADMISSIONS_FROM: &str = "SELECT seq, id, copy, kind FROM event WHERE tenant = $1 AND seq >= $2 AND seq < $3 ORDER BY seq";
pub(crate) const EVENT: &str = "SELECT event.seq, event.id, event.kind, event.at, event.copy, event.note, copy.digest, copy.size, copy.key, copy.record FROM event LEFT JOIN copy ON copy.id = event.copy WHERE event.tenant = $1 AND event.id = $2";
pub(crate) const LOG: &str = "SELECT size, tail, checkpoint FROM log WHERE tenant = $1";
/// Only from the size `$5` that it was read at.
pub(crate) const SET_LOG: &str = "INSERT INTO log (tenant, size, tail, checkpoint) VALUES ($1, $2, $3, $4) ON CONFLICT (tenant) DO UPDATE SET size = excluded.size, tail = excluded.tail, checkpoint = excluded.checkpoint WHERE log.size = $5";
pub(crate) const FOLLOWER: &str = "SELECT seq FROM follower WHERE tenant = $1 AND kind = $2";
pub(crate) const INDEX_RANGES: &str =
    "SELECT first, next, holder, until FROM index_range WHERE tenant = $1 ORDER BY first";
pub(crate) const INSERT_INDEX_RANGE: &str =
    "INSERT INTO index_range (tenant, first, next, holder, until) VALUES ($1, $2, $3, $4, $5)";
pub(crate) const DELETE_INDEX_RANGE: &str =
    "DELETE FROM index_range WHERE tenant = $1 AND first = $2";
pub(crate) const DELETE_INDEXED_RANGES: &str =
    "DELETE FROM index_range WHERE tenant = $1 AND holder IS NULL";
pub(crate) const RENEW_INDEX_RANGES: &str =
    "UPDATE index_range SET until = $3 WHERE tenant = $1 AND holder = $2";
pub(crate) const RELEASE_INDEX_RANGES: &str =
    "DELETE FROM index_range WHERE tenant = $1 AND holder = $2";
/// Only from the place `$4` that it was read at.
pub(crate) const MOVE_FOLLOWER: &str = "INSERT INTO follower (tenant, kind, seq) VALUES ($1, $2, $3) ON CONFLICT (tenant, kind) DO UPDATE SET seq = excluded.seq WHERE follower.seq = $4";
pub(crate) const SET_FOLLOWER: &str = "INSERT INTO follower (tenant, kind, seq) VALUES ($1, $2, $3) ON CONFLICT (tenant, kind) DO UPDATE SET seq = excluded.seq";

// -- objects that were listed once ---------------------------------------------------------

/// kind: 1 packs, 2 splits.
pub(crate) const DOOM: Batch = Batch {
    before: "INSERT INTO doomed (tenant, kind, name, at, volume, locked) VALUES",
    columns: 6,
    after: " ON CONFLICT (tenant, kind, name) DO NOTHING",
};
pub(crate) const DOOMED_BEFORE: &str =
    "SELECT kind, name, volume FROM doomed WHERE tenant = $1 AND at <= $2 AND locked <= $3";
pub(crate) const FORGET_DOOMED: &str =
    "DELETE FROM doomed WHERE tenant = $1 AND kind = $2 AND name = $3";

// -- index ---------------------------------------------------------------------------------

pub(crate) const SPLITS: &str = "SELECT id, name, size, docs, first, last, analyser, key, schema, dead, deaths FROM split WHERE tenant = $1 ORDER BY id";
pub(crate) const INSERT_SPLIT: &str = "INSERT INTO split (id, tenant, name, size, docs, first, last, analyser, key, schema) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
pub(crate) const DELETE_SPLIT: &str =
    "DELETE FROM split WHERE tenant = $1 AND id = $2 AND deaths = $3";
pub(crate) const SET_DEAD: &str =
    "UPDATE split SET dead = $5, deaths = $4 WHERE tenant = $1 AND id = $2 AND deaths = $3";
pub(crate) const DELETE_SPLITS: &str = "DELETE FROM split WHERE tenant = $1";

// -- nodes that answer for each other: PostgreSQL only, by its clock -----------------------

pub(crate) const ANNOUNCE_NODE: &str = "INSERT INTO peer (tenant, name, address, seen) VALUES ($1, $2, $3, CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)) ON CONFLICT (tenant, name) DO UPDATE SET address = excluded.address, seen = excluded.seen";
pub(crate) const LIVING_NODES: &str = "SELECT name, address FROM peer WHERE tenant = $1 AND name <> $2 AND seen > CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) - $3";
pub(crate) const FORGET_NODES: &str = "DELETE FROM peer WHERE tenant = $1 AND seen < CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) - $2";
pub(crate) const WITHDRAW_NODE: &str = "DELETE FROM peer WHERE tenant = $1 AND name = $2";

// -- saved searches, tags, groups ----------------------------------------------------------

pub(crate) const SAVED_SEARCHES: &str = "SELECT id, address, about, created FROM saved_search WHERE tenant = $1 AND owner = $2 ORDER BY id";
pub(crate) const SAVE_SEARCH: &str = "INSERT INTO saved_search (id, tenant, owner, hash, address, about, created) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant, owner, hash) DO UPDATE SET about = excluded.about, created = excluded.created RETURNING id";
pub(crate) const DELETE_SEARCH: &str =
    "DELETE FROM saved_search WHERE tenant = $1 AND owner = $2 AND id = $3";
pub(crate) const TAGS: &str = "SELECT id, hash, name FROM tag WHERE tenant = $1";
pub(crate) const INSERT_TAG: &str =
    "INSERT INTO tag (id, tenant, hash, name) VALUES ($1, $2, $3, $4)";
pub(crate) const TAGGED_SEQS: &str = "SELECT event.seq FROM tagged JOIN copy ON copy.id = tagged.copy JOIN event ON event.id = copy.event WHERE tagged.tenant = $1 AND tagged.tag = $2 AND event.seq IS NOT NULL";
pub(crate) const INSERT_TAGGED: Batch = Batch {
    before: "INSERT INTO tagged (tenant, tag, copy) VALUES",
    columns: 3,
    after: " ON CONFLICT (tenant, tag, copy) DO NOTHING",
};
pub(crate) const DELETE_TAGGED: &str =
    "DELETE FROM tagged WHERE tenant = $1 AND tag = $2 AND copy = $3";
pub(crate) const GROUPS: &str = "SELECT id, hash, about FROM address_group WHERE tenant = $1";
pub(crate) const SET_GROUP: &str = "INSERT INTO address_group (id, tenant, hash, about) VALUES ($1, $2, $3, $4) ON CONFLICT (tenant, hash) DO UPDATE SET about = excluded.about";
pub(crate) const DELETE_GROUP: &str = "DELETE FROM address_group WHERE tenant = $1 AND hash = $2";

pub(crate) const SERVERS: &str = "SELECT name FROM server WHERE tenant = $1";
pub(crate) const INSERT_SERVER: &str = "INSERT INTO server (tenant, hash, name) VALUES ($1, $2, $3) ON CONFLICT (tenant, hash) DO NOTHING";

// -- texts of attachments ------------------------------------------------------------------

/// Columns of a text as `StoredText` reads them.
pub(crate) const FIND_TEXTS: Batch = Batch {
    before: "WITH wanted (tenant, prefix) AS (VALUES",
    columns: 2,
    after: ") SELECT part_text.id, part_text.version, part_text.gap, part_text.frame, part_text.at, part_text.length, part_text.address FROM wanted CROSS JOIN part_text WHERE part_text.tenant = wanted.tenant AND part_text.prefix = wanted.prefix",
};
pub(crate) const TEXTS_OF_COPY: &str = "SELECT part_text.id, part_text.version, part_text.gap, part_text.frame, part_text.at, part_text.length, copy_text.part FROM copy_text JOIN part_text ON part_text.id = copy_text.text WHERE copy_text.tenant = $1 AND copy_text.copy = $2 ORDER BY copy_text.part";
pub(crate) const INSERT_TEXTS: Batch = Batch {
    before: "INSERT INTO part_text (id, tenant, prefix, address, size, version, gap, tries, frame, at, length) VALUES",
    columns: 11,
    after: "",
};
pub(crate) const RENEW_TEXT: &str = "UPDATE part_text SET version = $3, gap = $4, tries = tries + 1, frame = $5, at = $6, length = $7 WHERE tenant = $1 AND id = $2";
pub(crate) const INSERT_COPY_TEXTS: Batch = Batch {
    before: "INSERT INTO copy_text (tenant, copy, part, text) VALUES",
    columns: 4,
    after: " ON CONFLICT (tenant, copy, part) DO UPDATE SET text = excluded.text",
};
pub(crate) const TEXTS_BY_GAP: &str = "SELECT gap, COUNT(*), CAST(COALESCE(SUM(length), 0) AS BIGINT), CAST(COALESCE(SUM(CASE WHEN length = 0 THEN 1 ELSE 0 END), 0) AS BIGINT) FROM part_text WHERE tenant = $1 GROUP BY gap";
/// Copies with a part that an accident kept from being read, and not too often yet.
pub(crate) const COPIES_TO_RETRY: &str = "SELECT DISTINCT event.seq, copy.id FROM part_text JOIN copy_text ON copy_text.tenant = part_text.tenant AND copy_text.text = part_text.id JOIN copy ON copy.id = copy_text.copy JOIN event ON event.id = copy.event WHERE part_text.tenant = $1 AND part_text.gap IN (6, 7) AND part_text.tries < $2 AND event.seq IS NOT NULL ORDER BY event.seq";
pub(crate) const ADMITTED_FROM: &str =
    "SELECT seq FROM event WHERE tenant = $1 AND kind = 1 AND seq >= $2";
pub(crate) const EXCEPTIONS: &str = "SELECT exception.seq, event.copy FROM exception JOIN event ON event.tenant = exception.tenant AND event.seq = exception.seq WHERE exception.tenant = $1 AND exception.kind = $2 ORDER BY exception.seq";
pub(crate) const SET_EXCEPTION: &str = "INSERT INTO exception (tenant, kind, seq, tries, next, reason) VALUES ($1, $2, $3, 1, 0, $4) ON CONFLICT (tenant, kind, seq) DO UPDATE SET tries = exception.tries + 1, reason = excluded.reason";
pub(crate) const DELETE_EXCEPTION: &str =
    "DELETE FROM exception WHERE tenant = $1 AND kind = $2 AND seq = $3";
pub(crate) const TEXTS_DOUBLED: &str =
    "SELECT MAX(id) FROM part_text WHERE tenant = $1 GROUP BY address HAVING COUNT(*) > 1";
pub(crate) const TEXTS_WITHOUT_FRAME: &str = "SELECT part_text.id FROM part_text LEFT JOIN frame ON frame.id = part_text.frame AND frame.tenant = part_text.tenant WHERE part_text.tenant = $1 AND part_text.length > 0 AND (frame.id IS NULL OR (part_text.length <= 4194304 AND part_text.at + part_text.length > frame.plain))";
pub(crate) const COPY_TEXTS_DANGLING: &str = "SELECT copy_text.copy FROM copy_text LEFT JOIN copy ON copy.id = copy_text.copy AND copy.tenant = copy_text.tenant LEFT JOIN part_text ON part_text.id = copy_text.text AND part_text.tenant = copy_text.tenant WHERE copy_text.tenant = $1 AND (copy.id IS NULL OR part_text.id IS NULL)";

// -- jobs ----------------------------------------------------------------------------------

pub(crate) const INSERT_JOB: &str = "INSERT INTO job (id, tenant, kind, state, source_hash, about, cursor, started, updated, server, seen, stored, duplicate, rejected, failed, outside, bytes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, 0, 0, 0, 0, 0, 0, 0)";
pub(crate) const JOBS: &str = "SELECT id, kind, state, about, cursor, started, updated, seen, stored, duplicate, rejected, failed, outside, bytes FROM job WHERE tenant = $1 ORDER BY id";
pub(crate) const OPEN_JOB: &str =
    "SELECT id FROM job WHERE tenant = $1 AND source_hash = $2 AND state = 1 ORDER BY id";
pub(crate) const PROGRESS_JOB: &str = "UPDATE job SET cursor = $3, updated = $4, seen = seen + $5, stored = stored + $6, duplicate = duplicate + $7, rejected = rejected + $8, failed = failed + $9, outside = outside + $10, bytes = bytes + $11 WHERE tenant = $1 AND id = $2 AND state = 1";
/// A job that was withdrawn stays so.
pub(crate) const SET_JOB_STATE: &str =
    "UPDATE job SET state = $3, updated = $4 WHERE tenant = $1 AND id = $2 AND state <> 3";
/// Owners that only a withdrawn job made.
pub(crate) const DROP_OWNERS_OF_JOB: &str = "DELETE FROM owner WHERE tenant = $1 AND EXISTS (SELECT 1 FROM delivery JOIN placement ON placement.tenant = delivery.tenant AND placement.copy = delivery.copy AND placement.id = delivery.id JOIN folder ON folder.id = placement.folder WHERE delivery.tenant = owner.tenant AND delivery.copy = owner.copy AND delivery.job = $2 AND folder.mailbox = owner.mailbox) AND NOT EXISTS (SELECT 1 FROM delivery JOIN placement ON placement.tenant = delivery.tenant AND placement.copy = delivery.copy AND placement.id = delivery.id JOIN folder ON folder.id = placement.folder LEFT JOIN job ON job.id = delivery.job WHERE delivery.tenant = owner.tenant AND delivery.copy = owner.copy AND folder.mailbox = owner.mailbox AND COALESCE(job.state, 0) <> 3)";
pub(crate) const INSERT_JOB_ERRORS: Batch = Batch {
    before: "INSERT INTO job_error (tenant, job, position, what) VALUES",
    columns: 4,
    after: " ON CONFLICT (tenant, job, position) DO NOTHING",
};
pub(crate) const JOB_ERRORS: &str =
    "SELECT position, what FROM job_error WHERE tenant = $1 AND job = $2 ORDER BY position";

// -- verification --------------------------------------------------------------------------

/// In the order in which they lie.
pub(crate) const COPIES_AFTER: &str = "SELECT id, frame FROM copy WHERE tenant = $1 AND (frame, id) > ($2, $3) ORDER BY frame, id LIMIT 4096";
/// Columns as `CopyRow` reads them, and the event that is to have admitted the copy.
pub(crate) const COPIES_BY_ID: Batch = Batch {
    before: "WITH wanted (tenant, id) AS (VALUES",
    columns: 2,
    after: ") SELECT copy.id, copy.day, copy.digest, copy.size, copy.held_from, copy.event, copy.bucket, copy.frame, copy.at, copy.run, copy.key, copy.head, copy.record, event.kind, event.copy FROM wanted CROSS JOIN copy LEFT JOIN event ON event.id = copy.event WHERE copy.tenant = wanted.tenant AND copy.id = wanted.id",
};
pub(crate) const PARTS_OF_COPIES: Batch = Batch {
    before: "WITH wanted (tenant, copy) AS (VALUES",
    columns: 2,
    after: ") SELECT copy_part.copy, copy_part.ordinal, part.frame, part.at, part.size, part.bucket, part.address FROM wanted CROSS JOIN copy_part JOIN part ON part.id = copy_part.part WHERE copy_part.tenant = wanted.tenant AND copy_part.copy = wanted.copy",
};

// -- fsck ----------------------------------------------------------------------------------

/// Packs of one class: 0 mail, 1 texts of attachments.
pub(crate) const PACKS: &str = "SELECT pack.id, pack.name, pack.size, pack.volume FROM pack LEFT JOIN bucket ON bucket.id = pack.bucket WHERE pack.tenant = $1 AND (COALESCE(bucket.class, 0) = 1) = ($2 = 1) ORDER BY pack.id";
pub(crate) const PACK_IS_LISTED: &str = "SELECT id FROM pack WHERE tenant = $1 AND id = $2";
pub(crate) const SPLIT_IS_LISTED: &str = "SELECT id FROM split WHERE tenant = $1 AND id = $2";
/// Which part has which text, of texts in a pack.
pub(crate) const DELETE_COPY_TEXTS_OF_PACK: &str = "DELETE FROM copy_text WHERE tenant = $1 AND text IN (SELECT part_text.id FROM part_text JOIN frame ON frame.id = part_text.frame WHERE part_text.tenant = $1 AND part_text.length > 0 AND frame.pack = $2)";
pub(crate) const DELETE_TEXTS_OF_PACK: &str = "DELETE FROM part_text WHERE tenant = $1 AND length > 0 AND frame IN (SELECT id FROM frame WHERE tenant = $1 AND pack = $2)";
/// Columns as `read_frame_row` reads them.
pub(crate) const FRAMES_OF_PACK: &str = "SELECT frame.id, pack.name, frame.number, frame.at, frame.sealed, frame.plain, frame.key, pack.volume FROM frame JOIN pack ON pack.id = frame.pack WHERE frame.tenant = $1 AND frame.pack = $2 ORDER BY frame.number";
pub(crate) const ADMITTED_SEQS: &str =
    "SELECT seq FROM event WHERE tenant = $1 AND kind = 1 AND seq >= $2 AND seq < $3";
pub(crate) const COPY_LOOKUPS: &str = "SELECT id, prefix, header_key, frame FROM copy WHERE tenant = $1 AND (frame, id) > ($2, $3) ORDER BY frame, id LIMIT 1024";
pub(crate) const PART_LOOKUPS: &str = "SELECT id, prefix, address, frame FROM part WHERE tenant = $1 AND (frame, id) > ($2, $3) ORDER BY frame, id LIMIT 4096";
// Each of these finds rows that are wrong.
pub(crate) const PACKS_WITHOUT_BUCKET: &str = "SELECT pack.id FROM pack LEFT JOIN bucket ON bucket.id = pack.bucket AND bucket.tenant = pack.tenant WHERE pack.tenant = $1 AND bucket.id IS NULL";
pub(crate) const FRAMES_WITHOUT_PACK: &str = "SELECT frame.id FROM frame LEFT JOIN pack ON pack.id = frame.pack AND pack.tenant = frame.tenant WHERE frame.tenant = $1 AND pack.id IS NULL";
pub(crate) const COPIES_WITHOUT_FRAME: &str = "SELECT copy.id FROM copy LEFT JOIN frame ON frame.id = copy.frame AND frame.tenant = copy.tenant WHERE copy.tenant = $1 AND frame.id IS NULL";
pub(crate) const PARTS_WITHOUT_FRAME: &str = "SELECT part.id FROM part LEFT JOIN frame ON frame.id = part.frame AND frame.tenant = part.tenant WHERE part.tenant = $1 AND frame.id IS NULL";
pub(crate) const INSTANCES_DANGLING: &str = "SELECT instance.copy FROM instance LEFT JOIN copy ON copy.id = instance.copy AND copy.tenant = instance.tenant LEFT JOIN frame ON frame.id = instance.frame AND frame.tenant = instance.tenant WHERE instance.tenant = $1 AND (copy.id IS NULL OR frame.id IS NULL)";
pub(crate) const COPY_PARTS_DANGLING: &str = "SELECT copy_part.copy FROM copy_part LEFT JOIN copy ON copy.id = copy_part.copy AND copy.tenant = copy_part.tenant LEFT JOIN part ON part.id = copy_part.part AND part.tenant = copy_part.tenant WHERE copy_part.tenant = $1 AND (copy.id IS NULL OR part.id IS NULL)";
pub(crate) const COPY_PARTS_WITH_GAPS: &str = "SELECT copy FROM copy_part WHERE tenant = $1 GROUP BY copy HAVING MIN(ordinal) <> 0 OR MAX(ordinal) <> COUNT(*) - 1";
pub(crate) const COPIES_DOUBLED: &str =
    "SELECT MAX(id) FROM copy WHERE tenant = $1 GROUP BY digest HAVING COUNT(*) > 1";
pub(crate) const PARTS_DOUBLED: &str =
    "SELECT MAX(id) FROM part WHERE tenant = $1 GROUP BY bucket, address HAVING COUNT(*) > 1";
pub(crate) const EVENTS_WITHOUT_COPY: &str = "SELECT event.id FROM event LEFT JOIN copy ON copy.id = event.copy AND copy.tenant = event.tenant WHERE event.tenant = $1 AND event.kind IN (1, 2) AND copy.id IS NULL";
pub(crate) const EVENTS_WITHOUT_DELIVERY: &str = "SELECT event.id FROM event LEFT JOIN delivery ON delivery.tenant = event.tenant AND delivery.copy = event.copy AND delivery.id = event.id WHERE event.tenant = $1 AND event.kind IN (1, 2) AND delivery.id IS NULL";
pub(crate) const EVENTS_WITH_SEQ_TWICE: &str =
    "SELECT seq FROM event WHERE tenant = $1 AND seq IS NOT NULL GROUP BY seq HAVING COUNT(*) > 1";
pub(crate) const EVENTS_AFTER_GAP: &str = "SELECT event.seq FROM event LEFT JOIN event AS before ON before.tenant = event.tenant AND before.seq = event.seq - 1 WHERE event.tenant = $1 AND event.seq <> 0 AND before.id IS NULL";
pub(crate) const DELIVERIES_DANGLING: &str = "SELECT delivery.id FROM delivery LEFT JOIN copy ON copy.id = delivery.copy AND copy.tenant = delivery.tenant LEFT JOIN event ON event.id = delivery.id AND event.tenant = delivery.tenant AND event.copy = delivery.copy LEFT JOIN job ON job.id = delivery.job AND job.tenant = delivery.tenant WHERE delivery.tenant = $1 AND (copy.id IS NULL OR event.id IS NULL OR (delivery.job <> 0 AND job.id IS NULL))";
pub(crate) const PLACEMENTS_DANGLING: &str = "SELECT placement.id FROM placement LEFT JOIN delivery ON delivery.tenant = placement.tenant AND delivery.copy = placement.copy AND delivery.id = placement.id LEFT JOIN folder ON folder.id = placement.folder AND folder.tenant = placement.tenant WHERE placement.tenant = $1 AND (delivery.id IS NULL OR folder.id IS NULL)";
pub(crate) const OWNERS_DANGLING: &str = "SELECT owner.copy FROM owner LEFT JOIN copy ON copy.id = owner.copy AND copy.tenant = owner.tenant LEFT JOIN mailbox ON mailbox.id = owner.mailbox AND mailbox.tenant = owner.tenant WHERE owner.tenant = $1 AND (copy.id IS NULL OR mailbox.id IS NULL)";
pub(crate) const FOLDERS_WITHOUT_MAILBOX: &str = "SELECT folder.id FROM folder LEFT JOIN mailbox ON mailbox.id = folder.mailbox AND mailbox.tenant = folder.tenant WHERE folder.tenant = $1 AND mailbox.id IS NULL";
pub(crate) const LINKS_DANGLING: &str = "SELECT link.id FROM link LEFT JOIN copy ON copy.id = link.copy AND copy.tenant = link.tenant LEFT JOIN copy AS older ON older.id = link.message AND older.tenant = link.tenant WHERE link.tenant = $1 AND (copy.id IS NULL OR older.id IS NULL)";
pub(crate) const TAGGED_DANGLING: &str = "SELECT tagged.copy FROM tagged LEFT JOIN copy ON copy.id = tagged.copy AND copy.tenant = tagged.tenant LEFT JOIN tag ON tag.id = tagged.tag AND tag.tenant = tagged.tenant WHERE tagged.tenant = $1 AND (copy.id IS NULL OR tag.id IS NULL)";
pub(crate) const PINS_WITHOUT_COPY: &str = "SELECT pin.id FROM pin LEFT JOIN copy ON copy.id = pin.copy AND copy.tenant = pin.tenant WHERE pin.tenant = $1 AND copy.id IS NULL";

// -- compaction ----------------------------------------------------------------------------

/// Packs of mail with the ids of their first and last frame, their plain bytes, and those of
/// them in frames as large as a piece. Packs of texts are left as they are, and those of storage
/// classes, which are written as their class says.
pub(crate) const PACKS_TO_COMPACT: &str = "SELECT pack.id, pack.name, pack.bucket, pack.size, pack.generation, COALESCE(MIN(frame.id), 0), COALESCE(MAX(frame.id), -1), CAST(COALESCE(SUM(frame.plain), 0) AS BIGINT), CAST(COALESCE(SUM(CASE WHEN frame.plain >= 4194304 THEN frame.plain ELSE 0 END), 0) AS BIGINT) FROM pack JOIN bucket ON bucket.id = pack.bucket AND bucket.class = 0 LEFT JOIN frame ON frame.pack = pack.id WHERE pack.tenant = $1 GROUP BY pack.id, pack.name, pack.bucket, pack.size, pack.generation ORDER BY pack.bucket, pack.id";
pub(crate) const SET_GENERATION: &str =
    "UPDATE pack SET generation = $3 WHERE tenant = $1 AND id = $2";
/// Columns as `CopyRow` reads them.
pub(crate) const COPIES_IN_FRAMES: &str = "SELECT id, day, digest, size, held_from, event, bucket, frame, at, run, key, head, record FROM copy WHERE tenant = $1 AND frame >= $2 AND frame <= $3";
pub(crate) const PARTS_IN_FRAMES: &str = "SELECT part.id, part.frame, part.at, part.size, (SELECT MIN(copy_part.copy) FROM copy_part WHERE copy_part.part = part.id) FROM part WHERE part.tenant = $1 AND part.frame >= $2 AND part.frame <= $3";
pub(crate) const INSTANCES_IN_FRAMES: &str =
    "SELECT copy FROM instance WHERE tenant = $1 AND frame >= $2 AND frame <= $3 LIMIT 1";
pub(crate) const USES_OF_FRAMES: &str = "SELECT id FROM copy WHERE tenant = $1 AND frame >= $2 AND frame <= $3 UNION ALL SELECT id FROM part WHERE tenant = $1 AND frame >= $2 AND frame <= $3 UNION ALL SELECT copy FROM instance WHERE tenant = $1 AND frame >= $2 AND frame <= $3 UNION ALL SELECT id FROM part_text WHERE tenant = $1 AND length > 0 AND frame >= $2 AND frame <= $3 LIMIT 1";
pub(crate) const MOVE_COPIES: Batch = Batch {
    before: "WITH wanted (tenant, id, old, frame, at) AS (VALUES",
    columns: 5,
    after: ") UPDATE copy SET frame = wanted.frame, at = wanted.at FROM wanted WHERE copy.tenant = wanted.tenant AND copy.id = wanted.id AND copy.frame = wanted.old",
};
pub(crate) const MOVE_PARTS: Batch = Batch {
    before: "WITH wanted (tenant, id, old, frame, at) AS (VALUES",
    columns: 5,
    after: ") UPDATE part SET frame = wanted.frame, at = wanted.at FROM wanted WHERE part.tenant = wanted.tenant AND part.id = wanted.id AND part.frame = wanted.old",
};
pub(crate) const DELETE_FRAMES_OF_PACK: &str = "DELETE FROM frame WHERE tenant = $1 AND pack = $2";
pub(crate) const DELETE_PACK: &str = "DELETE FROM pack WHERE tenant = $1 AND id = $2";

// -- storage classes -----------------------------------------------------------------------

pub(crate) const VOLUMES: &str = "SELECT id, about FROM volume WHERE tenant = $1 ORDER BY id";
pub(crate) const SET_VOLUME: &str = "INSERT INTO volume (id, tenant, about) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET about = excluded.about";
/// Objects that are locked there go later, and until then somebody must know where they are.
pub(crate) const DROP_VOLUME: &str = "DELETE FROM volume WHERE tenant = $1 AND id = $2 AND NOT EXISTS (SELECT 1 FROM doomed WHERE doomed.tenant = volume.tenant AND doomed.volume = volume.id) AND NOT EXISTS (SELECT 1 FROM pack WHERE pack.tenant = volume.tenant AND pack.volume = volume.id)";
pub(crate) const CLASSES: &str =
    "SELECT id, place, about FROM storage_class WHERE tenant = $1 ORDER BY place, id";
pub(crate) const SET_CLASS: &str = "INSERT INTO storage_class (id, tenant, place, about) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO UPDATE SET place = excluded.place, about = excluded.about";
pub(crate) const PLACE_CLASS: &str =
    "UPDATE storage_class SET place = $3 WHERE tenant = $1 AND id = $2";
pub(crate) const COPIES_BY_CLASS: &str = "SELECT bucket.class, COUNT(*), CAST(SUM(copy.size) AS BIGINT) FROM copy JOIN bucket ON bucket.id = copy.bucket WHERE copy.tenant = $1 GROUP BY bucket.class";
pub(crate) const PACKS_BY_CLASS: &str = "SELECT bucket.class, COUNT(*), CAST(SUM(pack.size) AS BIGINT), CAST(SUM(CASE WHEN bucket.release <> 0 AND pack.locked = 0 THEN 1 ELSE 0 END) AS BIGINT), COALESCE(MIN(CASE WHEN pack.locked < $2 THEN pack.locked END), 0), COALESCE(MAX(CASE WHEN pack.locked < $2 THEN pack.locked END), 0), CAST(SUM(CASE WHEN pack.locked = $2 THEN 1 ELSE 0 END) AS BIGINT) FROM pack JOIN bucket ON bucket.id = pack.bucket WHERE pack.tenant = $1 GROUP BY bucket.class";
pub(crate) const PACKS_BY_VOLUME: &str = "SELECT volume, COUNT(*), MAX(locked) FROM pack WHERE tenant = $1 AND volume <> 0 GROUP BY volume ORDER BY volume";
/// Buckets of mail; `$2` is the class of texts.
pub(crate) const MAIL_BUCKETS: &str =
    "SELECT id, class, release FROM bucket WHERE tenant = $1 AND class <> $2 ORDER BY id";
/// Columns as `CopyRow` reads them, and the place in the log.
pub(crate) const COPIES_IN_BUCKET: &str = "SELECT copy.id, copy.day, copy.digest, copy.size, copy.held_from, copy.event, copy.bucket, copy.frame, copy.at, copy.run, copy.key, copy.head, copy.record, event.seq FROM copy JOIN event ON event.id = copy.event WHERE copy.tenant = $1 AND copy.bucket = $2 AND copy.id > $3 ORDER BY copy.id LIMIT 512";
pub(crate) const RELOCATE_COPIES: Batch = Batch {
    before: "WITH wanted (tenant, id, old_bucket, old_frame, bucket, frame, at) AS (VALUES",
    columns: 7,
    after: ") UPDATE copy SET bucket = wanted.bucket, frame = wanted.frame, at = wanted.at FROM wanted WHERE copy.tenant = wanted.tenant AND copy.id = wanted.id AND copy.bucket = wanted.old_bucket AND copy.frame = wanted.old_frame",
};
pub(crate) const DELETE_COPY_PARTS: Batch = Batch {
    before: "WITH wanted (tenant, copy) AS (VALUES",
    columns: 2,
    after: ") DELETE FROM copy_part WHERE EXISTS (SELECT 1 FROM wanted WHERE copy_part.tenant = wanted.tenant AND copy_part.copy = wanted.copy)",
};
pub(crate) const DELETE_IDLE_PARTS: Batch = Batch {
    before: "WITH wanted (tenant, id) AS (VALUES",
    columns: 2,
    after: ") DELETE FROM part WHERE EXISTS (SELECT 1 FROM wanted WHERE part.tenant = wanted.tenant AND part.id = wanted.id) AND NOT EXISTS (SELECT 1 FROM copy_part WHERE copy_part.part = part.id)",
};
pub(crate) const PACKS_TO_LOCK: &str = "SELECT pack.id, pack.name, pack.volume, bucket.release FROM pack JOIN bucket ON bucket.id = pack.bucket WHERE pack.tenant = $1 AND bucket.release <> 0 AND pack.locked = 0 ORDER BY pack.id";
/// As one whose lock has ended.
pub(crate) const SET_FREE: &str = "UPDATE pack SET locked = 1 WHERE tenant = $1 AND id = $2";
pub(crate) const SET_LOCKED: &str =
    "UPDATE pack SET locked = $3 WHERE tenant = $1 AND id = $2 AND locked < $3";
/// Packs of mail in which no run lies that anything names.
pub(crate) const IDLE_PACKS: &str = "SELECT pack.id, pack.name, pack.volume, pack.locked FROM pack JOIN bucket ON bucket.id = pack.bucket AND bucket.class <> 1 WHERE pack.tenant = $1 AND NOT EXISTS (SELECT 1 FROM frame JOIN copy ON copy.tenant = frame.tenant AND copy.frame = frame.id WHERE frame.pack = pack.id) AND NOT EXISTS (SELECT 1 FROM frame JOIN part ON part.tenant = frame.tenant AND part.frame = frame.id WHERE frame.pack = pack.id) AND NOT EXISTS (SELECT 1 FROM frame JOIN instance ON instance.tenant = frame.tenant AND instance.frame = frame.id WHERE frame.pack = pack.id)";

pub(crate) const TASKS: &str = "SELECT job, what FROM task WHERE tenant = $1 ORDER BY job";
pub(crate) const INSERT_TASK: &str = "INSERT INTO task (tenant, job, what) VALUES ($1, $2, $3) ON CONFLICT (tenant, job) DO UPDATE SET what = excluded.what";
pub(crate) const DELETE_TASK: &str = "DELETE FROM task WHERE tenant = $1 AND job = $2";

// -- access --------------------------------------------------------------------------------

pub(crate) const ACTIONS: &str = "SELECT seq, kind, at, note FROM event WHERE tenant = $1 AND kind IN (3, 5, 6, 7, 8, 9) AND seq >= $2 ORDER BY seq LIMIT 1000";
/// Columns as `read_account` reads them.
pub(crate) const ACCOUNTS: &str = "SELECT id, address, name, roles, disabled, created, password FROM account WHERE tenant = $1 ORDER BY id";
pub(crate) const ACCOUNT: &str = "SELECT id, address, name, roles, disabled, created, password FROM account WHERE tenant = $1 AND id = $2";
pub(crate) const ACCOUNT_BY_HASH: &str = "SELECT id, address, name, roles, disabled, created, password FROM account WHERE tenant = $1 AND hash = $2";
pub(crate) const INSERT_ACCOUNT: &str = "INSERT INTO account (id, tenant, hash, address, name, roles, password, disabled, created) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8)";
pub(crate) const CHANGE_ACCOUNT: &str = "UPDATE account SET name = $3, roles = $4, password = $5, disabled = $6 WHERE tenant = $1 AND id = $2";
pub(crate) const ADDRESSES_OF_ACCOUNTS: &str =
    "SELECT account, address FROM account_address WHERE tenant = $1";
pub(crate) const ADDRESSES_OF_ACCOUNT: &str =
    "SELECT account, address FROM account_address WHERE tenant = $1 AND account = $2";
pub(crate) const INSERT_ACCOUNT_ADDRESSES: Batch = Batch {
    before: "INSERT INTO account_address (tenant, account, hash, address) VALUES",
    columns: 4,
    after: " ON CONFLICT (tenant, account, hash) DO NOTHING",
};
pub(crate) const DELETE_ACCOUNT_ADDRESSES: &str =
    "DELETE FROM account_address WHERE tenant = $1 AND account = $2";
pub(crate) const SESSION: &str =
    "SELECT tag, account, created, used FROM session WHERE tenant = $1 AND prefix = $2";
pub(crate) const INSERT_SESSION: &str = "INSERT INTO session (tenant, prefix, tag, account, created, used) VALUES ($1, $2, $3, $4, $5, $5)";
pub(crate) const TOUCH_SESSION: &str =
    "UPDATE session SET used = $3 WHERE tenant = $1 AND prefix = $2";
pub(crate) const DELETE_SESSION: &str = "DELETE FROM session WHERE tenant = $1 AND prefix = $2";
pub(crate) const DELETE_SESSIONS_OF: &str =
    "DELETE FROM session WHERE tenant = $1 AND account = $2";
pub(crate) const DELETE_OLD_SESSIONS: &str =
    "DELETE FROM session WHERE tenant = $1 AND (created < $2 OR used < $3)";
/// Columns as `read_token` reads them.
pub(crate) const TOKENS: &str = "SELECT id, account, name, shown, scopes, created, expires, used, revoked, tag FROM token WHERE tenant = $1 ORDER BY id";
pub(crate) const TOKENS_BY_PREFIX: &str = "SELECT id, account, name, shown, scopes, created, expires, used, revoked, tag FROM token WHERE tenant = $1 AND prefix = $2";
pub(crate) const INSERT_TOKEN: &str = "INSERT INTO token (id, tenant, account, prefix, tag, name, shown, scopes, created, expires, used, revoked) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, 0)";
pub(crate) const TOUCH_TOKEN: &str = "UPDATE token SET used = $3 WHERE tenant = $1 AND id = $2";
pub(crate) const REVOKE_TOKEN: &str =
    "UPDATE token SET revoked = $3 WHERE tenant = $1 AND id = $2 AND revoked = 0";
/// Columns as `read_case` reads them.
pub(crate) const CASEFILES: &str = "SELECT id, name, reason, officer, since, until, opened, closed FROM casefile WHERE tenant = $1 ORDER BY id";
pub(crate) const INSERT_CASEFILE: &str = "INSERT INTO casefile (id, tenant, name, reason, officer, since, until, opened, closed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)";
pub(crate) const CLOSE_CASEFILE: &str =
    "UPDATE casefile SET closed = $3 WHERE tenant = $1 AND id = $2 AND closed = 0";
pub(crate) const PEOPLE_OF_CASEFILES: &str =
    "SELECT casefile, address FROM casefile_person WHERE tenant = $1 ORDER BY casefile, hash";
pub(crate) const INSERT_CASEFILE_PEOPLE: Batch = Batch {
    before: "INSERT INTO casefile_person (tenant, casefile, hash, address) VALUES",
    columns: 4,
    after: " ON CONFLICT (tenant, casefile, hash) DO NOTHING",
};
pub(crate) const REVIEWERS_OF_CASEFILES: &str =
    "SELECT casefile, account FROM casefile_reviewer WHERE tenant = $1 ORDER BY casefile, account";
pub(crate) const INSERT_CASEFILE_REVIEWERS: Batch = Batch {
    before: "INSERT INTO casefile_reviewer (tenant, casefile, account) VALUES",
    columns: 3,
    after: " ON CONFLICT (tenant, casefile, account) DO NOTHING",
};
pub(crate) const DELETE_CASEFILE_REVIEWERS: &str =
    "DELETE FROM casefile_reviewer WHERE tenant = $1 AND casefile = $2";

#[cfg(test)]
mod tests;
