#!/usr/bin/env python3
"""test_zones.py ZONE_DUMP: every time zone of the system, 1970 to 2037, as our reader and as Python's zoneinfo has it.

What is expected comes from zoneinfo alone: utcoffset() with both folds, and bisection where a clock jumps.  Every day, week, month
and hour is compared, and the answers for local times around every change.  Names with the same bytes are compared once.
"""

import array
import bisect
import collections
import concurrent.futures
import datetime
import functools
import hashlib
import os
import struct
import subprocess
import sys
import tempfile
import zoneinfo

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1)
SECOND = datetime.timedelta(seconds=1)
DAY, HOUR = 86400, 3600
FROM, UNTIL = 1 * DAY, int((datetime.datetime(2037, 12, 30) - EPOCH) / SECOND)
# Days with some to spare at both ends, so that every week and month is whole.
FIRST_DAY, LAST_DAY = -70, UNTIL // DAY + 70
MIDNIGHTS = [EPOCH + datetime.timedelta(days=day) for day in range(FIRST_DAY, LAST_DAY + 1)]
LABELS = array.array("i", range(FIRST_DAY * 24, LAST_DAY * 24))
KINDS = ("days", "weeks", "months", "hours", "hours at changes", "keys", "instants", "version 1 only", "slim files")


class Clock:
    """A zone by zoneinfo, in seconds."""

    def __init__(self, zone):
        self.zone = zone

    def local(self, at):
        return at + datetime.datetime.fromtimestamp(at, self.zone).utcoffset() // SECOND

    def offset(self, at):
        return self.local(at) - at

    def instants(self, local):
        shown = EPOCH + datetime.timedelta(seconds=local)
        ends = [local - self.zone.utcoffset(shown.replace(fold=fold)) // SECOND for fold in (0, 1)]
        return sorted(set(at for at in ends if self.local(at) == local)), ends

    def first_at(self, local):
        """The first instant that shows local or later."""
        found, ends = self.instants(local)
        if found:
            return found[0]
        low, high = min(ends) - 1, max(ends)        # in a gap: the clock jumps between these
        while high - low > 1:
            middle = (low + high) // 2
            if self.local(middle) >= local:
                high = middle
            else:
                low = middle
        return high

    def changes(self):
        """[(instant, offset before, offset after)], found by looking at each day."""
        found = []
        low, before = FIRST_DAY * DAY, self.offset(FIRST_DAY * DAY)
        for high in range(low + DAY, LAST_DAY * DAY, DAY):
            after = self.offset(high)
            if after != before:
                low, end = high - DAY, high
                while end - low > 1:
                    middle = (low + end) // 2
                    if self.offset(middle) == before:
                        low = middle
                    else:
                        end = middle
                found.append((end, before, after))
                before = after
        return found

    def day_starts(self):
        offsets = [offset // SECOND for offset in map(self.zone.utcoffset, MIDNIGHTS)]
        starts = []
        for i, offset in enumerate(offsets):
            local = (FIRST_DAY + i) * DAY
            calm = 0 < i < len(offsets) - 1 and offsets[i - 1] == offset == offsets[i + 1]
            starts.append(local - offset if calm else self.first_at(local))
        return starts


def whole(starts, labels):
    """Cut to what meets [FROM, UNTIL); starts has one more than labels.  Labels without a time of their own are left out."""
    kept = [(start, label) for start, end, label in zip(starts, starts[1:], labels) if end > max(start, FROM) and start < UNTIL]
    end = starts[labels.index(kept[-1][1]) + 1]
    return array.array("q", [start for start, _ in kept] + [end]), array.array("i", [label for _, label in kept])


def expected_tables(clock):
    starts, days = clock.day_starts(), range(FIRST_DAY, LAST_DAY + 1)
    tables = [whole(starts, days[:-1])]
    mondays = [i for i, at in enumerate(MIDNIGHTS) if at.weekday() == 0]
    monday_zero = datetime.datetime(1969, 12, 29)
    tables.append(whole([starts[i] for i in mondays], [(MIDNIGHTS[i] - monday_zero).days // 7 for i in mondays[:-1]]))
    firsts = [i for i, at in enumerate(MIDNIGHTS) if at.day == 1]
    tables.append(whole([starts[i] for i in firsts], [(MIDNIGHTS[i].year - 1970) * 12 + MIDNIGHTS[i].month - 1 for i in firsts[:-1]]))
    return tables


@functools.lru_cache(maxsize=16)
def grid(offset):
    """Every beginning of an hour on a clock of this offset modulo an hour, from (FIRST_DAY * 24)th on."""
    return array.array("q", range(FIRST_DAY * DAY - offset, LAST_DAY * DAY, HOUR))


def expected_hours(clock, changes):
    starts, labels, offsets = array.array("q"), array.array("i"), array.array("i")
    edges = [(FROM - HOUR, clock.offset(FROM - HOUR))] + [(at, after) for at, _, after in changes if FROM - HOUR < at < UNTIL + HOUR]
    for (begin, offset), (end, _) in zip(edges, edges[1:] + [(UNTIL + 2 * HOUR, 0)]):
        first = (begin + offset) // HOUR
        last = (end - 1 + offset) // HOUR
        beginnings, moved = grid(offset % HOUR), offset // HOUR + FIRST_DAY * 24
        starts.append(begin)
        starts.extend(beginnings[first + 1 - moved:last + 1 - moved])
        labels.extend(LABELS[first - FIRST_DAY * 24:last + 1 - FIRST_DAY * 24])
        offsets.extend(array.array("i", [offset]) * (last + 1 - first))
    low = next(i for i, start in enumerate(starts) if starts[i + 1] > FROM)
    high = next(i for i in range(len(starts) - 1, -1, -1) if starts[i] < UNTIL) + 1
    return starts[low:high + 1], labels[low:high], offsets[low:high]


class Reader:
    def __init__(self, data):
        self.data, self.at = memoryview(data), 0

    def take(self, code, n):
        values = array.array(code)
        end = self.at + values.itemsize * n
        values.frombytes(self.data[self.at:end])
        self.at = end
        return values

    def table(self, with_offsets=False):
        n = self.take("q", 1)[0]
        starts, labels = self.take("q", n + 1), self.take("i", n)
        return (starts, labels, self.take("i", n)) if with_offsets else (starts, labels)


def dump(program, name, path, queries, *more):
    return subprocess.run([program, name, path, str(FROM), str(UNTIL), *more], input=queries.tobytes(), stdout=subprocess.PIPE,
                          check=True).stdout


def blocks(data):
    """(offset of the second header, end of its data, its counts) of a file of version 2 or later."""
    def header(at):
        return struct.unpack(">6l", data[at + 20:at + 44])
    ut, standard, leap, times, types, chars = header(0)
    second = 44 + times * 5 + types * 6 + chars + leap * 8 + standard + ut
    ut, standard, leap, times, types, chars = counts = header(second)
    return second, second + 44 + times * 9 + types * 6 + chars + leap * 12 + standard + ut, counts


def slim(data):
    """The same zone as `zic -b slim` writes it: no first block, and no transition that the footer tells."""
    second, end, (ut, standard, leap, times, types, chars) = blocks(data)
    at = second + 44
    instants = struct.unpack(f">{times}q", data[at:at + 8 * times])
    indices, rest = data[at + 8 * times:at + 9 * times], data[at + 9 * times:end]
    keep = times
    is_of_2037 = times and datetime.datetime.fromtimestamp(instants[-1], UTC).year == 2037
    while b"," in data[end:] and is_of_2037 and keep and datetime.datetime.fromtimestamp(instants[keep - 1], UTC).year > 2029:
        keep -= 1
    empty = data[:20] + struct.pack(">6l", 0, 0, 0, 0, 1, 1) + bytes(7)
    header = data[second:second + 20] + struct.pack(">6l", ut, standard, leap, keep, types, chars)
    return empty + header + struct.pack(f">{keep}q", *instants[:keep]) + indices[:keep] + rest + data[end:]


class Comparison:
    def __init__(self, name):
        self.name, self.made, self.differences = name, collections.Counter(), collections.Counter()

    def same(self, kind, got, wanted):
        """Two sequences, item by item."""
        self.made[kind] += max(len(got), len(wanted))
        if got != wanted:
            bad = [i for i, pair in enumerate(zip(got, wanted)) if pair[0] != pair[1]]
            self.differences[kind] += len(bad) + abs(len(got) - len(wanted))
            where = bad[0] if bad else min(len(got), len(wanted))
            print(f"{self.name}: {kind}: {len(got)} and {len(wanted)}, different at {where}: "
                  f"{list(got[where:where + 3])}, wanted {list(wanted[where:where + 3])}", flush=True)


def check_hours_at_changes(c, clock, changes, table):
    """A partition is a longest run of instants with one offset and one local hour: looked at from its ends."""
    starts, labels, offsets = table
    got, wanted = [], []
    for at, _, _ in changes:
        middle = bisect.bisect(starts, at)
        for i in range(max(middle - 36, 0), min(middle + 36, len(labels))):
            shown = [clock.local(moment) for moment in (starts[i], starts[i + 1] - 1, starts[i] - 1)]
            first, last = [(local // HOUR, local - moment) for local, moment in zip(shown, (starts[i], starts[i + 1] - 1))]
            other = (shown[2] // HOUR, shown[2] - starts[i] + 1)
            got.append((labels[i], offsets[i]))
            wanted.append(first if first == last != other else None)
    c.same("hours at changes", got, wanted)


def queries_of(changes):
    found = array.array("q")
    for at, before, after in changes:
        low, high = sorted((at + before, at + after))
        found.extend([low - HOUR, low - 1, low, low + 1, (low + high) // 2, high - 1, high, high + 1, high + HOUR])
    return found


def expected_answers(clock, queries):
    wanted = array.array("q")
    for local in queries:
        found, _ = clock.instants(local)
        wanted.extend([clock.first_at(local), len(found)] + (found + [0, 0])[:2])
    return wanted


def check_keys(c, clock, data, starts):
    got, wanted = [], []
    for at in range(0, len(data), 40):
        index, key = struct.unpack("=q32s", data[at:at + 40])
        shown = datetime.datetime.fromtimestamp(starts[index], clock.zone).isoformat()
        got.append(key.rstrip(b"\0").decode())
        wanted.append(shown[:13] + shown[19:])
    c.same("keys", got, wanted)


def check(program, name, path):
    c, clock = Comparison(name), Clock(zoneinfo.ZoneInfo(name))
    changes = clock.changes()
    queries = queries_of(changes)
    output = dump(program, name, path, queries)
    reader = Reader(output)
    hours = reader.table(with_offsets=True)
    after_hours = reader.at
    for got, wanted in zip(hours, expected_hours(clock, changes)):
        c.same("hours", got, wanted)
    for kind, wanted in zip(("days", "weeks", "months"), expected_tables(clock)):
        for got, part in zip(reader.table(), wanted):
            c.same(kind, got, part)
    c.same("instants", reader.take("q", 4 * len(queries)), expected_answers(clock, queries))
    check_keys(c, clock, output[reader.at:], hours[0])
    check_hours_at_changes(c, clock, changes, hours)
    with open(path, "rb") as file, tempfile.NamedTemporaryFile() as other:
        data = file.read()
        first_counts = struct.unpack(">6l", data[20:44])
        forms = [("slim files", slim(data))]
        if first_counts[3] or not changes:               # else the system's files are slim themselves
            forms.append(("version 1 only", data[:4] + b"\0" + data[5:blocks(data)[0]]))
        for kind, form in forms:
            other.seek(0)
            other.truncate()
            other.write(form)
            other.flush()
            short = dump(program, name, other.name, queries, "no-hours")
            c.same(kind, short, output[after_hours:reader.at])
            c.made[kind] -= len(short) - 1               # one comparison of a whole, though it is of bytes
    return c.made, c.differences


def path_of(name):
    for folder in zoneinfo.TZPATH:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return path
    raise FileNotFoundError(f"no file for {name} in {zoneinfo.TZPATH}; install tzdata")


def main():
    program = sys.argv[1]
    names = sorted(zoneinfo.available_timezones())
    by_bytes = {}
    for name in names:
        with open(path_of(name), "rb") as file:
            by_bytes.setdefault(hashlib.sha256(file.read()).digest(), []).append(name)
    made, differences = collections.Counter(), collections.Counter()
    failed = 0
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        jobs = [(same[0], pool.submit(check, program, same[0], path_of(same[0]))) for same in by_bytes.values()]
        for name, job in jobs:
            try:
                one_made, one_differences = job.result()
            except subprocess.CalledProcessError as error:
                print(f"FAILED {name}: {error}")
                failed += 1
                continue
            made += one_made
            differences += one_differences
    for kind in KINDS:
        bad = differences[kind] or (made[kind] == 0 and kind != "version 1 only")
        failed += bool(bad)
        print(f"{'FAILED' if bad else 'ok':6} {kind}: {made[kind]} compared, {differences[kind]} differences")
    if len(names) < 400:
        print(f"FAILED only {len(names)} zones: the database of the system is not whole")
        failed += 1
    print(f"{len(names)} zones, {len(by_bytes)} different files: {sum(made.values())} comparisons, {sum(differences.values())} differences")
    print(f"{max(len(KINDS) - failed, 0)} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
