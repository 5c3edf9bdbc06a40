#!/usr/bin/env python3
"""What attachments cost to take in, kind by kind, beside the usual tool for each kind.

    bench/attachments.py [--messages N] [--runs N] [--only KIND,KIND] [--everpost BIN] [--work DIR]

Each kind is the same mail with the same texts, put into files of that kind. See bench/README.md.
Python 3.9 and its standard library, Linux; tools are used where they are installed (Debian:
poppler-utils docx2txt odt2txt unrtf catdoc w3m unzip).
"""

import argparse
import email
import email.message
import email.policy
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from itertools import accumulate
from pathlib import Path

import documents
from run import MAILBOX, ROOT, Bench, Failed, clear, git, machine, measure, megabytes, now, record, summary, table, version

# Stands in the last line of every attachment and nowhere else; no made word can be it.
MARKER = "xyzzymark"
BASELINE = "no attachment"
OFFICE = "application/vnd.openxmlformats-officedocument."

# Kind: maker, ending, media type, and what else makes text of it ({} is the file).
KINDS = {
    "text": (lambda lines: ("\n".join(lines) + "\n").encode(), "txt", "text/plain", None),
    "HTML": (documents.html, "html", "text/html", "w3m -dump -T text/html {}"),
    "CSV": (documents.table, "csv", "text/csv", None),
    "PDF": (documents.pdf, "pdf", "application/pdf", "pdftotext {} -"),
    "DOCX": (documents.docx, "docx", OFFICE + "wordprocessingml.document", "docx2txt {} -"),
    "XLSX": (documents.xlsx, "xlsx", OFFICE + "spreadsheetml.sheet", None),
    "PPTX": (documents.pptx, "pptx", OFFICE + "presentationml.presentation", None),
    "DOC": (documents.doc, "doc", "application/msword", "catdoc {}"),
    "XLS": (documents.xls, "xls", "application/vnd.ms-excel", "xls2csv {}"),
    "PPT": (documents.ppt, "ppt", "application/vnd.ms-powerpoint", "catppt {}"),
    "ODT": (documents.odt, "odt", "application/vnd.oasis.opendocument.text", "odt2txt {}"),
    "RTF": (documents.rtf, "rtf", "application/rtf", "unrtf --text {}"),
    "message": (documents.letter, "eml", "message/rfc822", None),
    "EML file": (documents.letter, "eml", "application/octet-stream", None),
    "ZIP of texts": (documents.texts, "zip", "application/zip", "unzip -p {}"),
    "TNEF": (documents.tnef, "dat", "application/ms-tnef", None),
}


def words(chance, count):
    """Made words, each once."""
    found, parts = {}, ("bdfgklmnprstvz", "aeiou", ("", "", "n", "r", "s"))
    while len(found) < count:
        syllables = chance.choice((1, 2, 2, 3, 3, 4))
        found["".join(chance.choice(part) for _ in range(syllables) for part in parts)] = None
    return list(found)


def made_texts(messages, size, seed):
    """Texts of about `size` bytes in lines, no two alike: 20,000 words, as frequent as words are."""
    chance = random.Random(seed)
    known = words(chance, 20_000)
    weights = list(accumulate(1 / (rank + 3) for rank in range(len(known))))
    for number in range(messages):
        lines, length = [f"Document {seed}.{number}"], 0
        while length < size:
            lines.append(" ".join(chance.choices(known, cum_weights=weights, k=12)) + ".")
            length += len(lines[-1]) + 1
        yield [*lines, f"This is the last line {MARKER}"]


def mail(number, attached=None, name="", media=""):
    """The message `number`, with a file."""
    message = email.message.EmailMessage(policy=email.policy.SMTP.clone(linesep="\n"))
    message["From"], message["To"] = f"Sender {number % 50} <sender{number % 50}@example.org>", MAILBOX
    message["Date"] = f"Mon, {1 + number % 28:02} Jan 2024 {number % 24:02}:{number % 60:02}:00 +0000"
    message["Message-ID"], message["Subject"] = f"<{number}@bench.example.org>", f"Message {number} of the bench"
    message.set_content(f"Hello,\n\nthis is message {number}, and a file may come with it.\n\nRegards\n")
    if attached is not None:
        if media == "message/rfc822":
            message.add_attachment(email.message_from_bytes(attached, policy=message.policy))
        else:
            message.add_attachment(attached, *media.split("/"), filename=name)
        message.set_boundary(f"=-bench-{number}")
    return message.as_bytes()


