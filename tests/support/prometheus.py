"""A strict reader of the Prometheus text format 0.0.4, for where promtool is not installed; and promtool, where it is."""
import re
import shutil
import subprocess

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|\Z)')
VALUE = re.compile(r"(?:[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|Inf)|NaN)\Z")
TYPES = {"counter", "gauge", "histogram", "summary", "untyped"}
PARTS = {"_bucket", "_sum", "_count"}            # of a histogram; the last of a sample's key


class Malformed(Exception):
    pass


def labels_of(text, line):
    found, at = {}, 0
    while at < len(text):
        m = LABEL.match(text, at)
        if not m or m[1] in found:
            raise Malformed(f"labels: {line}")
        found[m[1]] = m[2]
        at = m.end()
    return tuple(sorted(found.items()))


def take_comment(line, families):
    word, name, rest = (line.split(" ", 3) + ["", "", ""])[1:4]
    if word not in ("HELP", "TYPE") or not NAME.match(name):
        raise Malformed(f"comment: {line}")
    if word == "HELP":
        if name in families or not rest or not rest.endswith("."):
            raise Malformed(f"a second HELP, or none: {line}")
        families[name] = {"help": rest, "type": None, "samples": {}}
    elif name not in families or families[name]["type"] or rest not in TYPES:
        raise Malformed(f"TYPE without HELP, or twice: {line}")
    else:
        families[name]["type"] = rest
    return name


def take_sample(line, families, current):
    m = re.match(r"([^{ ]+)(?:\{(.*)\})? (\S+)\Z", line)
    if not m or not current or not m[1].startswith(current) or not families[current]["type"] or not VALUE.match(m[3]):
        raise Malformed(f"sample: {line}")
    part = m[1].removeprefix(current)
    if part not in (PARTS if families[current]["type"] == "histogram" else ("",)):
        raise Malformed(f"sample: {line}")
    key = labels_of(m[2] or "", line) + ((part,) if part else ())
    if key in families[current]["samples"]:
        raise Malformed(f"the same series twice: {line}")
    families[current]["samples"][key] = float(m[3])


def check_histogram(name, samples):
    """One without labels of its own: buckets in order, each holds those before it, the last all."""
    bounds = [(float(key[0][1]), value) for key, value in samples.items() if key[-1] == "_bucket"]
    if (bounds != sorted(bounds) or [v for _, v in bounds] != sorted(v for _, v in bounds) or not bounds or bounds[-1][0] != float("inf") or
            bounds[-1][1] != samples.get(("_count",)) or ("_sum",) not in samples):
        raise Malformed(f"the buckets of {name}: {samples}")


def parse(text):
    """{name: {help, type, samples: {labels: value}}}; Malformed where promtool would complain, and where our own rules of names do."""
    families, current = {}, None
    if not text.endswith("\n"):
        raise Malformed("the last line has no end")
    for line in text.split("\n")[:-1]:
        if line.startswith("#"):
            current = take_comment(line, families)
        else:
            take_sample(line, families, current)
    for name, family in families.items():
        counter = family["type"] == "counter"
        if not name.startswith("bf_") or counter != name.endswith("_total"):
            raise Malformed(f"the name of {name}, a {family['type']}")
        if re.search(r"_(ms|us|minutes|kib|kilobytes|percent)(_|\Z)", name):
            raise Malformed(f"{name} is not in a base unit")
        if family["type"] == "histogram":
            check_histogram(name, family["samples"])
        if counter and any(v < 0 for v in family["samples"].values()):
            raise Malformed(f"{name} is negative")
    return families


def promtool(*args, text=None):
    """What promtool says (exit status, output); None where it is not installed."""
    program = shutil.which("promtool")
    if not program:
        return None
    done = subprocess.run([program, *args], input=text, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr
