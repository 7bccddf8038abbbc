#!/usr/bin/env python3
"""The documentation is true: its commands run, its tables match the code, its links lead somewhere.

    test_docs.py FOLDER_OF_PROGRAMS SOURCE

Console blocks of all pages run in order, in one folder and one cluster.  In a page:

    <!-- cluster -->            before the one block whose command starts the cluster; the others run against it
    <!-- file: NAME -->         before a block that is written to the file NAME
    <!-- not run: REASON -->    before a console block that is left out
    $ COMMAND                   must exit 0, or with the N of a line "# exit N" before the next command

After a command that sends a signal (kill) the next one is repeated until its status is right, for a while.  Output is not compared.
The last line is "N passed, N failed, N skipped"."""
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

PAGES = ["README.md", "CHANGELOG.md"] + [f"docs/{name}.md" for name in (
    "quickstart", "logs", "operations", "troubleshooting", "security", "testing", "guarantees", "architecture", "configuration", "sql",
    "warehouses", "checks", "http", "deployment", "audit", "faults", "replay", "alerts", "metrics", "performance", "resources", "scaling",
    "playbooks/out-of-memory", "playbooks/host-sick", "playbooks/breaker-open", "playbooks/warehouse-slow", "playbooks/pool-stuck")]
PATIENCE = float(os.environ.get("BF_PATIENCE", "1"))
COMMAND_S = 60 * PATIENCE
START_S = 60 * PATIENCE
REPEAT_S = 15 * PATIENCE
STOP_S = 40 * PATIENCE
FEWEST_COMMANDS = 30                     # a mistake in the reading must not pass as a success

BLOCK = re.compile(r"(?:^<!-- (?P<mark>[^>]*?) -->\n)?^```(?P<language>[a-z]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


class Results:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, 0, 0

    def check(self, truth, what):
        if truth:
            self.passed += 1
        else:
            self.failed += 1
            print("FAILED:", what, flush=True)


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as f:
        return f.read()


def blocks(text):
    """(mark, language, body, line) of every fenced block."""
    return [(m["mark"] or "", m["language"], m["body"], text.count("\n", 0, m.start("body")) + 1) for m in BLOCK.finditer(text)]


def commands(body, line):
    """(command, exit status, line): what stands behind "$ ", and the "# exit N" that follows it."""
    found = []
    for i, text in enumerate(body.splitlines()):
        status = re.fullmatch(r"# exit (\d+)", text.strip())
        if text.startswith("$ "):
            found.append([text[2:], 0, line + i])
        elif status and found:
            found[-1][1] = int(status[1])
    return found


# ---- running the console blocks ----

class Shop:
    """The folder and the cluster that the commands run in."""

    def __init__(self, programs, source):
        self.folder = tempfile.mkdtemp(prefix="bf-docs-")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("BF")}
        self.env.update(PATH=programs + os.pathsep + self.env.get("PATH", ""), HOME=self.folder, LC_ALL="C.UTF-8")
        self.env.pop("TERM", None)
        self.cluster = None
        os.symlink(os.path.join(source, "examples"), os.path.join(self.folder, "examples"))

    def start(self, command):
        said = os.path.join(self.folder, "dev.out")
        with open(said, "wb") as out:
            self.cluster = subprocess.Popen(shlex.split(command), cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=subprocess.STDOUT)
        until, tick = time.monotonic() + START_S, threading.Event()
        while "ready: " not in read(said):
            if self.cluster.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"the cluster does not start: {read(said)}")
            tick.wait(0.02)

    def run(self, command):
        """(exit status, what it said); 124 when it takes too long."""
        try:
            done = subprocess.run(["sh", "-c", command], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=COMMAND_S, check=False)
            return done.returncode, done.stdout.decode(errors="replace")
        except subprocess.TimeoutExpired:
            return 124, f"no end within {COMMAND_S} s"

    def export(self, command):
        """`export NAME=VALUE` holds for the commands that follow, as in the reader's shell."""
        name = re.match(r"export (\w+)=", command)[1]
        self.env[name] = self.run(f"{command} && printf %s \"${name}\"")[1]

    def stop(self, keep):
        if self.cluster and self.cluster.poll() is None:
            self.cluster.send_signal(signal.SIGTERM)
            try:
                self.cluster.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.cluster.kill()
        if keep:
            print("kept:", self.folder)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def run_one(shop, results, page, command, status, line, repeat):
    until, tick = time.monotonic() + REPEAT_S, threading.Event()
    got, said = shop.run(command)
    while repeat and got != status and time.monotonic() < until:
        tick.wait(0.05)
        got, said = shop.run(command)
    results.check(got == status, f"{page}:{line}: `{command}` exits {got}, not {status}:\n{said[-2000:]}")