def write_mbox(path, messages):
    with open(path, "wb") as out:
        for raw in messages:
            out.write(b"From MAILER-DAEMON Thu Jan  1 00:00:00 2015\n")
            out.write(re.sub(rb"(?m)^(>*From )", rb">\1", raw) + b"\n")


class Subject:
    """One kind: its mail, its files for the other tool, and what was measured of it."""

    def __init__(self, kind, work, everpost, texts):
        self.kind, self.folder = kind, work / kind.replace(" ", "-")
        self.folder.mkdir()
        self.bench = Bench(self.folder, everpost, self.folder, self.folder / "mbox")
        self.whole, self.stored, self.peers = [], [], []
        self.size, self.peer = 0, None
        if kind == BASELINE:
            write_mbox(self.bench.mbox, (mail(number) for number in range(len(texts))))
            return
        make, ending, media, command = KINDS[kind]
        self.tool = command and command.split()[0]
        if self.tool and shutil.which(self.tool):
            self.peer = command
        files = [make(lines) for lines in texts]
        if len(set(files)) < len(files):
            raise Failed(f"{kind}: two files are the same")
        self.size = sum(map(len, files)) / len(files)
        write_mbox(self.bench.mbox, (mail(number, file, f"file {number}.{ending}", media) for number, file in enumerate(files)))
        if self.peer:
            (self.folder / "files").mkdir()
            for number, file in enumerate(files):
                (self.folder / f"files/{number}.{ending}").write_bytes(file)

    def run(self):
        """From nothing, twice: without a look at attachments, and whole, which stays."""
        bench = self.bench
        clear(bench.data, bench.data.with_name("everpost.key"))
        command = [bench.everpost, "--data", bench.data, "import", "mbox", bench.mbox, "--mailbox", MAILBOX, "--no-extract"]
        self.stored.append(bench.run(*command))
        self.whole.append(bench.import_everpost())
        if self.peer:
            loop = f'cd "$1" && for file in *; do {self.peer.format(chr(34) + "$file" + chr(34))} > ../out-"$file" || exit 1; done'
            self.peers.append(measure(["sh", "-c", loop, "sh", str(self.folder / "files")], bench.env))

    def read_by_peer(self):
        return sum(MARKER.encode() in file.read_bytes() for file in self.folder.glob("out-*"))

    def check(self, messages):
        """What `search` finds of the marker and what was read; wrong is what is not `messages` in all."""
        bench = self.bench
        _, hits = bench.query("everpost", MARKER)
        command = [bench.everpost, "--data", str(bench.data), "status", "--json"]
        done = subprocess.run(command, env=bench.env, capture_output=True, check=False)
        if done.returncode:
            raise Failed(done.stderr.decode(errors="replace")[-500:])
        status = json.loads(done.stdout.decode().splitlines()[-1])
        read, wrong = status["attachments"], []
        expected = 0 if self.kind == BASELINE else messages
        if status["messages"] != messages:
            wrong.append(f"{status['messages']:,} of {messages:,} messages came in")
        if hits != expected:
            wrong.append(f"the word of {expected:,} attachments is found in {hits:,}")
        if read["unknown"] or read["pending_copies"] or read["unreadable_copies"]:
            wrong.append(f"not everything was read: {read}")
        return hits, read["read"], [f"{self.kind}: {what}" for what in wrong]


