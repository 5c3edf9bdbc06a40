#!/usr/bin/env python3
"""Everpost beside notmuch, mu, restic and borg on the same mail, in the same run.

    bench/run.py [CORPUS] [--quick] [--runs N] [--everpost BIN]

CORPUS is an mbox (also .zst), a Maildir or a folder of message files. See bench/README.md.
Python 3.9 and its standard library, Linux.
"""

import argparse
import datetime
import json
import os
import platform
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
MAILBOX = "bench@example.org"
PEERS = ["notmuch", "mu", "restic", "borg"]

# What is asked of each, in its own language. Cold process each time, at most 50 hits listed.
QUERIES = [
    ("kernel", "kernel", "kernel", "kernel"),
    ("subject:patch", "subject:patch", "subject:patch", "subject:patch"),
    ('"out of memory"', '"out of memory"', '"out of memory"', '"out of memory"'),
    ("raid5 resync", "raid5 and resync", "raid5 AND resync", "raid5 resync"),
    ("from:gmail.com", "from:gmail.com", "from:gmail.com", "from:gmail.com"),
    ("2002..2003", "date:2002..2003", "date:20020101..20031231", "sent:2002..2003"),
]


class Failed(Exception):
    """A tool did not do its work."""


def measure(command, env):
    """Runs a command; wall and CPU seconds and peak RSS of it and what it waited for."""
    os.sync()
    log = tempfile.TemporaryFile()
    began = time.monotonic()
    child = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        log.seek(0)
        text = log.read().decode(errors="replace")[-2000:]
        raise Failed(f"{command[0]} ended with {child.returncode}: {text}")
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "rss": usage.ru_maxrss * 1024}


def add(one, other):
    """Two commands as one step."""
    sums = {key: one[key] + other[key] for key in ("wall", "cpu")}
    return {**sums, "rss": max(one["rss"], other["rss"])}


def tree_bytes(path):
    """Bytes of all files below a path; what a file holds, not the blocks it takes."""
    path = Path(path)
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file() and not file.is_symlink())


def clear(*paths):
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists():
            path.unlink()


# -- the corpus ---------------------------------------------------------------------------


def default_corpus():
    folder = os.environ.get("EVERPOST_CORPUS")
    if folder:
        for name in ("linux-raid.mbox.zst", "linux-raid.mbox"):
            if (Path(folder) / name).exists():
                return Path(folder) / name
    named = os.environ.get("EVERPOST_SPAMASSASSIN")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    places = [Path(named)] if named else sorted(cache.glob("**/datasets-spam-assassin-*"))
    for place in places:
        if (place / "data").is_dir():
            return place / "data"
    sys.exit("no corpus: name one, set EVERPOST_CORPUS, or run .ci/run once (it fetches one)")


def split_mbox(data):
    """Messages of an mboxrd with their From_ lines, unquoted."""
    starts = [0] if data.startswith(b"From ") else []
    starts += [match.start() + 2 for match in re.finditer(rb"\n\nFrom ", data)]
    for start, end in zip(starts, starts[1:] + [len(data)]):
        text = data[start:end]
        body = text.find(b"\n") + 1
        yield re.sub(rb"(?m)^>(>*From )", rb"\1", text[body:].removesuffix(b"\n"))


def messages_of(corpus):
    """The messages of a corpus, one after the other."""
    if corpus.is_file():
        if corpus.suffix == ".zst":
            data = subprocess.run(["zstd", "-dcq", "--long=27", str(corpus)], check=True, capture_output=True).stdout
        else:
            data = corpus.read_bytes()
        yield from split_mbox(data)
        return
    for file in sorted(path for path in corpus.rglob("*") if path.is_file() and path.suffix != ".json"):
        raw = file.read_bytes()
        if raw.startswith(b"From "):
            raw = raw[raw.find(b"\n") + 1 :]
        if raw:
            yield raw


