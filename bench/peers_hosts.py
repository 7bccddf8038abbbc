"""The floors on one host: make, ninja, xargs, GNU parallel.  No state, no other hosts; a kill is the end of them.

What a peer can do is the same for all: fan, chain and layers run a command as so many steps, and give seconds; `keyed` adds the step's
name, LAYER-NUMBER, to the command, which then writes down that it ran."""
import os
import shutil
import signal
import subprocess
import threading
import time

from measure import put, status_of

JOBS = "2"
LIMIT_S = 900                                    # a peer that has not ended a run by then does not end it


def name_of(layer, i):
    return f"{layer}-{i}"


class Host:
    """A tool that is one process.  chains, graphs: what it knows of dependencies."""

    chains = graphs = False
    hosts = False                                # whether its workers may stand on other hosts
    tools = ()
    patience_s = 3

    def __init__(self, folder):
        self.folder, self.process = folder, None
        self.largest_mb = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @classmethod
    def need(cls):
        for tool in cls.tools:
            if not shutil.which(tool):
                raise AssertionError(f"{tool} is not installed")

    @staticmethod
    def key(layer, i):
        """What a keyed step calls itself."""
        return name_of(layer, i)

    @staticmethod
    def parents(layer, i, wide):
        """The two of the layer before, by number."""
        return [] if layer == 0 else sorted({(layer - 1, i), (layer - 1, (i + 1) % wide)})

    def manager_mb(self):
        return self.largest_mb

    def _watch(self, process):
        """The most memory that it ever had: what its kernel says while it lives."""
        until = time.monotonic() + LIMIT_S
        while process.poll() is None:
            try:
                self.largest_mb = status_of(process.pid, "VmHWM") / 1024
            except (OSError, TypeError):         # it ends just now
                return
            if time.monotonic() > until:
                process.kill()
            time.sleep(0.02)

    def run(self, command, text=None):
        began = time.monotonic()
        process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.PIPE if text else subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        watch = threading.Thread(target=self._watch, args=(process,), daemon=True)
        watch.start()
        said = process.communicate(text.encode() if text else None)[1].decode(errors="replace")
        watch.join()
        if process.returncode != 0:
            raise AssertionError(f"{command[0]}: exit {process.returncode}: {said[-300:]}")
        return time.monotonic() - began


class Graph(Host):
    """One that reads a file of rules: [(name, command, [names before])]."""

    chains = graphs = True

    def fan(self, step, n, keyed=False):
        return self.rules(self.fan_rules(step, n, keyed))

    def chain(self, step, n, keyed=False):
        return self.rules([self._rule(step, keyed, 0, i, [(0, i - 1)] if i else []) for i in range(n)])

    def layers(self, step, deep, wide, keyed=False):
        return self.rules([self._rule(step, keyed, k, i, self.parents(k, i, wide)) for k in range(deep) for i in range(wide)])

    def fan_rules(self, step, n, keyed):
        return [self._rule(step, keyed, 0, i, []) for i in range(n)]

    @staticmethod
    def _rule(step, keyed, layer, i, before):
        name = name_of(layer, i)
        return "t" + name, f"{step} {name}" if keyed else step, ["t" + name_of(*b) for b in before]

    def rules(self, rules):
        return self.run(self.command(rules))

    # Kills: the file again, by the same tool, is all that there is.
    def begin(self, script, n):
        self.words = self.command(self.fan_rules(script, n, True))
        self._again()

    def _again(self):
        self.process = subprocess.Popen(self.words, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill_manager(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def restart_manager(self):
        began = time.time()
        self._again()
        return began


class Make(Graph):
    tools = ("make",)

    def command(self, rules):
        names = " ".join(name for name, _, _ in rules)
        put(os.path.join(self.folder, "Makefile"), f".PHONY: all {names}\nall: {names}\n" +
            "".join(f"{name}: {' '.join(before)}\n\t@{step}\n" for name, step, before in rules))
        return ["make", "-j", JOBS, "all"]


class Ninja(Graph):
    tools = ("ninja",)

    def command(self, rules):
        put(os.path.join(self.folder, "build.ninja"), "rule r\n  command = $run\n" +
            "".join(f"build {name}: r {' '.join(before)}\n  run = {step}\n" for name, step, before in rules))
        return ["ninja", "-j", JOBS, "--quiet"]


def numbered(n):
    return "".join(name_of(0, i) + "\n" for i in range(n))


class Xargs(Host):
    """Names the step to each command in any case."""

    tools = ("xargs",)

    def fan(self, step, n, keyed=False):
        return self.run(["xargs", "-P", JOBS, "-n", "1", step], numbered(n))


class Parallel(Host):
    tools = ("parallel",)

    def fan(self, step, n, keyed=False):
        return self.run(["parallel", "--will-cite", "-j", JOBS, step], numbered(n))