def run_block(shop, results, page, body, line):
    after_signal = False
    for command, status, at in commands(body, line):
        if command.startswith("export "):
            shop.export(command)
        else:
            run_one(shop, results, page, command, status, at, after_signal)
        after_signal = command.startswith("kill ")


def run_pages(shop, results, source):
    n = 0
    for page in PAGES:
        for mark, language, body, line in blocks(read(source, page)):
            if mark.startswith("file: "):
                with open(os.path.join(shop.folder, mark[6:]), "w", encoding="utf-8") as f:
                    f.write(body)
            elif language == "console" and mark == "cluster":
                shop.start(commands(body, line)[0][0])
            elif language == "console" and mark.startswith("not run: "):
                results.skipped += 1
            elif language == "console":
                began = time.monotonic()
                run_block(shop, results, page, body, line)
                n += len(commands(body, line))
                print(f"{page}:{line}: {len(commands(body, line))} commands in {time.monotonic() - began:.1f} s", flush=True)
    results.check(n >= FEWEST_COMMANDS, f"only {n} commands were found")


# ---- what the pages say against the code ----

SETTINGS = {"coordinator.conf": "coordinator/config.c", "agent.conf": "agent/agent_config.c", "bfctl.conf": "bfctl/client_settings.c"}
MANUALS = {"coordinator.conf": "bfcoordinator.8", "agent.conf": "bfagent.8", "bfctl.conf": "bfctl.1"}
ENTRY = re.compile(r'\{(?:\.key = )?"([a-z_.]+)",\s*(?:\.kind = )?BF_SET_\w+,\s*(?:\.offset = )?\w+\([^)]*\)'
                   r'(?:,\s*(?:\.preset = )?("[^"]*"|NULL))?')


def table_rows(page, heading):
    """key -> default of the first table below a heading."""
    section = page.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return {m[1]: m[2].strip().strip("`") for m in re.finditer(r"^\| `([^`]+)` \| ([^|]*)\|", section, re.MULTILINE)}


def check_settings(results, source):
    page = read(source, "docs/configuration.md")
    for heading, path in SETTINGS.items():
        code = {m[1]: (m[2] or "NULL").strip('"') for m in ENTRY.finditer(read(source, path))}
        told = table_rows(page, heading)
        declared = len(re.findall(r"\bBF_SET_[A-Z]", read(source, path)))
        results.check(len(code) == declared and code, f"{path}: {len(code)} settings are understood of {declared}")
        results.check(set(told) == set(code), f"{heading}: in one of docs and {path} only: {sorted(set(told) ^ set(code))}")
        manual = read(source, f"docs/man/{MANUALS[heading]}.scd")
        unnamed = sorted(key for key in code if f"*{key.rsplit('.', maxsplit=1)[-1]}*" not in manual)
        results.check(not unnamed, f"{MANUALS[heading]} does not name {unnamed}")
        for key in sorted(set(told) & set(code)):
            default = told[key] if told[key] not in ("none", "required") else "NULL"
            results.check(default == code[key], f"{heading}: {key}: the page says {told[key]}, {path} says {code[key]}")