def prepare(corpus, work):
    """The same messages as an mbox and as a Maildir; returns their number and bytes."""
    maildir, mbox = work / "Maildir", work / "corpus.mbox"
    for folder in ("cur", "new", "tmp"):
        (maildir / folder).mkdir(parents=True)
    count = size = 0
    with open(mbox, "wb") as out:
        for count, raw in enumerate(messages_of(corpus), 1):
            raw = raw.replace(b"\r\n", b"\n")
            size += len(raw)
            (maildir / "cur" / f"{1000000000 + count}.{count}.bench:2,S").write_bytes(raw)
            out.write(b"From MAILER-DAEMON Thu Jan  1 00:00:00 2015\n")
            out.write(re.sub(rb"(?m)^(>*From )", rb">\1", raw))
            out.write(b"\n" if raw.endswith(b"\n") else b"\n\n")
    if not count:
        sys.exit(f"{corpus}: no message found")
    return maildir, mbox, count, size


# -- the tools ----------------------------------------------------------------------------


class Bench:
    """Where everything lies, and how each tool is run from nothing."""

    def __init__(self, work, everpost, maildir, mbox):
        self.work, self.everpost, self.maildir, self.mbox = work, everpost, maildir, mbox
        self.data, self.notmuch_config = work / "everpost", work / "notmuch-config"
        self.notmuch_dir, self.mu_dir = work / "notmuch", work / "mu"
        self.restic_dir, self.borg_dir = work / "restic", work / "borg"
        home = work / "home"
        home.mkdir()
        self.env = {
            **{key: value for key, value in os.environ.items() if not key.startswith("EVERPOST_")},
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / "cache"),
            "NOTMUCH_CONFIG": str(self.notmuch_config),
            "RESTIC_PASSWORD": "bench",
            "BORG_PASSPHRASE": "bench",
            "BORG_BASE_DIR": str(home),
        }
        self.notmuch_config.write_text(
            f"[database]\npath={self.notmuch_dir}\nmail_root={maildir}\n"
            f"[user]\nname=Bench\nprimary_email={MAILBOX}\n[new]\ntags=\n[search]\nexclude_tags=\n"
        )

    def run(self, *command):
        return measure([str(word) for word in command], self.env)

    def import_everpost(self):
        clear(self.data, self.data.with_name("everpost.key"))
        return self.run(self.everpost, "--data", self.data, "import", "mbox", self.mbox, "--mailbox", MAILBOX, "--no-extract")

    def import_notmuch(self):
        clear(self.notmuch_dir)
        self.notmuch_dir.mkdir()
        return self.run("notmuch", "new", "--quiet", "--no-hooks")

    def import_mu(self):
        clear(self.mu_dir)
        init = self.run("mu", "init", f"--muhome={self.mu_dir}", f"--maildir={self.maildir}", f"--my-address={MAILBOX}")
        return add(init, self.run("mu", "index", "--quiet", f"--muhome={self.mu_dir}"))

    def import_restic(self, compression="auto"):
        clear(self.restic_dir)
        self.run("restic", "-q", "-r", self.restic_dir, "init")
        backup = ["restic", "-q", "--no-cache", "-r", self.restic_dir, "--compression", compression]
        return self.run(*backup, "backup", self.maildir)

    def import_borg(self):
        clear(self.borg_dir)
        self.run("borg", "init", "-e", "repokey-blake2", self.borg_dir)
        return self.run("borg", "create", "-C", "zstd,3", f"{self.borg_dir}::bench", self.maildir)

    def place(self, tool):
        return {
            "everpost": self.data,
            "notmuch": self.notmuch_dir,
            "mu": self.mu_dir,
            "restic": self.restic_dir,
            "borg": self.borg_dir,
        }[tool]

    def has_command(self, *command):
        done = subprocess.run(
            [self.everpost, *command, "--help"], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        return done.returncode == 0

    def parts(self):
        """What an archive is made of, in bytes; the catalog as it is after VACUUM."""
        objects = self.data / "objects"
        copy = self.work / "catalog.db"
        clear(copy)
        source = sqlite3.connect(f"file:{self.data / 'catalog.db'}?mode=ro", uri=True)
        with sqlite3.connect(copy) as target:
            source.backup(target)
        target.execute("VACUUM")
        target.close()
        source.close()
        sizes = {name: tree_bytes(objects / name) for name in ("packs", "tiles", "splits")}
        return {"packs": sizes["packs"], "catalog": tree_bytes(copy), "log": sizes["tiles"], "index": sizes["splits"]}

    def query(self, tool, text):
        if tool == "everpost":
            command = [self.everpost, "--data", self.data, "search", text, "--limit", "50", "--json"]
        elif tool == "notmuch":
            command = ["notmuch", "search", "--limit=50", text]
        elif tool == "notmuch count":
            command = ["notmuch", "count", text]
        else:
            command = ["mu", "find", f"--muhome={self.mu_dir}", "--maxnum=50", text]
        began = time.monotonic()
        done = subprocess.run([str(word) for word in command], env=self.env, capture_output=True, check=False)
        took = (time.monotonic() - began) * 1000
        # mu ends with 2 (older: 4) where nothing was found.
        if done.returncode not in ((0, 2, 4) if tool == "mu" else (0,)):
            raise Failed(f"{tool}: {done.stderr.decode(errors='replace')[-500:]}")
        hits = None
        if tool == "everpost":
            hits = json.loads(done.stdout.decode().splitlines()[-1])["total"]
        elif tool == "notmuch count":
            hits = int(done.stdout)
        return took, hits


# -- the report ---------------------------------------------------------------------------


def summary(runs):
    out = {key: [round(run[key], 3) for run in runs] for key in ("wall", "cpu")}
    out["rss"] = max(run["rss"] for run in runs)
    out["wall_median"] = round(statistics.median(out["wall"]), 3)
    out["cpu_median"] = round(statistics.median(out["cpu"]), 3)
    return out


def megabytes(size):
    return f"{size / 1e6:.1f}"


def table(rows):
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [str(cell).ljust(width) if at == 0 else str(cell).rjust(width) for at, (cell, width) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())
    print()


def version(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return (done.stdout or done.stderr).strip().splitlines()[0]
    except (OSError, IndexError):
        return ""


def machine():
    model = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {"cpu": model, "cores": len(os.sched_getaffinity(0)), "kernel": platform.release()}


def git(*words):
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False).stdout.strip()


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def record(entry):
    """Adds a line to the history."""
    with open(HERE / "history.ndjson", "a", encoding="utf-8") as out:
        out.write(json.dumps(entry) + "\n")


def search(bench, tools, rounds):
    """Median milliseconds of each query, cold process each; hits where they are told."""
    asked = [tool for tool in ("everpost", "notmuch", "notmuch count", "mu") if tool.split()[0] in tools]
    column = {"notmuch": 1, "notmuch count": 1, "mu": 2, "everpost": 3}
    found, rows = {}, [["query (ms, median, cold process)", *asked, "hits everpost", "notmuch"]]
    for query in QUERIES:
        times, hits = {tool: [] for tool in asked}, {}
        for _ in range(rounds):
            for tool in asked:
                took, count = bench.query(tool, query[column[tool]])
                times[tool].append(took)
                hits[tool] = count
        medians = {tool: round(statistics.median(times[tool]), 1) for tool in asked}
        found[query[0]] = {"ms": medians, "hits": {tool: count for tool, count in hits.items() if count is not None}}
        rows.append([query[0], *medians.values(), hits.get("everpost", "-"), hits.get("notmuch count", "-")])
    table(rows)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", nargs="?", type=Path)
    parser.add_argument("--everpost", type=Path, help="the program; default: target/release/everpost")
    parser.add_argument("--runs", type=int, default=3, help="repetitions of each import (3)")
    parser.add_argument("--quick", action="store_true", help="one repetition, without the slow sizes")
    parser.add_argument("--only", default=",".join(PEERS), help="peers to run, separated by commas")
    parser.add_argument("--work", type=Path, help="where to make the temporary folder (needs 4 times the mail)")
    parser.add_argument("--no-history", action="store_true", help="add nothing to bench/history.ndjson")
    parser.add_argument("--alone", action="store_true", help="raise this session above others (root): quieter figures")
    options = parser.parse_args()
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    everpost = (options.everpost or target / "release/everpost").resolve()
    if not everpost.exists():
        sys.exit(f"{everpost} is missing: cargo build --release")
    if options.alone:
        Path("/proc/self/autogroup").write_text("-19")
        os.nice(-19)
    corpus = (options.corpus or default_corpus()).resolve()
    wanted = [peer for peer in options.only.split(",") if peer]
    missing = [peer for peer in wanted if not shutil.which(peer)]
    if missing:
        print(f"not installed, left out: {', '.join(missing)}")
    tools = ["everpost", *(peer for peer in wanted if peer not in missing)]
    work = Path(tempfile.mkdtemp(prefix="everpost-bench-", dir=options.work))
    try:
        report(options, corpus, everpost, tools, missing, work)
    except Failed as failure:
        sys.exit(str(failure))
    finally:
        shutil.rmtree(work, ignore_errors=True)


def report(options, corpus, everpost, tools, missing, work):
    maildir, mbox, count, size = prepare(corpus, work)
    bench = Bench(work, str(everpost), maildir, mbox)
    runs = 1 if options.quick else max(1, options.runs)
    load = os.getloadavg()[0]
    print(f"{corpus.name}: {count:,} messages, {size:,} bytes; {runs} runs, load {load:.1f}\n")
    measured = {tool: [] for tool in tools}
    for number in range(runs):
        # In turn, and the other way round the next time, so that no tool always follows another.
        for tool in tools if number % 2 == 0 else reversed(tools):
            measured[tool].append(getattr(bench, f"import_{tool}")())
    found = {tool: {**summary(measured[tool]), "bytes": tree_bytes(bench.place(tool))} for tool in tools}
    rows = [["import, from nothing", "wall s", "CPU s", "peak MB", "disk MB", "MB/s", "msg/s"]]
    for tool, figures in found.items():
        wall = figures["wall_median"]
        row = [tool, f"{wall:.2f}", f"{figures['cpu_median']:.2f}", megabytes(figures["rss"])]
        rows.append([*row, megabytes(figures["bytes"]), f"{size / 1e6 / wall:.1f}", f"{count / wall:,.0f}"])
    table(rows)
    goals = {"notmuch": 10.0, "mu": 6.0, "restic": 1.0}
    ratios, rows = {}, [["everpost is faster by", "wall", "CPU", "goal (wall)"]]
    for tool in tools[1:]:
        ratio = {key: round(found[tool][f"{key}_median"] / found["everpost"][f"{key}_median"], 2) for key in ("wall", "cpu")}
        ratios[tool] = ratio
        rows.append([tool, f"{ratio['wall']:.1f}", f"{ratio['cpu']:.1f}", goals.get(tool, "")])
    if ratios:
        table(rows)

    asked = search(bench, tools, 3 if options.quick else 7)

    sizes = {"import": bench.parts()}
    if bench.has_command("compact"):
        compact = bench.run(everpost, "--data", bench.data, "compact")
        sizes["compact"] = bench.parts()
        found["compact"] = summary([compact])
    if "restic" in tools and not options.quick:
        found["restic max"] = summary([bench.import_restic("max")])
        found["restic max"]["bytes"] = tree_bytes(bench.restic_dir)
    last = sizes.get("compact", sizes["import"])
    kinds = ["packs", "catalog", "log", "index"]
    rows = [["stored MB (of raw)", *kinds, "without index", "all"]]
    for state, parts in sizes.items():
        values = [*(parts[kind] for kind in kinds), sum(parts.values()) - parts["index"], sum(parts.values())]
        rows.append([f"after {state}", *(f"{megabytes(value)} ({value / size:.3f})" for value in values)])
    table(rows)
    stored = {"sql_bytes_per_message": round(last["catalog"] / count, 1), "packs_of_raw": round(last["packs"] / size, 4)}
    print(f"SQL bytes a message: {stored['sql_bytes_per_message']} (goal on linux-raid: below 900)")
    for peer in ("restic", "restic max", "borg"):
        if peer in found:
            stored[f"packs_of_{peer.replace(' ', '_')}"] = round(last["packs"] / found[peer]["bytes"], 3)
            print(f"packs / {peer}: {last['packs'] / found[peer]['bytes']:.3f}")
    entry = {
        "date": now(),
        "commit": git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else ""),
        "machine": {**machine(), "load": [round(load, 2), round(os.getloadavg()[0], 2)], "alone": options.alone},
        "corpus": {"name": corpus.name, "messages": count, "bytes": size},
        "versions": {
            "everpost": version([str(everpost), "--version"]),
            **{tool: version([tool, "version" if tool == "restic" else "--version"]) for tool in tools[1:]},
        },
        "missing": missing,
        "runs": runs,
        "import": found,
        "ratios": ratios,
        "search": asked,
        "stored": {**sizes, **stored},
    }
    if not options.no_history:
        record(entry)


if __name__ == "__main__":
    main()
