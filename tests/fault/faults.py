#!/usr/bin/env python3
"""The fault table, F1 to F60, on real processes, disks and sockets.

    faults.py [F18 F19 …] [--long] [--seed S]       inject these, or all; --long: more of each
    faults.py --short                               those of the short form, for `make test`
    faults.py --table                               docs/faults.md, as it must be
    faults.py --check FILE                          whether FILE is that

A row is injected here, or by a test that is named, or it is not automated, and the reason stands in its place.  At the end: row, what
was injected, what is expected, what was seen, result.  The last line is "N passed, N failed, N skipped"."""
import argparse
import os
import random
import shutil
import sys
import time
import traceback
from collections import namedtuple

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import family_disk as disk      # noqa: E402
import family_http as http      # noqa: E402
import family_input as given    # noqa: E402
import family_keys as keys      # noqa: E402
import family_net as net        # noqa: E402
import family_peers as peers    # noqa: E402
import family_steps as steps    # noqa: E402
import family_time as clocks    # noqa: E402
from lab import Lab, Skipped    # noqa: E402

# run: injected here; short: in the short form too; tests: where else it is tested; why: not automated, because.
Row = namedtuple("Row", "rows fault expected run short tests why", defaults=(None, False, "", ""))
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
NOT_BUILT = "not built yet: "

