#!/usr/bin/python3
"""How long a query takes as an archive grows, beside notmuch, mu and sphinxsearch on the same mail.

    bench/search.py [--messages 10000,100000] [--everpost BIN] [--work DIR] [--rounds N]

The mail is the generated organization. See bench/README.md. Python 3.9, Linux; the peers are used
where they are installed (Debian: notmuch python3-notmuch2 maildir-utils sphinxsearch; pymysql).
"""

import argparse
import email
import email.policy
import importlib.util
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.sax.saxutils import escape

from run import ROOT, Failed, clear, machine, measure, now, git, record, table, tree_bytes, version

PEERS = ["notmuch", "mu", "sphinxsearch"]
# Above so many messages the peers are left out: their indexing alone would take hours.
PEERS_UP_TO = 100_000
HEADS = 50

# Kind as `everpost bench search` calls it, then the same question in the language of everpost,
# notmuch, mu and sphinx; None where a language cannot ask it.
QUERIES = [
    ("everything", "", "*", "", ""),
    ("common word", "please", "please", "please", "please"),
    ("rare word", "pier", "pier", "pier", "pier"),
    ("two words", "caisson pier", "caisson and pier", "caisson AND pier", "caisson pier"),
    ("alternatives", "meeting (budget OR report)", "meeting and (budget or report)", "meeting AND (budget OR report)", "meeting (budget | report)"),
    ("negation", "-please", "not please", "NOT please", None),
    ("phrase", '"please find"', '"please find"', '"please find"', '"please find"'),
    ("near", "please NEAR/5 confirm", None, None, "please NEAR/5 confirm"),
    ("prefix", "repor*", "repor*", "repor*", "repor*"),
    ("short prefix", "co*", "co*", "co*", "co*"),
    ("CJK", "会议", "会议", "会议", "会议"),
    ("subject", "subject:re", "subject:re", "subject:re", "@subject re"),
    ("date range", "sent:2023", "date:2023-01-01..2023-12-31", "date:20230101..20231231", None),
    ("attachment", "has:attachment", "tag:attachment", "flag:attach", None),
]
COLUMN = {"everpost": 1, "notmuch": 2, "mu": 3, "sphinxsearch": 4}


def percentiles(times):
    times = sorted(times)
    return {"p50": round(statistics.median(times), 3), "p99": round(times[min(len(times) - 1, int(len(times) * 0.99))], 3)}


class Everpost:
    """Asked inside its own process: what a service would take, pages of heads with exact counts."""

    def __init__(self, program, data):
        self.program, self.data = str(program), data
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("EVERPOST_")}

    def make(self, messages):
        return measure([self.program, "--data", str(self.data), "import", "demo", "--messages", str(messages)], self.env)

    def export(self, out):
        measure([self.program, "--data", str(self.data), "export", "", "--format", "eml", "--out", str(out)], self.env)

    def ask(self, rounds):
        command = [self.program, "--data", str(self.data), "bench", "search", "--json", "--rounds", str(rounds), "--limit", str(HEADS)]
        done = subprocess.run(command, env=self.env, capture_output=True, check=False)
        if done.returncode:
            raise Failed(done.stderr.decode(errors="replace")[-2000:])
        answers = [json.loads(line) for line in done.stdout.decode().splitlines()]
        by_kind = {answer["kind"]: answer for answer in answers if answer.get("order") == "newest"}
        for kind, text, *_ in QUERIES:
            answer = by_kind[kind]
            if answer["query"] != text:
                raise Failed(f"{kind}: `everpost bench search` asks {answer['query']!r}, this script {text!r}")
            yield kind, {"p50": round(answer["p50_ms"], 3), "p99": round(answer["p99_ms"], 3)}, answer["found"]


class Notmuch:
    """Asked inside this process: exact count, then sender, subject and date of the newest."""

    def __init__(self, work, maildir):
        self.place, self.config = work / "notmuch", work / "notmuch-config"
        self.place.mkdir()
        self.config.write_text(
            f"[database]\npath={self.place}\nmail_root={maildir}\n[user]\nname=Bench\nprimary_email=bench@example.org\n"
            "[new]\ntags=\n[search]\nexclude_tags=\n"
        )

    def make(self):
        return measure(["notmuch", "new", "--quiet", "--no-hooks"], {**os.environ, "NOTMUCH_CONFIG": str(self.config)})

    def ask(self, rounds):
        import notmuch2

        with notmuch2.Database(self.place, config=self.config) as database:
            for query in QUERIES:
                text = query[COLUMN["notmuch"]]
                if text is None:
                    continue
                times = []
                for _ in range(rounds):
                    began = time.perf_counter()
                    hits = database.count_messages(text)
                    for number, message in enumerate(database.messages(text)):
                        if number == HEADS:
                            break
                        (message.header("from"), message.header("subject"), message.date)
                    times.append((time.perf_counter() - began) * 1000)
                yield query[0], percentiles(times), hits


