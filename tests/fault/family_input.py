"""F47 to F50: plans that are bombs, and values that look like a shell's."""
import os
import resource
import subprocess
import time

from cluster import BIN
from lab import Lab

HEAD = "apiVersion: backfill/v1\nkind: Plan\nname: p\n"
SECONDS, MEMORY_KB = 60, 1 << 20       # of the largest, on a machine that is busy


def refused(lab, name, text):
    """(seconds, first line of what is said): a refusal with a position, fast, with little memory."""
    path = os.path.join(lab.folder("bombs"), f"{name}.yaml")
    with open(path, "w", encoding="utf-8", errors="surrogatepass") as f:
        f.write(text)
    began = time.monotonic()
    done = subprocess.run([f"{BIN}/bfctl", "plan", "validate", path], capture_output=True, timeout=120, check=False)
    seconds = time.monotonic() - began
    said = (done.stdout + done.stderr).decode(errors="replace")
    most_kb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert done.returncode == 2, f"{name}: exit {done.returncode}: {said[:300]}"
    assert f"{name}.yaml:" in said, f"{name}: no position: {said[:300]}"
    assert seconds < SECONDS and most_kb < MEMORY_KB, f"{name}: {seconds:.1f} s, {most_kb} KiB"
    return seconds


def told(times):
    return f"{len(times)} refused with their position, the slowest in {max(times):.2f} s"


def yaml_bombs(lab: Lab):
    laughs = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
    return told([refused(lab, "laughs", HEAD + laughs), refused(lab, "deep", HEAD + "steps: " + "[" * 100000),
                 refused(lab, "merge", HEAD + "x: &x {a: 1}\nsteps:\n  a: {<<: *x, run: [\"true\"]}\n"),
                 refused(lab, "tag", HEAD + "steps: !!python/object/apply:os.system [\"true\"]\n"),
                 refused(lab, "twice", HEAD + "steps:\n  a: {run: [\"true\"]}\n  a: {run: [\"false\"]}\n")])


def cycles(lab):
    ring = "".join(f"  s{i}: {{needs: [{{s{(i + 1) % 3000}: same}}], run: [\"true\"]}}\n" for i in range(3000))
    return told([refused(lab, "self", HEAD + "steps:\n  a: {needs: [{a: same}], run: [\"true\"]}\n"),
                 refused(lab, "ring", HEAD + "steps:\n" + ring),
                 refused(lab, "missing", HEAD + "steps:\n  a: {needs: [{b: same}], run: [\"true\"]}\n")])


def too_many(lab):
    hours = "partitions: {grain: hour, from: 1970-01-01, to: 2037-12-31}\n"
    return told([refused(lab, "steps", HEAD + "steps:\n" + "".join(f"  s{i}: {{run: [\"true\"]}}\n" for i in range(200000))),
                 refused(lab, "instances", HEAD + hours + "steps:\n" + "".join(f"  s{i}: {{run: [\"true\"]}}\n" for i in range(100))),
                 refused(lab, "long", HEAD + "steps:\n  a: {run: [\"" + "x" * (17 << 20) + "\"]}\n")])


def literal_argv(lab):
    """What a shell would carry out arrives as it is written, in argv and in the environment."""
    values = ["$(touch PWNED)", "`touch PWNED`", "; touch PWNED", "two\nlines", "a'b\"c", "--flag", "%s%n"]
    with lab.cluster("argv", agents=1) as cluster:
        folder = lab.folder("argv")
        out = os.path.join(folder, "out")
        text = ("params: {v: x}\nsteps:\n"
                f"  a: {{run: [sh, -c, 'printf \"%s\" \"$1\" >{out}', sh, \"{{{{ params.v }}}}\"]}}\n")
        plan = lab.plan(folder, text)
        for value in values:
            value = value.replace("PWNED", os.path.join(folder, "pwned"))
            backfill = cluster.create(plan, "--param", f"v={value}")
            cluster.ctl("wait", backfill, "--timeout", "60s")
            with open(out, encoding="utf-8", newline="") as f:
                got = f.read()
            assert got == value, f"{value!r} arrived as {got!r}"
        assert not os.path.exists(os.path.join(folder, "pwned")), "a value was carried out"
    refused(lab, "nul", HEAD + "steps:\n  a: {run: [\"a\\0b\"]}\n")
    return f"{len(values)} values arrived byte for byte; a NUL is refused with its position"