def report(options, kinds, everpost, work):
    messages, load = options.messages, os.getloadavg()[0]
    texts = list(made_texts(messages, options.size, options.seed))
    text = sum(len(line) + 1 for lines in texts for line in lines)
    subjects = [Subject(kind, work, everpost, texts) for kind in (BASELINE, *kinds)]
    print(f"{messages:,} messages a kind, {text / messages / 1000:.1f} kB of text in each attachment; {options.runs} runs, load {load:.1f}")
    missing = sorted({subject.tool for subject in subjects[1:] if subject.tool and not subject.peer})
    if missing:
        print(f"not installed, left out: {', '.join(missing)}")
    print()
    for number in range(options.runs):
        # In turn, and the other way round the next time.
        for subject in subjects if number % 2 == 0 else reversed(subjects):
            subject.run()
    base, found, failures = subjects[0], {}, []
    rows = [["", "file", "import", "messages", "text", "CPU ms an attachment", "", "of it", "peak", "read by", "", "CPU ms"]]
    rows.append(["kind", "kB", "wall s", "/s", "MB/s", "all", "no-extract", "extract", "MB", "children", "other tool", "a file"])
    for subject in subjects:
        hits, read, wrong = subject.check(messages)
        failures += wrong
        whole, stored = summary(subject.whole), summary(subject.stored)

        def over(one, other):
            return round((one["cpu_median"] - summary(other)["cpu_median"]) / messages * 1000, 3)

        wall = whole["wall_median"]
        figures = {"file_bytes": round(subject.size), "import": whole, "no_extract": stored, "hits": hits, "read": read}
        figures["messages_a_second"] = round(messages / wall, 1)
        row = [subject.kind, f"{subject.size / 1000:.1f}", f"{wall:.2f}", f"{messages / wall:,.0f}"]
        if subject is base:
            row += ["-"] * 4
        else:
            cost, store = over(whole, base.whole), over(stored, base.stored)
            figures |= {"text_mb_a_second": round(text / 1e6 / wall, 2), "cpu_ms": cost, "cpu_ms_store": store, "cpu_ms_read": round(cost - store, 3)}
            row += [f"{text / 1e6 / wall:.1f}", f"{cost:.2f}", f"{store:.2f}", f"{cost - store:.2f}"]
        row += [megabytes(whole["rss"]), f"{read:,}"]
        if subject.peer:
            took = round(statistics.median(run["cpu"] for run in subject.peers) / messages * 1000, 3)
            figures["peer"] = {"command": subject.peer, "cpu_ms": took, "read": subject.read_by_peer()}
            row += [subject.tool, f"{took:.2f}"]
            if figures["peer"]["read"] != messages:
                row[-1] += f" (found in {figures['peer']['read']:,})"
        else:
            row += ["-", "-"]
        found[subject.kind] = figures
        rows.append(row)
    table(rows)
    print("CPU time is over that of the same mail without attachments. Everpost: decoded, stored, encrypted, read in children")
    print("with limits, text sealed and indexed, all durable. The other tool: text only, a process for each file.")
    if failures:
        raise Failed("\n".join(failures))
    if not options.no_history:
        record({
            "date": now(),
            "kind": "attachments",
            "commit": git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else ""),
            "machine": {**machine(), "load": [round(load, 2), round(os.getloadavg()[0], 2)]},
            "versions": {"everpost": version([everpost, "--version"])},
            "missing": missing,
            "runs": options.runs,
            "seed": options.seed,
            "messages": messages,
            "text_bytes": text,
            "kinds": found,
        })


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=500, help="messages of each kind (500)")
    parser.add_argument("--size", type=int, default=20_000, help="bytes of text in each attachment (20,000)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--runs", type=int, default=3, help="repetitions of each import (3)")
    parser.add_argument("--only", default=",".join(KINDS), help="kinds, separated by commas")
    parser.add_argument("--everpost", type=Path, help="the program; default: target/release/everpost")
    parser.add_argument("--work", type=Path, help="where to make the temporary folder (needs 1 GB)")
    parser.add_argument("--no-history", action="store_true", help="add nothing to bench/history.ndjson")
    options = parser.parse_args()
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    everpost = (options.everpost or target / "release/everpost").resolve()
    if not everpost.exists():
        sys.exit(f"{everpost} is missing: cargo build --release")
    kinds = [kind for kind in options.only.split(",") if kind]
    for kind in kinds:
        if kind not in KINDS:
            sys.exit(f"{kind}: no such kind; there are {', '.join(KINDS)}")
    options.messages, options.runs = max(1, options.messages), max(1, options.runs)
    work = Path(tempfile.mkdtemp(prefix="everpost-bench-", dir=options.work))
    try:
        report(options, kinds, str(everpost), work)
    except Failed as failure:
        sys.exit(str(failure))
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