TABLE = (
    Row("F1", "coordinator killed -9 before a commit", "no answer without a commit; a retry gives the same answer",
        tests="tests/fault/crash.py failpoint; tests/fault/crash.py commit"),
    Row("F2", "coordinator killed -9 after a commit, before the answer", "the retry gets the answer of then",
        tests="tests/fault/crash.py failpoint"),
    Row("F3", "coordinator killed -9 after an answer", "what was answered is in force", tests="tests/fault/crash.py failpoint"),
    Row("F4", "agent or guardian killed -9 between spawn and report", "fenced, a new token", tests="tests/fault/crash.py agent"),
    Row("F5", "crash loop at random points, half of them inside a commit", "invariants hold; fsck clean",
        tests="tests/fault/crash.py commit"),
    Row("F6", "SIGSTOP of the coordinator past D_a and D_c", "nothing is granted from stale time", clocks.stopped_coordinator),
    Row("F7", "SIGSTOP of an agent past D_c", "the guardian fences; the stale token is refused", clocks.stopped_agent, True),
    Row("F8", "SIGSTOP of an agent and its step past D_c", "the guardian fences; the stale token is refused",
        clocks.stopped_agent_and_step),
    Row("F9", "cut both ways", "fence; reroute after D_c", net.cut_both_ways, tests="tests/fault/cut.py"),
    Row("F10", "cut one way", "fence; reroute after D_c", net.cut_one_way, tests="tests/fault/cut.py"),
    Row("F11", "loss and delay: late bytes, resets", "every step once in an attempt", net.delay_and_loss),
    Row("F12", "duplicates", "idempotent", tests="coordinator/sim",
        why="of messages: CURVE lets none be repeated, so the simulator repeats them; "
        "of a conversation: F33"),
    Row("F13", "reordering", "idempotent", tests="coordinator/sim", why="TCP keeps the order; the simulator changes it"),
    Row("F14", "healing after a reroute", "the late agent changes nothing", tests="F9, F10; tests/fault/cut.py"),
    Row("F15", "wall clock ± 1 year", "calendars and displays only", clocks.wall_clock, True),
    Row("F16", "drift past ρ", "I1 may be void, the others never; flagged", clocks.drift,
        why="flagging is not built yet: no message carries the "
        "agent's clock"),
    Row("F17", "reboot: another boot id", "the boot id voids leases", clocks.reboot, True),
    Row("F18", "disk full", "nothing is created or started; cancels and results are taken", disk.disk_full, True),
    Row("F19", "fdatasync and pwrite fail with EIO and ENOSPC", "exit, reopen, verify; nothing acknowledged is lost", disk.failing_disk,
        True),
    Row("F20", "torn page", "a named error, or a page not in use", disk.torn_page, tests="tests/fault/crash.py commit"),
    Row("F21", "meta page gone", "a named error", disk.meta_page_gone, True),
    Row("F22", "file truncated", "a named error", disk.file_truncated),
    Row("F23", "bit flip", "a named error, or a page not in use", tests="tests/fault/flips.py; tests/unit/test_store.c"),
    Row("F24", "unsynced writes dropped", "nothing acknowledged is lost; fsck clean", tests="tests/fault/crash.py commit"),
    Row("F25", "a commit ends half-way: pages without their meta page", "as if it had not begun", tests="tests/fault/crash.py commit"),
    Row("F26", "old backup restored", "the epoch is raised; old tokens count no more", tests="tests/integration/test_backup.py"),
    Row("F27", "stuck reader", "its slot is taken back", disk.stuck_reader, why="a reader that lives on is not shed, and the store grows"),
    Row("F28", "two coordinators on one folder", "refused", disk.two_coordinators, True),
    Row("F29", "malformed messages", "dropped and counted", peers.malformed, tests="tests/integration/test_sockets.c; tests/fuzz"),
    Row("F30", "deep messages", "dropped", tests="tests/unit/test_proto_hostile.c; tests/fuzz"),
    Row("F31", "huge messages", "flat memory", peers.huge, tests="tests/integration/test_sockets.c"),
    Row("F32", "silent peers", "flat memory; dropped after 3 s", peers.silent_peers),
    Row("F33", "replays", "no effect", net.said_again),
    Row("F34", "wrong, revoked, absent key", "refused and audited", tests="tests/fault/cut.py; tests/integration/test_keys.py; "
        "tests/integration/test_sockets.c"),
    Row("F35", "ZAP dead", "fail closed", keys.handler_dead),
    Row("F36", "agent B claims A's attempt", "refused and audited", keys.another_claims_it, True, tests="tests/unit/test_engine_agents.c; "
        "coordinator/sim"),
    Row("F37", "one key on two hosts", "newest only after fencing", peers.one_key_on_two_hosts, tests="tests/integration/test_sockets.c"),
    Row("F38", "slow reader", "dropped; others unaffected", tests="tests/integration/test_sockets.c"),
    Row("F39", "10,000 agents reconnect", "no false reroute", keys.storm,
        why="of 50 peers, or 1,000 with --long: 10,000 come with the load bench"),
    Row("F40", "log flood", "cut and said; heartbeats in time", tests="tests/fault/log_flood.py"),
    Row("F41", "double-forked grandchild", "dead with its step", steps.stubborn_step, True,
        tests="tests/fault/fence_margin.py; tests/unit/test_agent_guardian.c"),
    Row("F42", "fork bomb", "held to its limit of processes and named; dead with its step", steps.fork_bomb,
        tests="tests/unit/test_agent_runner_limits.c"),
    Row("F43", "step ignores SIGTERM", "SIGKILL", tests="F41; tests/unit/test_agent_runner.c; tests/fault/fence_margin.py"),
    Row("F44", "step hangs in state D", "lease and budget held", steps.uninterruptible),
    Row("F45", "PID reuse", "pidfd", why="a number cannot be made to come again within a test; steps are "
        "waited for and killed by pidfd or control group"),
    Row("F46", "out of memory in a step", "the step fails and is named with figures; the agent and the steps beside it live",
        steps.out_of_memory, tests="tests/unit/test_agent_runner_limits.c"),
    Row("F47", "YAML bombs", "fast refusal with position", given.yaml_bombs, True, tests="tests/fuzz; bench/plan_bad_input.py"),
    Row("F48", "cycles, missing names", "fast refusal with position", given.cycles, True, tests="tests/unit/test_plan_corpus.c"),
    Row("F49", "1M steps, 1M-wide fan-in", "bounded", given.too_many,
        tests="tests/unit/test_plan_compile.c; tests/unit/test_engine_basics.c"),
    Row("F50", "$(…), NUL, newline in parameters", "literal argv", given.literal_argv, True),
    Row("F51", "HTTP: traversal", "404", http.traversal, True, tests="tests/integration/test_alerts.py"),
    Row("F52", "HTTP: slowloris", "closed in time", http.slowloris, tests="tests/integration/test_alerts.py"),
    Row("F53", "HTTP: no token, wrong role, CSRF", "401, 403, audited", why=NOT_BUILT + "the pages that are served take no commands"),
    Row("F54", "self-approval, edit after approval", "403, audited", why=NOT_BUILT + "no approvals"),
    Row("F55", "flapping target", "bounded probes", tests="tests/unit/test_engine_breakers.c; coordinator/sim"),
    Row("F56", "breaker trips, then a crash", "stays open", tests="tests/integration/test_breakers.py; coordinator/sim"),
    Row("F57", "cap lowered below use", "no kills", tests="tests/unit/test_engine_commands.c; coordinator/sim"),
    Row("F58", "mixed versions", "negotiated or refused", keys.other_version, tests="tests/unit/test_engine_agents.c"),
    Row("F59", "audit edited", "verify names the index", tests="tests/integration/test_audit.py; tests/unit/test_audit.c"),
    Row("F60", "agents say more than can be taken in: stale and false reports, heartbeats, hellos; one of them never reads",
        "held back by their sockets; leases of others, work and queries go on; flat memory", tests="tests/fault/overload.py"),
)

