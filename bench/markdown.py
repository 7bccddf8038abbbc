"""The tables of docs/performance.md and docs/scaling.md, as they stand there, from the objects that bench.py and peers.py print."""
import json
import re

PEERS_OF = {"S1": "fan", "S1b": "stub", "S2": "chain_ms", "S4": "layers"}        # row -> the same shape among the peers
MARK = {True: "yes", False: "no", None: "-"}


SCRIPT = {"rows": "bench.py", "peers": "peers.py"}                               # what writes which object


def read(path, kind):
    """The object in a file of --json, or in the last line of a log."""
    try:
        with open(path, encoding="utf-8") as f:
            text = f.read()
    except (OSError, UnicodeDecodeError) as error:
        raise SystemExit(f"{path} cannot be read: {getattr(error, 'strerror', 'it is no text')}") from None
    lines = [text_line for text_line in text.splitlines() if text_line.startswith('{"bench"')]
    for candidate in [text, *lines[-1:]]:
        try:
            told = json.loads(candidate)
        except json.JSONDecodeError:
            continue
        if isinstance(told, dict) and told.get("bench") == kind:
            return told
    raise SystemExit(f"{path}: no object of {SCRIPT[kind]} is in it; give a file of its --json, or a log of it")


def number(value):
    """Three figures or so, with commas."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def plain(text, most):
    return re.sub(r"[\s|]+", " ", text)[:most]


def line(*words):
    return "| " + " | ".join(str(word) for word in words) + " |\n"


def head(*words):
    return line(*words) + "|" + "---|" * len(words) + "\n"


def span(of):
    return f"{number(of['least'])} to {number(of['most'])}{' ' + of['unit'] if 'unit' in of else ''}, {of['runs']}" if of else ""


def about(told):
    at = told["machine"]
    return (f"{at['processors']} × {at['model']}, Linux {at['kernel']}, at {at['commit']}, {at['at'][:10]}; size {told['size']}; "
            f"load before {at['load']:.1f}\n\n")


def beside(row, peers):
    """The best peer with hosts that did the same, from the run of peers.py in which ours did it too."""
    key = PEERS_OF.get(row["row"])
    unit, told = " ms" if key == "chain_ms" else "/s", []
    for own, ratios in (peers or {}).get("against", {}).items():
        best = ratios.get(key, {}).get("peers with hosts")
        if best:
            told.append(f"{own} {number(best['ours'])}{unit}: × {best['ratio']:.2f} of {best['best']}'s {number(best['figure'])}{unit}")
    return "; ".join(told)


def performance(rows, peers):
    out = head("row", "work", "target", "figure", "least to most, runs", "floor", "best peer with hosts", "met")
    for row in rows:
        work = row["what"] + (f" (smaller: {row['smaller']})" if row.get("smaller") else "")
        out += line(row["row"], work, row["target"], row["figure"], span(row.get("measured")), row.get("floor", ""), beside(row, peers),
                    MARK[row["met"]])
    return out


def where_time_goes(rows):
    """Of both processors, while a row ran."""
    parts = ["engine", "wire", "store", "spawn", "agent", "logs", "queries", "loop", "other", "steps", "others", "idle"]
    out = head("row", *parts, "coordinator", "agent")
    for row in rows:
        if row.get("time"):
            out += line(row["row"], *(f"{100 * row['time'].get(part, 0):.0f} %" for part in parts), f"{row['coordinator_mb']:.0f} MB",
                        f"{row['agent_mb']:.0f} MB")
    return out


def peers_tables(peers):
    out = head("peer", "steps", "`/bin/true`, steps/s", "stub, steps/s", "chain, ms a step", "layers, steps/s", "manager")
    for row in peers["rows"]:
        of = row["steps"]
        figures = [f"{number(row[key]['median'])} ({number(row[key]['least'])} to {number(row[key]['most'])})" if row[key] else ""
                   for key in ("fan", "stub", "chain_ms", "layers")]
        out += line(row["peer"], f"{of['fan']}; {of['chain']}; {of['layers'][0]} × {of['layers'][1]}", *figures,
                    f"{row['manager_mb']:.0f} MB" if row["manager_mb"] else "")
    out += "\n" + head("peer", "killed", "steps", "lost", "finished twice", "at once twice", "back", "all that finished, after")
    for row in peers["rows"]:
        for what, got in row.get("kills", {}).items():
            if "failed" in got:
                out += line(row["peer"], what, "", "", "", "", "", plain(got["failed"], 100))
                continue
            lost = f"{got['lost']} (in {got['waited_s']:.0f} s)" if got["lost"] else "0"
            out += line(row["peer"], what, got["steps"], lost, got["finished_twice"], got["at_once"],
                        f"{got['back_s']:.1f} s" if got["back_s"] is not None else "never", f"{got['killed_to_end_s']:.1f} s")
    return out + "".join(f"\nNot counted: {name}, {plain(why, 200)}\n" for name, why in peers["left_out"].items())


def scaling(by):
    """Each constant with the row that gives it; those whose row is missing are left out."""
    s2, s3, s5, s8, s9 = (by.get(name) for name in ("S2", "S3", "S5", "S8", "S9"))
    out = head("what", "constant", "row")
    if s3:
        us = s3["cpu_us"]["coordinator"]
        out += line("a step, in the coordinator (granted, sent, reported, journalled)",
                    f"{us:.1f} µs of processor time: a core is full at {1e6 / us:,.0f} steps/s", "S3, `cpu_us`")
    if s9:
        few = ", ".join(f"{us:.1f} µs of {n:,}" for n, us, *_ in s9["by_instances"])
        out += line("the same without sockets and disk, both ends of the wire counted, 4 agents of 500 slots", few, "S9, `by_instances`")
        out += line("journal", f"{s9['journal_bytes']:.0f} bytes a step", "S9, `journal_bytes`")
    if s5 and s9:
        out += line("memory", f"{s5['bytes_per_instance']:.0f} bytes an instance that waits, {s9['bytes_per_instance']:.0f} one that is "
                    "ready", "S5, `bytes_per_instance`; S9, the same")
    if s5:
        out += line(s5["what"].split(",")[0] + " instances", f"{s5['create_s']['median']:.2f} s within the coordinator, in one turn",
                    "S5, `create_s`")
    if s2:
        out += line("a commit of one small turn", f"{s2['commit_ms']:.2f} ms", "S2, `commit_ms`")
    if s8:
        n = re.match(r"\d+", s8["what"])[0]
        out += line(f"{int(n):,} agents, a heartbeat every 2 s", f"{100 * s8['share']['median']:.1f} % of a core, all back after "
                    f"{s8['reconnect_s']['median']:.1f} s", "S8, `share`, `reconnect_s`")
    if s9:
        out += "\n" + head("agents", "of one slot each", f"sharing {s9['slots']:,} slots")
        out += "".join(line(f"{agents:,}", f"{us:.2f} µs", f"{shared:.2f} µs")
                       for (agents, us, _), (_, shared, _) in zip(s9["by_agents"], s9["by_message"]))
        out += line(f"{s9['both'][1]:,}, and {s9['both'][0]:,} steps", f"{s9['both'][2]:.2f} µs", "")
    return out


def write(out, objects, peers):
    """Of several objects the first that has a row gives it."""
    rows, seen = [], set()
    for told in objects:
        out.write(about(told))
        rows += [row for row in told["rows"] if row["row"] not in seen]
        seen |= {row["row"] for row in told["rows"]}
    by = {row["row"]: row for row in rows}
    out.write("docs/performance.md, Figures:\n\n" + performance(rows, peers))
    out.write("\ndocs/performance.md, all processors by part:\n\n" + where_time_goes(rows))
    if peers:
        out.write("\ndocs/performance.md, Peers:\n\n" + about(peers) + peers_tables(peers))
    out.write("\ndocs/scaling.md:\n\n" + scaling(by))