class Mu:
    """A cold process each time: it has no other way to be asked. It does not count."""

    def __init__(self, work, maildir):
        self.place, self.maildir = work / "mu", maildir

    def make(self):
        env = dict(os.environ)
        measure(["mu", "init", f"--muhome={self.place}", f"--maildir={self.maildir}", "--my-address=bench@example.org"], env)
        return measure(["mu", "index", "--quiet", f"--muhome={self.place}"], env)

    def ask(self, rounds):
        for query in QUERIES:
            if query[COLUMN["mu"]] is None:
                continue
            times = []
            command = ["mu", "find", f"--muhome={self.place}", f"--maxnum={HEADS}", "--sortfield=date", "--reverse", query[COLUMN["mu"]]]
            for _ in range(min(rounds, 5)):
                began = time.perf_counter()
                subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
                times.append((time.perf_counter() - began) * 1000)
            yield query[0], percentiles(times), None


class Sphinx:
    """A server with an open connection, as piler uses it; it keeps no mail, only what a list shows."""

    def __init__(self, work, maildir):
        self.place, self.maildir = work / "sphinx", maildir
        self.place.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        config = self.place / "sphinx.conf"
        config.write_text(
            f"source mail {{\n type = xmlpipe2\n xmlpipe_command = cat {self.place}/mail.xml\n"
            " xmlpipe_field = subject\n xmlpipe_field = sender\n xmlpipe_field = recipients\n xmlpipe_field = body\n"
            " xmlpipe_attr_timestamp = sent\n xmlpipe_attr_string = shown\n}\n"
            f"index mail {{\n source = mail\n path = {self.place}/mail\n min_prefix_len = 2\n"
            " ngram_len = 1\n ngram_chars = U+3000..U+2FA1F\n}\n"
            f"indexer {{\n mem_limit = 256M\n max_xmlpipe2_field = 8M\n}}\n"
            f"searchd {{\n listen = 127.0.0.1:{self.port}:mysql41\n pid_file = {self.place}/pid\n log = {self.place}/log\n"
            f" binlog_path =\n}}\n"
        )
        self.config = config

    def make(self):
        with open(self.place / "mail.xml", "w", encoding="utf-8", errors="replace") as out:
            out.write('<?xml version="1.0" encoding="utf-8"?>\n<sphinx:docset>\n')
            for number, file in enumerate(sorted((self.maildir / "cur").iterdir()), 1):
                out.write(self.document(number, file.read_bytes()))
            out.write("</sphinx:docset>\n")
        return measure(["indexer", "--quiet", "--config", str(self.config), "mail"], dict(os.environ))

    @staticmethod
    def document(number, raw):
        message = email.message_from_bytes(raw, policy=email.policy.default)

        def text(value):
            kept = "".join(c if c.isprintable() or c.isspace() else " " for c in str(value or ""))
            return escape(kept.replace("\x0b", " ").replace("\x0c", " "))

        try:
            sent = int(message["date"].datetime.timestamp())
        except (AttributeError, TypeError, ValueError, OverflowError):
            sent = 0
        body = []
        for part in message.walk():
            if part.get_content_type() == "text/plain" and not part.is_attachment():
                try:
                    body.append(part.get_content())
                except (LookupError, ValueError):
                    pass
        people = " ".join(str(message[name] or "") for name in ("to", "cc"))
        return (
            f'<sphinx:document id="{number}"><subject>{text(message["subject"])}</subject><sender>{text(message["from"])}</sender>'
            f"<recipients>{text(people)}</recipients><body>{text(' '.join(body))}</body><sent>{max(sent, 0)}</sent>"
            f"<shown>{text(message['from'])} {text(message['subject'])}</shown></sphinx:document>\n"
        )

    def ask(self, rounds):
        import pymysql

        server = subprocess.Popen(["searchd", "--nodetach", "--config", str(self.config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            connection = self.connect(pymysql)
            with connection.cursor() as cursor:
                for query in QUERIES:
                    if query[COLUMN["sphinxsearch"]] is None:
                        continue
                    times = []
                    sql = f"SELECT id, sent, shown FROM mail WHERE MATCH(%s) ORDER BY sent DESC LIMIT {HEADS}"
                    for _ in range(rounds):
                        began = time.perf_counter()
                        cursor.execute(sql, (query[COLUMN["sphinxsearch"]],))
                        cursor.fetchall()
                        cursor.execute("SHOW META LIKE 'total_found'")
                        hits = int(cursor.fetchall()[0][1])
                        times.append((time.perf_counter() - began) * 1000)
                    yield query[0], percentiles(times), hits
            connection.close()
        finally:
            server.terminate()
            server.wait()

    def connect(self, pymysql):
        for attempt in range(200):
            try:
                return pymysql.connect(host="127.0.0.1", port=self.port, user="", charset="utf8")
            except pymysql.err.OperationalError:
                if attempt == 199:
                    raise
                time.sleep(0.05)
        return None


def installed(peer):
    if peer == "notmuch":
        return shutil.which("notmuch") and importlib.util.find_spec("notmuch2")
    if peer == "sphinxsearch":
        return shutil.which("searchd") and importlib.util.find_spec("pymysql")
    return shutil.which(peer)


def maildir_of(everpost, work):
    """The archive's copies as a Maildir, one file each."""
    export, maildir = work / "export", work / "Maildir"
    everpost.export(export)
    for folder in ("cur", "new", "tmp"):
        (maildir / folder).mkdir(parents=True)
    for file in export.rglob("*.eml"):
        # A file's name ends with its copy's id; the same copy lies in several folders.
        target = maildir / "cur" / f"{file.stem.rsplit('-', 1)[-1]}.bench:2,S"
        if not target.exists():
            os.link(file, target)
    shutil.rmtree(export)
    return maildir


def stage(messages, options, work):
    """One size: everybody indexes, everybody is asked."""
    everpost = Everpost(options.everpost, work / "everpost")
    made = {"everpost": everpost.make(messages)}
    tools = {"everpost": everpost}
    if messages <= PEERS_UP_TO:
        maildir = maildir_of(everpost, work)
        for peer, kind in (("notmuch", Notmuch), ("mu", Mu), ("sphinxsearch", Sphinx)):
            if peer in options.peers:
                tools[peer] = kind(work, maildir)
                made[peer] = tools[peer].make()
    times, hits = {}, {}
    for name, tool in tools.items():
        for kind, found, count in tool.ask(options.rounds):
            times.setdefault(kind, {})[name] = found
            if count is not None:
                hits.setdefault(kind, {})[name] = count
    print(f"{messages:,} messages; made in CPU s: " + ", ".join(f"{name} {step['cpu']:.0f}" for name, step in made.items()) + "\n")
    rows = [["query, p50 / p99 ms", *tools, *(f"hits {name}" for name in tools if name != "mu")]]
    for kind, by_tool in times.items():
        cells = [f"{by_tool[name]['p50']:.2f} / {by_tool[name]['p99']:.2f}" if name in by_tool else "-" for name in tools]
        rows.append([kind, *cells, *(hits.get(kind, {}).get(name, "-") for name in tools if name != "mu")])
    table(rows)
    own = [by_tool["everpost"] for by_tool in times.values()]
    worst = {"p50": round(statistics.median(found["p50"] for found in own), 3), "p99": max(found["p99"] for found in own)}
    print(f"everpost: median of p50 {worst['p50']} ms, largest p99 {worst['p99']} ms; {made['everpost']['cpu'] / messages * 1000:.3f} CPU ms a message\n")
    return {
        "messages": messages,
        "cpu_ms_a_message": round(made["everpost"]["cpu"] / messages * 1000, 4),
        "made": {name: {key: round(value, 2) for key, value in step.items()} for name, step in made.items()},
        "index_bytes": tree_bytes(work / "everpost/objects/splits"),
        "ms": times,
        "hits": hits,
        **worst,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", default="10000,100000", help="sizes, separated by commas (10000,100000)")
    parser.add_argument("--everpost", type=Path, help="the program; default: target/release/everpost")
    parser.add_argument("--rounds", type=int, default=100, help="how often each query is asked (100)")
    parser.add_argument("--only", default=",".join(PEERS), help="peers to run, separated by commas")
    parser.add_argument("--work", type=Path, help="where to make the temporary folder (needs 10 GB for 100,000 messages)")
    parser.add_argument("--no-history", action="store_true", help="add nothing to bench/history.ndjson")
    options = parser.parse_args()
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    options.everpost = (options.everpost or target / "release/everpost").resolve()
    wanted = [peer for peer in options.only.split(",") if peer]
    options.peers = [peer for peer in wanted if installed(peer)]
    missing = [peer for peer in wanted if peer not in options.peers]
    if missing:
        print(f"not installed, left out: {', '.join(missing)}")
    stages = []
    for messages in (int(size) for size in options.messages.split(",")):
        work = Path(tempfile.mkdtemp(prefix="everpost-bench-", dir=options.work))
        try:
            stages.append(stage(messages, options, work))
        except Failed as failure:
            sys.exit(str(failure))
        finally:
            clear(work)
    if len(stages) > 1:
        ratio = stages[-1]["cpu_ms_a_message"] / stages[0]["cpu_ms_a_message"]
        print(f"CPU a message, {stages[-1]['messages']:,} by {stages[0]['messages']:,}: {ratio:.2f}")
    if not options.no_history:
        record({
            "date": now(),
            "kind": "search",
            "commit": git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else ""),
            "machine": {**machine(), "load": [round(load, 2) for load in os.getloadavg()[:2]]},
            "versions": {"everpost": version([str(options.everpost), "--version"]), **{peer: version([{"sphinxsearch": "searchd"}.get(peer, peer), "--version"]) for peer in options.peers}},
            "missing": missing,
            "rounds": options.rounds,
            "stages": stages,
        })


if __name__ == "__main__":
    main()