PAGE = """# The fault table

What breaks on purpose, on real processes, disks and sockets, what is expected, and what tests it. The numbers are those of the design. What
is logical (lost, late, repeated and reordered messages, stores that fail) the simulator also does, in every one of its seeds:
[guarantees](guarantees.md).

```sh
python3 tests/fault/faults.py                   # all rows that are injected here; F18 F19 … for some of them; --long for more of each
make faults                                     # the long form, with the kills, the cuts and the margin of the fence
```

Rows with *short* are part of `make test`. This page is written by `tests/fault/faults.py --table`, and a test compares the two.

| row | fault | expected | tested by |
|---|---|---|---|
"""


def place(row):
    """Where a row is tested, for the page."""
    found = []
    if row.run:
        found.append(f"`faults.py {row.rows}`" + (" (*short*)" if row.short else ""))
    found += [f"`{word.strip()}`" if "/" in word else word.strip() for word in row.tests.split(";") if word.strip()]
    text = ", ".join(found)
    if row.why:
        text += ("; " if text else "**not automated**: ") + row.why
    return text


def page():
    return PAGE + "".join(f"| {row.rows} | {row.fault} | {row.expected} | {place(row)} |\n" for row in TABLE)


def check(path):
    """The page is the table, every row is there once, and what it names exists."""
    with open(path, encoding="utf-8") as f:
        assert f.read() == page(), f"{path} is not what tests/fault/faults.py --table prints"
    assert [row.rows for row in TABLE] == [f"F{n}" for n in range(1, 61)], "a row is missing, or stands twice"
    for row in TABLE:
        assert row.run or row.tests or row.why, f"{row.rows} is neither tested nor explained"
        for word in row.tests.split(";"):
            file = word.strip().split(" ")[0]
            assert "/" not in file or os.path.exists(os.path.join(SOURCE, file)), f"{row.rows} names {file}, which is not there"
    print("1 passed, 0 failed, 0 skipped")


def inject(row, lab):
    began = time.monotonic()
    try:
        seen, result = row.run(lab), "passed"
    except Skipped as why:
        seen, result = str(why), "skipped"
    except Exception as why:     # pylint: disable=broad-except
        traceback.print_exc()
        seen, result = f"{type(why).__name__}: {why}", "FAILED"
    print(f"{row.rows:<4}{result:<9}{time.monotonic() - began:>6.1f} s  {row.fault}: {seen}", flush=True)
    return result, seen


def wanted(args):
    known = {row.rows for row in TABLE}
    unknown = [name for name in args.rows if name not in known]
    if unknown:
        sys.exit(f"faults.py: there is no row {', '.join(unknown)}: rows are {TABLE[0].rows} to {TABLE[-1].rows}")
    if args.rows:
        return [row for row in TABLE if row.rows in args.rows]
    return [row for row in TABLE if not args.short or row.short]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", nargs="*")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--check")
    args = parser.parse_args()
    if args.table:
        sys.stdout.write(page())
        return 0
    if args.check:
        check(args.check)
        return 0
    lab, results = Lab(random.Random(args.seed), args.long), {}
    for row in wanted(args):
        results[row] = inject(row, lab) if row.run else ("", "")
    print()
    for row, (result, seen) in results.items():
        print(f"{row.rows:<4} {row.fault}\n     expected: {row.expected}\n     " + (f"seen: {seen}\n     result: {result}" if row.run else
                                                                                   place(row).replace("**", "")))
    counts = [sum(result == word for result, _ in results.values()) for word in ("passed", "FAILED", "skipped")]
    if not counts[1]:
        shutil.rmtree(lab.dir)
    print(f"{counts[0]} passed, {counts[1]} failed, {counts[2]} skipped")
    return 1 if counts[1] or not counts[0] else 0


if __name__ == "__main__":
    sys.exit(main())
