#!/usr/bin/env python3
"""How fast a mailbox is read over IMAP, beside Dovecot, in the same run: both hold the same messages.

    bench/imap.py [CORPUS] [--copies N] [--runs N] [--everpost BIN] [--work DIR] [--alone]

Root, since Dovecot starts only so. See bench/README.md. Python 3.9 and its standard library, Linux.
"""

import argparse
import json
import os
import pwd
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from run import ROOT, default_corpus, git, machine, messages_of, now, record, table, version

USER, PASSWORD = "ann@example.test", "a long enough secret"
NAMES = ["everpost", "dovecot"]
# What a program asks of a whole mailbox, and how many bytes it may leave unread meanwhile.
ASKED = {
    "whole messages": "UID FETCH 1:* (FLAGS INTERNALDATE BODY.PEEK[])",
    "flags": "UID FETCH 1:* (FLAGS)",
    "envelopes": "FETCH 1:* (ENVELOPE RFC822.SIZE)",
    "header fields": "UID FETCH 1:* (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Subject Date Message-ID References)])",
    "search in headers": "UID SEARCH SUBJECT patch",
    "search in bodies": 'UID SEARCH BODY "out of memory"',
}
BATCH = 200

DOVECOT = """\
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%n
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/mail/%n
}}
service imap-login {{
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
"""


class Failed(Exception):
    """Something did not do what it should."""


class Imap:
    """A connection that counts what it is sent."""

    def __init__(self, port, certificate):
        raw = socket.create_connection(("127.0.0.1", port), timeout=600)
        raw = ssl.create_default_context(cafile=str(certificate)).wrap_socket(raw, server_hostname="localhost")
        self.socket, self.buffer, self.tags = raw, b"", 0
        self.until(b"\r\n")
        self.say(f'LOGIN {USER} "{PASSWORD}"')

    def until(self, end):
        while end not in self.buffer:
            more = self.socket.recv(1 << 16)
            if not more:
                raise Failed("the server closed")
            self.buffer += more
        line, self.buffer = self.buffer.split(end, 1)
        return line

    def say(self, command, literals=()):
        """Sends a command; the seconds until its end, and the octets of the answer."""
        self.tags += 1
        tag = f"t{self.tags} ".encode()
        began = time.perf_counter()
        self.socket.sendall(tag + (command if isinstance(command, bytes) else command.encode()) + b"\r\n")
        octets, tail = 0, b"\r\n"
        ends = [b"\r\n" + tag + word for word in (b"OK", b"NO", b"BAD")]
        while True:
            if not self.buffer:
                self.buffer = self.socket.recv(1 << 18)
                if not self.buffer:
                    raise Failed("the server closed")
            seen = tail + self.buffer
            octets += len(self.buffer)
            found = [seen.find(end) for end in ends if end in seen[-1000 - len(self.buffer):]]
            if found and seen.endswith(b"\r\n"):
                self.buffer = b""
                took = time.perf_counter() - began
                if not any(end in seen for end in ends[:1]):
                    raise Failed(seen[found[0]:].decode(errors="replace")[:300])
                return took, octets
            tail, self.buffer = seen[-400:], b""


def messages(corpus):
    """As IMAP takes them: CRLF line ends, no NUL."""
    for raw in messages_of(corpus):
        yield raw.replace(b"\r\n", b"\n").replace(b"\0", b"").replace(b"\n", b"\r\n")


def fill(connection, mails, copies):
    batch = []
    for _ in range(copies):
        for mail in mails:
            batch.append(b" (\\Seen) {%d+}\r\n%s" % (len(mail), mail))
            if len(batch) == BATCH:
                connection.say(b"APPEND INBOX" + b"".join(batch))
                batch = []
    if batch:
        connection.say(b"APPEND INBOX" + b"".join(batch))


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def start_dovecot(folder):
    for name in ("run", "mail"):
        (folder / name).mkdir()
    nobody = pwd.getpwnam("nobody")
    os.chown(folder / "mail", nobody.pw_uid, nobody.pw_gid)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost"], check=True, stderr=subprocess.DEVNULL)
    port = free_port()
    (folder / "dovecot.conf").write_text(DOVECOT.format(folder=folder, port=port))
    process = subprocess.Popen(["/usr/sbin/dovecot", "-F", "-c", folder / "dovecot.conf"])
    return process, lambda: Imap(port, folder / "cert.pem")


def start_everpost(folder, binary):
    data = folder / "data"
    base = [binary, "--data", data]
    subprocess.run([*base, "user", "add", USER, "--password-stdin"], input=PASSWORD + "\n", text=True, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ready = folder / "ready"
    process = subprocess.Popen([*base, "service", "--listen", "imaps=127.0.0.1:0", "--ready-file", ready],
                               stdout=subprocess.DEVNULL)
    while not ready.exists():
        time.sleep(0.05)
        if process.poll() is not None:
            raise Failed("everpost ended")
    told = json.loads(ready.read_text())
    port = int(told["listeners"]["imaps"].rsplit(":", 1)[1])
    return process, lambda: Imap(port, told["ca"])


def connect(how):
    for _ in range(200):
        try:
            return how()
        except OSError:
            time.sleep(0.05)
    raise Failed("nobody listens")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument("--copies", type=int, default=4, help="how often each message is put into the mailbox")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--everpost", type=Path, default=ROOT / "target/release/everpost")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--alone", action="store_true", help="the machine has nothing else to do: put it into the history")
    options = parser.parse_args()
    mails = list(messages(options.corpus or default_corpus()))
    count = len(mails) * options.copies
    octets = sum(map(len, mails)) * options.copies
    folder = Path(tempfile.mkdtemp(prefix="everpost-imap-", dir=options.work))
    folder.chmod(0o755)
    results, processes = {}, []
    try:
        for name in NAMES:
            (folder / name).mkdir()
            (folder / name).chmod(0o755)
            start = start_dovecot if name == "dovecot" else lambda at: start_everpost(at, options.everpost)
            process, how = start(folder / name)
            processes.append(process)
            connection = connect(how)
            began = time.perf_counter()
            fill(connection, mails, options.copies)
            results[name] = {"append": [time.perf_counter() - began]}
            connection.say("SELECT INBOX")
            for what, command in ASKED.items():
                runs = [connection.say(command) for _ in range(options.runs)]
                results[name][what] = [took for took, _ in runs]
                results[name][what + " octets"] = runs[-1][1]
    finally:
        for process in processes:
            process.terminate()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)
    rows = [["asked", "everpost", "dovecot", "messages a second", "times dovecot"]]
    for what in ["append", *ASKED]:
        ours, theirs = (statistics.median(results[name][what]) for name in NAMES)
        rows.append([what, f"{ours:.3f} s", f"{theirs:.3f} s", f"{count / ours:,.0f}/s", f"{theirs / ours:.2f}"])
    print(f"{count:,} messages, {octets / 1e6:.0f} MB; whole messages over TLS: everpost "
          f"{octets / 1e6 / statistics.median(results['everpost']['whole messages']):.0f} MB/s")
    table(rows)
    if options.alone:
        record({"bench": "imap", "at": now(), "commit": git("rev-parse", "--short", "HEAD"), "machine": machine(), "messages": count, "bytes": octets,
                "everpost": version([str(options.everpost), "--version"]), "seconds": results})


if __name__ == "__main__":
    try:
        main()
    except Failed as why:
        sys.exit(f"bench/imap.py: {why}")