def check_plants(results, source):
    names = set()
    for folder in ("agent", "coordinator", "plan"):
        for where, _, files in os.walk(os.path.join(source, folder)):
            for name in files:
                if name.endswith(".c"):
                    names |= set(re.findall(r'BF_PLANTED\("([a-z_]+)"\)', read(where, name)))
    section = read(source, "docs/guarantees.md").split("\n| planted bug |", 1)[1].split("\n\n", 1)[0]
    told = set(re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE))
    results.check(names and names == told, f"docs/guarantees.md: planted bugs in one of page and code only: {sorted(names ^ told)}")


def check_kinds(results, source):
    """Every kind of blocker that `why` tells of is explained."""
    kinds = set()
    for name in os.listdir(os.path.join(source, "coordinator")):
        if name.startswith("views_why"):
            kinds |= set(re.findall(r'kind = (?:\w+ \? )?"([a-z_]+)"', read(source, "coordinator", name)))
    told = set(re.findall(r"^\| `([a-z_]+)` \|", read(source, "docs/troubleshooting.md"), re.MULTILINE))
    results.check(len(kinds) > 10, "kinds of blockers are not found in coordinator/views_why*.c")
    results.check(kinds - {"running"} <= told, f"docs/troubleshooting.md: kinds that it does not name: {sorted(kinds - told)}")


def check_ids(results, source):
    """The ids behind "not supported yet" are those of the table in docs/plan-reference.md."""
    code = set()
    for name in os.listdir(os.path.join(source, "plan")):
        if name.endswith(".c"):
            text = read(source, "plan", name)
            code |= set(re.findall(r'NOT_YET\("\w+", "([A-Z]\d+)"', text)) | set(re.findall(r"not supported yet \(([A-Z]\d+)\)", text))
    table = read(source, "docs/plan-reference.md").split("\n| id | capability |\n", 1)[1].split("\n\n", 1)[0]
    told = {i for ids in re.findall(r"^\| ([A-Z0-9, ]+) \|", table, re.MULTILINE) for i in ids.split(", ")}
    results.check(code == told, f"docs/plan-reference.md: ids in one of page and code only: {sorted(code ^ told)}")


def check_commands(results, source):
    """Every command that the overview of bfctl shows is in docs/cli.md, and the pages name no other."""
    table = re.findall(r'^    \{"([a-z ]+)", "[^"]+", &cmd_', read(source, "bfctl/main.c"), re.MULTILINE)
    words = {name.split()[0] for name in table}
    cli = read(source, "docs/cli.md")
    for name in table:
        results.check(name in cli, f"docs/cli.md does not name `bfctl {name}`")
    for page in PAGES:
        for word in re.findall(r"`bfctl ([a-z]+)", read(source, page)):
            results.check(word in words, f"{page}: `bfctl {word}` is no command")


def anchors(text):
    """Those that headings make."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return {re.sub(r"[^\w\- ]", "", h.strip().lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


def check_links(results, source):
    for page in PAGES + ["docs/cli.md", "docs/plan-reference.md", "docs/watch.md"]:
        text = read(source, page)
        for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", text):
            if not re.match(r"[a-z]+:", target):
                path = os.path.normpath(os.path.join(source, os.path.dirname(page), target) if target else os.path.join(source, page))
                results.check(os.path.exists(path), f"{page}: {target} leads nowhere")
                if anchor and path.endswith(".md") and os.path.exists(path):
                    results.check(anchor in anchors(read(path)), f"{page}: {target}#{anchor} leads nowhere")
        for path in re.findall(r"`((?:tests|coordinator|agent|bfctl|plan|proto|common|docs|examples)/[\w./*-]+)`", text):
            known = os.path.exists(os.path.join(source, path)) or "*" in path
            results.check(known, f"{page}: there is no {path}")


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    programs, source = map(os.path.abspath, sys.argv[1:])
    results = Results()
    check_settings(results, source)
    check_plants(results, source)
    check_kinds(results, source)
    check_ids(results, source)
    check_commands(results, source)
    check_links(results, source)
    shop = Shop(programs, source)
    try:
        run_pages(shop, results, source)
    finally:
        shop.stop(keep=results.failed > 0)
    print(f"{results.passed} passed, {results.failed} failed, {results.skipped} skipped")
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
