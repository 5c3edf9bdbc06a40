#!/usr/bin/env python3
"""How many messages a second are taken durably by SMTP and LMTP, beside Dovecot and Postfix on the same disk, in the same run.

    bench/smtp.py [--messages N] [--bytes N] [--sessions 1,10,20,40] [--runs N] [--only NAME,…] [--everpost BIN] [--work DIR]

Root, since Postfix and Dovecot start only so. See bench/README.md. Python 3.9 and its standard library, Linux.
"""

import argparse
import contextlib
import json
import os
import pwd
import random
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from run import ROOT, Failed, git, machine, now, record, table, version

SENDER, RECIPIENT = "ann@example.net", "bob@example.org"
EVERPOST = ["everpost lmtp", "everpost journal", "everpost mx"]
PEERS = ["dovecot lmtp", "postfix to dovecot"]
# Answers without a disk: how fast the client itself is.
CEILING = "smtp-sink"
NAMES = [*EVERPOST, *PEERS, CEILING]
NEEDS = {
    "everpost mx": ["smtp-sink"],
    "dovecot lmtp": ["dovecot"],
    "postfix to dovecot": ["postfix", "dovecot"],
    CEILING: ["smtp-sink"],
}
# With whom answers are timed one by one.
TIMED = ["everpost lmtp", "everpost journal", "everpost mx", "dovecot lmtp"]
GOAL_P99 = 50.0
PATIENCE = 300
TICKS = os.sysconf("SC_CLK_TCK")
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("EVERPOST_")}

DOVECOT = """\
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = lmtp
listen = 127.0.0.1
ssl = no
first_valid_uid = 1
mail_location = maildir:~/Maildir
default_client_limit = 2000
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/home/%u
}}
protocol lmtp {{
  postmaster_address = postmaster@example.org
}}
service lmtp {{
  inet_listener lmtp {{
    port = {port}
  }}
}}
"""

POSTFIX = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = mx.example.org
mydestination =
local_recipient_maps =
local_transport = error:no local delivery
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
notify_classes =
relay_domains = example.org
relay_recipient_maps =
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
transport_maps = inline:{{ {{ example.org = lmtp:inet:127.0.0.1:{lmtp} }} }}
default_transport = error:no route
"""

MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def find(program):
    """Mail servers lie where only root looks."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def await_that(what, is_so, pause=0.02):
    until = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > until:
            raise Failed(f"{what}: nothing for {PATIENCE} s")
        time.sleep(pause)


def greets(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as one:
            return one.recv(4).startswith(b"220")
    except OSError:
        return False


def cpu_seconds(pids):
    """Of processes, of what they started, and of what they started and is gone."""
    children, used = {}, {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.name))
        used[int(entry.name)] = sum(map(int, fields[11:15])) / TICKS
    total, ahead = 0.0, list(pids)
    while ahead:
        pid = ahead.pop()
        total += used.get(pid, 0.0)
        ahead += children.get(pid, [])
    return total


# -- the servers: each from nothing, in a folder of its own ------------------------------


class Server:
    """One that runs. `settled` tells how many messages are where they should be in the end; `copies`, when it has
    stopped, how many the archive has."""

    def __init__(self, port, lmtp, pids, settled=None, copies=None):
        self.port, self.lmtp, self.pids, self.settled, self.copies = port, lmtp, pids, settled, copies
        self.accepted = 0

    def cpu(self):
        return cpu_seconds(self.pids)


def end(child):
    child.terminate()
    try:
        child.wait(30)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


