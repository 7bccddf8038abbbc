"""A strict reader of the Prometheus text format 0.0.4, for where promtool is not installed; and promtool, where it is."""
import re
import shutil
import subprocess

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|\Z)')
VALUE = re.compile(r"(?:[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|Inf)|NaN)\Z")
TYPES = {"counter", "gauge", "histogram", "summary", "untyped"}


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
    if not m or m[1] != current or not families[current]["type"] or not VALUE.match(m[3]):
        raise Malformed(f"sample: {line}")
    key = labels_of(m[2] or "", line)
    if key in families[current]["samples"]:
        raise Malformed(f"the same series twice: {line}")
    families[current]["samples"][key] = float(m[3])


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
