#!/usr/bin/env python3
"""How fast several nodes over one database and one object store take mail in, beside one embedded node.

    bench/nodes.py [CORPUS] --catalog postgres://… --objects s3://…/PREFIX [--nodes N] [--runs N] [--everpost BIN] [--work DIR]

Each run wants a database and a prefix of its own: `{run}` in both addresses is replaced by the run's number,
and the databases must be there and empty. Key and secret come from AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY. See bench/README.md. Python 3.9 and its standard library, Linux.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from run import ROOT, Failed, default_corpus, git, machine, messages_of, now, record, table, version


def boxes(corpus, work, count):
    """The mail of a corpus in one mbox, and dealt out to `count` of them."""
    whole = work / "whole.mbox"
    shares = [work / f"share{number}.mbox" for number in range(count)]
    files = [open(path, "wb") for path in (whole, *shares)]
    messages = 0
    for messages, raw in enumerate(messages_of(corpus), 1):
        raw = raw.replace(b"\r\n", b"\n")
        item = b"From MAILER-DAEMON Thu Jan  1 00:00:00 2015\n" + re.sub(rb"(?m)^(>*From )", rb">\1", raw)
        item += b"\n" if raw.endswith(b"\n") else b"\n\n"
        files[0].write(item)
        # In runs, as mail of one server comes to one node.
        files[1 + messages // 64 % count].write(item)
    for file in files:
        file.close()
    if not messages:
        sys.exit(f"{corpus}: no message found")
    return whole, shares, messages


def import_all(commands, options):
    """Seconds until all of these imports have ended."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("EVERPOST_")}
    os.sync()
    began = time.monotonic()
    running = []
    for number, (command, mbox) in enumerate(commands):
        command = [*command, "import", "mbox", str(mbox), "--mailbox", f"node{number}@example.org", "--no-extract", *options]
        running.append(subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
    said = [child.communicate()[1] for child in running]
    for child, errors in zip(running, said):
        if child.returncode:
            raise Failed(errors[-2000:])
    return time.monotonic() - began


def one_run(program, work, number, options, boxes):
    """Seconds of one embedded node and of several, with the index and without waiting for it."""
    whole, shares = boxes
    seconds = {}
    for way, extra in (("indexed", []), ("acknowledged", ["--no-wait"])):
        near = work / f"near-{number}-{way}"
        seconds["one", way] = import_all([([str(program), "--data", str(near)], whole)], extra)
        shutil.rmtree(near)
        place = f"{number}{way[0]}"
        servers = ["--catalog", options.catalog.format(run=place), "--objects", options.objects.format(run=place)]
        key = work / f"{place}.key"
        nodes = [[str(program), "--data", str(work / f"far-{place}-{node}"), "--key", str(key), *servers] for node in range(len(shares))]
        # The first makes the archive.
        subprocess.run([*nodes[0], "import", "demo", "--messages", "0"], check=True, capture_output=True)
        seconds["several", way] = import_all(list(zip(nodes, shares)), extra)
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", nargs="?", type=Path)
    parser.add_argument("--catalog", required=True)
    parser.add_argument("--objects", required=True)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--everpost", type=Path, help="the program; default: target/release/everpost")
    parser.add_argument("--work", type=Path, help="where to make the temporary folder")
    parser.add_argument("--no-history", action="store_true", help="add nothing to bench/history.ndjson")
    options = parser.parse_args()
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    program = (options.everpost or target / "release/everpost").resolve()
    corpus = options.corpus or default_corpus()
    work = Path(tempfile.mkdtemp(prefix="everpost-nodes-", dir=options.work))
    try:
        whole, shares, messages = boxes(corpus, work, options.nodes)
        runs = [one_run(program, work, number, options, (whole, shares)) for number in range(options.runs)]
    except Failed as failure:
        sys.exit(str(failure))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    rows, ratios = [["messages/s", "one embedded", f"{options.nodes} nodes", "ratio"]], {}
    for way in ("indexed", "acknowledged"):
        one, several = (statistics.median(run[who, way] for run in runs) for who in ("one", "several"))
        ratios[way] = round(one / several, 2)
        rows.append([way, f"{messages / one:,.0f}", f"{messages / several:,.0f}", f"{ratios[way]:.2f}"])
    table(rows)
    print(f"{messages:,} messages, median of {options.runs}: {options.nodes} nodes by one, {ratios['indexed']} with the index (goal: 0.7)")
    if not options.no_history:
        entry = {
            "date": now(),
            "bench": "nodes",
            "commit": git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else ""),
            "machine": {**machine(), "load": [round(load, 2) for load in os.getloadavg()[:2]]},
            "versions": {"everpost": version([str(program), "--version"])},
            "corpus": corpus.name,
            "messages": messages,
            "nodes": options.nodes,
            "runs": options.runs,
            "seconds": [{f"{who} {way}": round(value, 2) for (who, way), value in run.items()} for run in runs],
            "ratios": ratios,
        }
        record(entry)


if __name__ == "__main__":
    main()