@contextlib.contextmanager
def daemon(command, folder):
    with open(folder / "said", "ab") as said:
        words = [str(word) for word in command]
        child = subprocess.Popen(words, env=ENVIRONMENT, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    try:
        yield child
    finally:
        end(child)


@contextlib.contextmanager
def sink(folder):
    port = free_port()
    with daemon([find("smtp-sink"), "-u", "nobody", f"127.0.0.1:{port}", "200"], folder) as child:
        await_that("smtp-sink", lambda: greets(port))
        yield Server(port, False, [child.pid])


@contextlib.contextmanager
def dovecot(folder):
    owner = pwd.getpwnam("nobody")
    (folder / "home").mkdir()
    os.chown(folder / "home", owner.pw_uid, owner.pw_gid)
    port, config, new = free_port(), folder / "dovecot.conf", folder / "home" / RECIPIENT / "Maildir" / "new"
    config.write_text(DOVECOT.format(folder=folder, port=port, user=owner.pw_uid, group=owner.pw_gid))
    with daemon([find("dovecot"), "-F", "-c", config], folder) as child:
        await_that("dovecot", lambda: greets(port))
        yield Server(port, True, [child.pid], lambda: len(os.listdir(new)) if new.is_dir() else 0)


@contextlib.contextmanager
def postfix(folder):
    (folder / "dovecot").mkdir()
    for part in ("etc", "queue", "data"):
        (folder / part).mkdir()
    os.chown(folder / "data", pwd.getpwnam("postfix").pw_uid, -1)
    with dovecot(folder / "dovecot") as behind:
        port = free_port()
        (folder / "etc" / "main.cf").write_text(POSTFIX.format(folder=folder, lmtp=behind.port))
        (folder / "etc" / "master.cf").write_text(MASTER.format(port=port))
        say([find("postfix"), "-c", str(folder / "etc"), "start"])
        master = int((folder / "queue" / "pid" / "master.pid").read_text())
        try:
            await_that("postfix", lambda: greets(port))
            yield Server(port, False, [master, *behind.pids], behind.settled)
        finally:
            os.kill(master, signal.SIGTERM)
            await_that("the end of postfix", lambda: not Path(f"/proc/{master}").exists())


def say(command):
    """What a command says; its errors end the run."""
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(command)}: {done.stderr[-1000:]}")
    return done.stdout


def figures(address):
    """What `metrics` says, by the whole name."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        lines = [line for line in answer.read().decode().splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


@contextlib.contextmanager
def everpost(program, road, folder):
    archive = [str(program), "--data", str(folder / "data"), "--config", str(folder / "config.toml")]
    with sink(folder) if road == "mx" else contextlib.nullcontext() as behind:
        # Senders are not looked at: how fast DNS answers is none of the program's doing.
        relay = "[relay]\nhostname = 'mx.example.org'\ncheck_senders = false\n"
        (folder / "config.toml").write_text(f"[capture]\ndomains = ['example.org']\nfrom = ['127.0.0.1']\n{relay}")
        say([*archive, "import", "demo", "--messages", "0"])
        if behind:
            say([*archive, "domain", "add", "example.org", "--server", f"127.0.0.1:{behind.port}"])
            say([*archive, "recipient", "add", RECIPIENT])
        ready = folder / "ready"
        listen = ["--listen", f"{road}=127.0.0.1:0", "--listen", "metrics=127.0.0.1:0"]
        with daemon([*archive, "service", "--ready-file", ready, *listen], folder) as child:
            await_that("everpost", ready.exists)
            listeners = json.loads(ready.read_text())["listeners"]

            def settled():
                """Messages that are all the way through: logged, in the index, and sent on."""
                said = figures(listeners["metrics"])
                if said["everpost_index_lag_events"] or said["everpost_log_lag_events"]:
                    return 0
                if behind:
                    return said['everpost_relay_outcomes_total{outcome="delivered"}']
                return said[f'everpost_capture_messages_total{{road="{road}",outcome="kept"}}']

            def copies():
                return json.loads(say([*archive, "status", "--json"]).splitlines()[-1])["copies"]

            port = int(listeners[road].rpartition(":")[2])
            yield Server(port, road == "lmtp", [child.pid], settled, copies)


@contextlib.contextmanager
def started(program, name, work):
    """A server from nothing. Afterwards it is looked whether it has everything that it took."""
    folder = Path(tempfile.mkdtemp(dir=work))
    # Servers that drop their rights walk through it.
    folder.chmod(0o711)
    try:
        road = name.split()[1] if name in EVERPOST else ""
        made = {"dovecot lmtp": dovecot, "postfix to dovecot": postfix, CEILING: sink}
        with everpost(program, road, folder) if road else made[name](folder) as server:
            yield server
        if server.copies and server.copies() != server.accepted:
            raise Failed(f"{name}: {server.accepted} messages were accepted, {server.copies()} copies are there")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# -- the clients --------------------------------------------------------------------------


def flood(server, size, sessions, count):
    """`smtp-source` sends all: an independent client, whose messages differ in their Message-ID only."""
    command = [find("smtp-source"), *(["-L"] if server.lmtp else []), "-d", "-s", sessions, "-m", count]
    command += ["-l", size, "-f", SENDER, "-t", RECIPIENT, f"127.0.0.1:{server.port}"]
    say([str(word) for word in command])


def letters(count, size):
    """Messages of words, no two alike: made before, so that no clock runs."""
    dice = random.Random(5)
    syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
    words = ["".join(dice.choices(syllables, k=dice.randint(1, 4))) for _ in range(4000)]
    made = []
    for number in range(count):
        head = f"From: <{SENDER}>\r\nTo: <{RECIPIENT}>\r\nSubject: {' '.join(dice.choices(words, k=5))}\r\n"
        head += f"Message-ID: <{number}@example.net>\r\nDate: Mon, 3 Jun 2024 10:00:00 +0000\r\n\r\n"
        lines, room = [head], size - len(head)
        while room > 0:
            line = " ".join(dice.choices(words, k=11))[: max(room - 2, 0)] + "\r\n"
            lines.append(line)
            room -= len(line)
        made.append("".join(lines).encode() + b".\r\n")
    return made


class Session:
    """One connection of the client that times answers. Commands go in one piece, as Postfix sends them (PIPELINING)."""

    def __init__(self, server, to_send, times):
        self.to_send, self.times, self.letter, self.received, self.began = to_send, times, b"", b"", 0.0
        self.socket = socket.create_connection(("127.0.0.1", server.port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        hello = b"LHLO" if server.lmtp else b"EHLO"
        # Each step: what is waited for, and what is said then.
        self.wanted, self.next = [b"220"], lambda: self.say([b"250"], self.envelope, hello + b" client.example.net\r\n")

    def say(self, wanted, after, octets):
        self.wanted, self.next = list(wanted), after
        self.socket.sendall(octets)

    def envelope(self):
        if not self.to_send:
            return self.say([b"221"], None, b"QUIT\r\n")
        self.letter = self.to_send.pop()
        envelope = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{RECIPIENT}>\r\nDATA\r\n".encode()
        return self.say([b"250", b"250", b"354"], self.body, envelope)

    def body(self):
        self.began = time.perf_counter()
        self.say([b"250"], self.taken, self.letter)

    def taken(self):
        self.times.append(time.perf_counter() - self.began)
        self.envelope()

    def readable(self):
        """False at the end."""
        read = self.socket.recv(65536)
        if not read:
            raise Failed("the connection was closed")
        self.received += read
        while b"\n" in self.received:
            line, _, self.received = self.received.partition(b"\n")
            if line[3:4] == b"-":
                continue
            if line[:3] != self.wanted.pop(0):
                raise Failed(f"unexpected answer: {line.decode(errors='replace').strip()}")
            if not self.wanted:
                if self.next is None:
                    self.socket.close()
                    return False
                self.next()
        return True


def timed(server, sessions, made):
    """Milliseconds from the final dot to its answer, of each message; all sessions are busy all the time."""
    times, to_send = [], list(made)
    poll, running = select.epoll(), {}
    for _ in range(sessions):
        session = Session(server, to_send, times)
        running[session.socket.fileno()] = session
        poll.register(session.socket, select.EPOLLIN)
    while running:
        ready = poll.poll(PATIENCE)
        if not ready:
            raise Failed(f"no answer for {PATIENCE} s")
        for number, _ in ready:
            if not running[number].readable():
                del running[number]
    poll.close()
    return [1000 * took for took in times]


# -- the report ---------------------------------------------------------------------------


def settle(name, server, messages):
    if server.settled:
        # Not too often: it is work for the server, too.
        await_that(f"{name}: all messages", lambda: server.settled() >= messages, 0.05)


def one_run(program, name, work, options, sessions, made=None):
    """A server takes all messages, by `smtp-source` or, where they are `made`, by the client that times answers."""
    with started(program, name, work) as server:
        if options.alone:
            # Postfix makes a session of its own.
            for pid in server.pids:
                alone(pid)
        server.accepted = options.before + options.messages
        if options.before:
            flood(server, options.bytes, min(40, options.before), options.before)
            settle(name, server, options.before)
        os.sync()
        before, began = server.cpu(), time.monotonic()
        times = timed(server, sessions, made) if made else flood(server, options.bytes, sessions, options.messages)
        seconds = time.monotonic() - began
        found = {"msg_s": options.messages / seconds, "cpu": 1000 * (server.cpu() - before) / options.messages}
        if server.settled:
            settle(name, server, server.accepted)
            found["settled_msg_s"] = options.messages / (time.monotonic() - began)
            found["settled_cpu"] = 1000 * (server.cpu() - before) / options.messages
        if times:
            cuts = statistics.quantiles(times, n=100, method="inclusive")
            found.update(p50=cuts[49], p99=cuts[98], most=max(times))
        return {key: round(value, 3) for key, value in found.items()}


def medians(runs):
    return {key: round(statistics.median(run[key] for run in runs), 3) for key in runs[0]}


def disk(work):
    """Milliseconds to make a file durable: what one message costs at least where each is a file."""
    took = []
    for number in range(200):
        began = time.perf_counter()
        file = os.open(work / f"probe{number}", os.O_CREAT | os.O_WRONLY)
        os.write(file, bytes(7000))
        os.fsync(file)
        os.close(file)
        took.append(1000 * (time.perf_counter() - began))
    for number in range(200):
        (work / f"probe{number}").unlink()
    return round(statistics.median(took), 3)


def numbers(text):
    return [int(word) for word in text.split(",") if word]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=2000, help="of each run (2000)")
    parser.add_argument("--bytes", type=int, default=7000, help="of a message (7000)")
    parser.add_argument("--sessions", type=numbers, default=[1, 10, 20, 40], help="connections at once (1,10,20,40)")
    parser.add_argument("--timed", type=numbers, default=[20], help="connections with which answers are timed (20)")
    parser.add_argument("--before", type=int, default=0, help="messages that a server has before the clock runs (0)")
    parser.add_argument("--runs", type=int, default=3, help="repetitions of each (3)")
    parser.add_argument("--only", default=",".join(NAMES), help=f"what to run, separated by commas, of: {', '.join(NAMES)}")
    parser.add_argument("--everpost", type=Path, help="the program; default: target/release/everpost")
    parser.add_argument("--work", type=Path, help="where to make the temporary folder: the disk that is measured")
    parser.add_argument("--no-history", action="store_true", help="add nothing to bench/history.ndjson")
    parser.add_argument("--alone", action="store_true", help="raise this run and its servers above others: quieter figures")
    options = parser.parse_args()
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    program = (options.everpost or target / "release/everpost").resolve()
    if not program.exists():
        sys.exit(f"{program} is missing: cargo build --release")
    if os.geteuid() != 0:
        sys.exit("Postfix and Dovecot start as root only")
    if options.alone:
        alone(os.getpid())
        os.nice(-19)
    if not find("smtp-source"):
        sys.exit("smtp-source is missing: it comes with Postfix")
    if max(options.sessions + options.timed, default=1) > options.messages:
        sys.exit("there must be a message for each session")
    names, missing = [], []
    for name in options.only.split(","):
        if name not in NAMES:
            sys.exit(f"{name} is none of: {', '.join(NAMES)}")
        lacking = [tool for tool in NEEDS.get(name, []) if not find(tool)]
        if "dovecot" in NEEDS.get(name, []) and not lacking and not dovecot_version().startswith("2.3"):
            lacking = ["dovecot 2.3 (another has another configuration)"]
        missing += [f"{name} (no {', '.join(lacking)})"] if lacking else []
        names += [] if lacking else [name]
    if missing:
        print(f"left out: {', '.join(missing)}")
    work = Path(tempfile.mkdtemp(prefix="everpost-smtp-", dir=options.work))
    work.chmod(0o711)
    try:
        report(options, program, names, missing, work)
    except Failed as failure:
        sys.exit(str(failure))
    finally:
        shutil.rmtree(work, ignore_errors=True)


def alone(pid):
    Path(f"/proc/{pid}/autogroup").write_text("-19")


def dovecot_version():
    return version([find("dovecot"), "--version"]) if find("dovecot") else ""


def report(options, program, names, missing, work):
    load, fsync = os.getloadavg()[0], disk(work)
    after = f" after {options.before:,}" if options.before else ""
    print(f"{options.messages:,} messages of {options.bytes:,} bytes{after}; {options.runs} runs, load {load:.1f}, a durable file {fsync} ms\n")
    made = letters(options.messages, options.bytes)
    asked = [(False, sessions) for sessions in options.sessions] + [(True, sessions) for sessions in options.timed]
    measured = {}
    for number in range(options.runs):
        for clock, sessions in asked:
            # In turn, and the other way round the next time, so that no server always follows another.
            for name in names if number % 2 == 0 else reversed(names):
                if not clock or name in TIMED:
                    run = one_run(program, name, work, options, sessions, made if clock else None)
                    measured.setdefault((clock, name, sessions), []).append(run)
    found = {key: medians(runs) for key, runs in measured.items()}

    rate = lambda name, sessions, key: found[False, name, sessions].get(key)
    show = lambda value, form: "" if value is None else format(value, form)
    for key, title in (("msg_s", "accepted a second, sessions:"), ("settled_msg_s", "all the way through a second:")):
        rows = [[title, *options.sessions]]
        rows += [[name, *(show(rate(name, sessions, key), ",.0f") for sessions in options.sessions)] for name in names]
        table([row for row in rows if any(row[1:])])
    rows = [["CPU s for 1,000 messages, sessions:", *options.sessions, "all the way"]]
    for name in names:
        through = [rate(name, sessions, "settled_cpu") for sessions in options.sessions]
        last = show(through[-1] if through else None, ".2f")
        rows.append([name, *(show(rate(name, sessions, "cpu"), ".2f") for sessions in options.sessions), last])
    table(rows)
    rows = [["from the final dot to its answer", "sessions", "p50 ms", "p99 ms", "most ms", "accepted a second"]]
    for (clock, name, sessions), figure in found.items():
        if clock:
            rows.append([name, sessions, *(f"{figure[key]:.1f}" for key in ("p50", "p99", "most")), f"{figure['msg_s']:,.0f}"])
    table(rows)

    ratios = {}
    for clock, way in ((False, "smtp-source"), (True, "timed")):
        for sessions in options.timed if clock else options.sessions:
            peer = found.get((clock, "dovecot lmtp", sessions))
            for name in EVERPOST:
                own = found.get((clock, name, sessions))
                if own and peer:
                    ratios.setdefault(f"{name} by dovecot lmtp", {})[f"{way} {sessions}"] = round(own["msg_s"] / peer["msg_s"], 2)
    for name, ratio in ratios.items():
        print(f"{name}: {', '.join(f'{sessions} sessions {value}' for sessions, value in ratio.items())}")
    for (clock, name, sessions), figure in found.items():
        if clock and name in EVERPOST:
            met = "met" if figure["p99"] < GOAL_P99 else "missed"
            print(f"{name}, {sessions} sessions: p99 {figure['p99']:.1f} ms (goal: below {GOAL_P99:.0f}, {met})")
    if options.no_history:
        return
    history = {}
    for (clock, name, sessions), runs in measured.items():
        history.setdefault("timed" if clock else "smtp_source", {}).setdefault(name, {})[sessions] = runs
    record(
        {
            "date": now(),
            "bench": "smtp",
            "commit": git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else ""),
            "machine": {**machine(), "load": [round(load, 2), round(os.getloadavg()[0], 2)], "durable_file_ms": fsync, "alone": options.alone},
            "versions": {
                "everpost": version([str(program), "--version"]),
                "dovecot": dovecot_version(),
                "postfix": version([find("postconf"), "-dh", "mail_version"]) if find("postconf") else "",
            },
            "missing": missing,
            "messages": options.messages,
            "before": options.before,
            "bytes": options.bytes,
            "runs": options.runs,
            **history,
            "ratios": ratios,
        }
    )


if __name__ == "__main__":
    main()
