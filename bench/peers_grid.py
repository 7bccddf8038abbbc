"""The peers with hosts: gearman, makeflow over Work Queue, Work Queue itself, Dask, Slurm.  Each in a folder and on ports of its own."""
import os
import signal
import socket
import struct
import subprocess
import time

from cluster import free_ports, wait_until
from measure import put, resident_mb
from peers_hosts import LIMIT_S, Graph, Host, name_of

WORKERS = 2


def listening(port):
    with socket.socket() as s:
        s.settimeout(0.2)
        return s.connect_ex(("127.0.0.1", port)) == 0


class Grid(Host):
    """One with a manager and workers as processes."""

    hosts = True

    def __init__(self, folder):
        super().__init__(folder)
        self.port, self.manager, self.workers, self.started = free_ports(3), None, [], []

    def __exit__(self, *_):
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
        for process in self.started:
            process.wait()

    def spawn(self, *command, **more):
        self.started.append(subprocess.Popen([str(word) for word in command], cwd=self.folder, stdin=subprocess.DEVNULL,
                                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more))
        return self.started[-1]

    def up(self, what, process, check):
        def ready():
            if process.poll() is not None:
                raise AssertionError(f"{what} ends with {process.returncode}")
            return check()
        wait_until(what, ready, timeout=60)

    def manager_mb(self):
        return resident_mb(self.manager.pid) if self.manager and self.manager.poll() is None else self.largest_mb

    def kill_worker(self):
        self.workers[0].kill()
        self.workers[0].wait()

    def restart_worker(self):
        began = time.time()
        self.workers[0] = self.worker()
        return began

    def kill_manager(self):
        self.manager.kill()
        self.manager.wait()


# ---- gearman ----

class Gearman(Grid):
    """Its own protocol, spoken here: a job a packet, so that the client costs little.  No dependencies: a chain is the client's."""

    chains = True
    tools = ("gearmand", "gearman", "xargs")
    patience_s = 10
    SUBMIT, SUBMIT_BACKGROUND, CREATED, COMPLETE, FAIL, EXCEPTION = 7, 18, 8, 13, 14, 25

    def __enter__(self):
        self.step, self.number = None, 0
        self._serve()
        return self

    def _serve(self):
        self.manager = self.spawn("gearmand", "--port", self.port, "--listen", "127.0.0.1", "--log-file", os.path.join(self.folder, "log"))
        self.up("gearmand", self.manager, lambda: listening(self.port))

    def worker(self):
        # A job's argument comes on standard input; xargs hands it to the step.
        return self.spawn("gearman", "-h", "127.0.0.1", "-p", self.port, "-w", "-f", f"f{self.number}", "--", *self.step)

    def _workers(self, step, keyed):
        for process in self.workers:
            process.kill()
            process.wait()
        self.number += 1
        self.step = ["xargs", step] if keyed else [step]
        self.workers = [self.worker() for _ in range(WORKERS)]

    def _submit(self, link, kind, i):
        body = b"\0".join([b"f%d" % self.number, b"u%d" % i, name_of(0, i).encode()])
        link.sendall(b"\0REQ" + struct.pack(">II", kind, len(body)) + body)

    def _until(self, stream, kinds, n):
        while n:
            head = stream.read(12)
            if len(head) < 12:
                raise AssertionError("gearmand ends in the middle")
            magic, kind, size = struct.unpack(">4sII", head)
            stream.read(size)
            if magic != b"\0RES" or kind in (self.FAIL, self.EXCEPTION):
                raise AssertionError("a job of gearman failed")
            n -= kind in kinds

    def _talk(self, talk):
        """Seconds that talk(link, stream) takes."""
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", self.port), LIMIT_S) as link, link.makefile("rb") as stream:
            talk(link, stream)
        return time.monotonic() - began

    def _all_at_once(self, kind, until, n):
        def talk(link, stream):
            for i in range(n):
                self._submit(link, kind, i)
            self._until(stream, (until,), n)
        return self._talk(talk)

    def fan(self, step, n, keyed=False):
        self._workers(step, keyed)
        return self._all_at_once(self.SUBMIT, self.COMPLETE, n)

    def chain(self, step, n, keyed=False):
        def talk(link, stream):
            for i in range(n):
                self._submit(link, self.SUBMIT, i)
                self._until(stream, (self.COMPLETE,), 1)
        self._workers(step, keyed)
        return self._talk(talk)

    def begin(self, script, n):
        self._workers(script, True)
        self._all_at_once(self.SUBMIT_BACKGROUND, self.CREATED, n)

    def restart_manager(self):
        began = time.time()
        self._serve()
        return began


# ---- makeflow, Work Queue ----

def work_queue_worker(peer):
    """Each run is a manager of its own: a worker that finds none looks again every second or two, not after a minute at last."""
    return peer.spawn("work_queue_worker", "127.0.0.1", peer.port, "--cores", 1, "--timeout", 3600, "--workdir", peer.folder,
                      "--min-backoff", 1, "--max-backoff", 2)


class Makeflow(Graph, Grid):
    tools = ("makeflow", "work_queue_worker", "orted")
    patience_s = 20

    def __enter__(self):
        self.count = 0
        self.workers = [self.worker() for _ in range(WORKERS)]
        return self

    def worker(self):
        return work_queue_worker(self)

    def command(self, rules):
        self.count += 1
        path = os.path.join(self.folder, f"flow{self.count}")
        put(path, "".join(f"{name}.out: {' '.join(b + '.out' for b in before)}\n\t{step} && : > {name}.out\n"
                          for name, step, before in rules))
        for name, _, _ in rules:
            out = os.path.join(self.folder, f"{name}.out")
            if os.path.exists(out):
                os.unlink(out)
        # Debian's is linked with Open MPI, which wants to be asked before it starts as root.
        return ["env", "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1", "makeflow", "-T", "wq", "-p", str(self.port),
                "--skip-file-check", path]

    def _again(self):
        super()._again()
        self.manager = self.process

    def __exit__(self, *what):
        Grid.__exit__(self, *what)
        Host.__exit__(self, *what)


class Scripted(Grid):
    """One whose client is a program in Python, with Debian's modules: it reads the graph as JSON, and prints the seconds that it took."""

    chains = graphs = True
    PYTHON = "/usr/bin/python3"

    @classmethod
    def need(cls):
        super().need()
        if subprocess.run([cls.PYTHON, "-c", f"import {cls.module}"], capture_output=True, check=False).returncode != 0:
            raise AssertionError(f"{cls.PYTHON} has no module {cls.module}")

    def _client(self, shape, step, keyed, *sizes):
        try:
            done = subprocess.run(self._command(shape, step, keyed, *sizes), cwd=self.folder, capture_output=True, text=True, check=False,
                                  timeout=LIMIT_S)
        except subprocess.TimeoutExpired as late:
            raise AssertionError(f"the client of {self.module} has not ended in {LIMIT_S} s") from late
        if done.returncode != 0:
            raise AssertionError(f"the client of {self.module}: {done.stderr[-500:]}")
        words = done.stdout.split()
        self.largest_mb = float(words[1]) if len(words) > 1 else self.largest_mb
        return float(words[0])

    def _command(self, shape, step, keyed, *sizes):
        return [self.PYTHON, "-c", self.CLIENT, str(self.port), shape, step, str(int(keyed)), *map(str, sizes)]

    def fan(self, step, n, keyed=False):
        return self._client("fan", step, keyed, n)

    def chain(self, step, n, keyed=False):
        return self._client("chain", step, keyed, n)

    def layers(self, step, deep, wide, keyed=False):
        return self._client("layers", step, keyed, deep, wide)

    def begin(self, script, n):
        self.client = self.spawn(*self._command("fan", script, True, n))


class Dask(Scripted):
    module = "distributed"
    tools = ("dask-scheduler", "dask-worker")
    patience_s = 10
    CLIENT = """
import subprocess, sys, time
from distributed import Client, wait
port, shape, step, keyed, *sizes = sys.argv[1:]
sizes = [int(s) for s in sizes]
c = Client(f"tcp://127.0.0.1:{port}", timeout=30)
def run(argv, *before):
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
def submit(layer, i, *before):
    return c.submit(run, [step] + ([f"{layer}-{i}"] if keyed == "1" else []), *before, pure=False)
c.wait_for_workers(2, timeout=30)
began = time.monotonic()
futures = []
if shape == "fan":
    futures = [submit(0, i) for i in range(sizes[0])]
elif shape == "chain":
    for i in range(sizes[0]):
        futures.append(submit(0, i, *futures[-1:]))
else:
    layer = []
    for k in range(sizes[0]):
        w = sizes[1]
        layer = [submit(k, i, *([layer[i], layer[(i + 1) % w]] if layer else [])) for i in range(w)]
        futures += layer
c.gather(futures)
print(time.monotonic() - began)
"""

    def __enter__(self):
        self._serve()
        self.workers = [self.worker() for _ in range(WORKERS)]
        return self

    def _serve(self):
        self.manager = self.spawn("dask-scheduler", "--host", "127.0.0.1", "--port", self.port, "--no-dashboard")
        self.up("dask-scheduler", self.manager, lambda: listening(self.port))

    def worker(self):
        return self.spawn("dask-worker", f"tcp://127.0.0.1:{self.port}", "--nthreads", 1, "--no-nanny", "--no-dashboard")

    def restart_manager(self):
        began = time.time()
        self._serve()
        return began


class WorkQueue(Scripted):
    """Its manager is the client's program: killed, it takes its queue with it."""

    module = "work_queue"
    tools = ("work_queue_worker",)
    patience_s = 20
    CLIENT = """
import resource, sys, time
import work_queue as wq
port, shape, step, keyed, *sizes = sys.argv[1:]
sizes = [int(s) for s in sizes]
q = wq.WorkQueue(int(port))
q.specify_keepalive_interval(5)
def submit(layer, i):
    t = wq.Task(step + (f" {layer}-{i}" if keyed == "1" else ""))
    t.specify_tag(f"{layer}-{i}")
    t.specify_cores(1)
    q.submit(t)
def drain(n, on=lambda layer, i: None):
    while n:
        t = q.wait(5)
        if t:
            if t.return_status != 0:
                sys.exit("a task failed")
            n -= 1
            on(*(int(word) for word in t.tag.split("-")))
while q.stats.workers_connected < 2:
    q.wait(0)
    time.sleep(0.02)
began = time.monotonic()
if shape == "fan":
    for i in range(sizes[0]):
        submit(0, i)
    drain(sizes[0])
elif shape == "chain":
    for i in range(sizes[0]):
        submit(0, i)
        drain(1)
else:
    deep, wide = sizes
    left = {(k, i): 2 for k in range(1, deep) for i in range(wide)}
    def on(k, i):
        for j in (i, (i - 1) % wide):
            if k + 1 < deep:
                left[k + 1, j] -= 1
                if left[k + 1, j] == 0:
                    submit(k + 1, j)
    for i in range(wide):
        submit(0, i)
    drain(deep * wide, on)
print(time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""

    def __enter__(self):
        self.workers = [self.worker() for _ in range(WORKERS)]
        return self

    def worker(self):
        return work_queue_worker(self)

    def begin(self, script, n):
        super().begin(script, n)
        self.manager, self.begun = self.client, (script, n)

    def restart_manager(self):
        began = time.time()
        self.begin(*self.begun)
        return began


# ---- Slurm ----

# With an epilog a node says at once that a job is over, and the next is looked for then; without, once a second.
CONF = """ClusterName=bench
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=0,default_queue_depth=1000
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MaxArraySize=100001
MaxJobCount=200000
MinJobAge=10
Epilog=/bin/true
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/ended
SlurmdTimeout=30
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
"""


class Slurm(Grid):
    chains = graphs = True
    tools = ("slurmctld", "slurmd", "munged", "sbatch", "squeue")
    patience_s = 420                         # a node that is stale holds its processors for as long

    def __enter__(self):
        os.chmod(self.folder, 0o755)
        for name in ("state", "spool"):
            os.mkdir(os.path.join(self.folder, name))
        self.conf = put(os.path.join(self.folder, "slurm.conf"), CONF.format(
            host=socket.gethostname().split(".")[0], port=self.port, node_port=self.port + 1, folder=self.folder, cpus=os.cpu_count()))
        self.env = dict(os.environ, SLURM_CONF=self.conf)
        self._munge()
        self._serve()
        self.workers = [self.worker()]
        wait_until("the node of slurm", self._idle, timeout=60)
        return self

    def _munge(self):
        key = os.path.join(self.folder, "munge.key")
        with open(key, "wb") as f:
            f.write(os.urandom(128))
        os.chmod(key, 0o600)
        names = [f"--{what}={self.folder}/munge.{end}" for what, end in (("socket", "socket"), ("key-file", "key"), ("pid-file", "pid"),
                                                                        ("log-file", "log"), ("seed-file", "seed"))]
        process = self.spawn("munged", "--foreground", "--force", *names)
        self.up("munged", process, lambda: os.path.exists(os.path.join(self.folder, "munge.socket")))

    def _serve(self):
        self.manager = self.spawn("slurmctld", "-D", "-f", self.conf, env=self.env)
        self.up("slurmctld", self.manager, lambda: listening(self.port))

    def worker(self):
        return self.spawn("slurmd", "-D", "-f", self.conf, env=self.env)

    def _said(self, *command):
        done = subprocess.run([str(word) for word in command], env=self.env, cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{command[0]}: {done.stderr.strip()[-300:]}")
        return done.stdout

    def _idle(self):
        try:
            return "idle" in self._said("sinfo", "-h", "-o", "%T")
        except AssertionError:
            return False

    def _submit(self, wrap, *more):
        said = self._said("sbatch", "--parsable", "-n", 1, "-o", "/dev/null", "-e", "/dev/null", *more, "--wrap", wrap)
        return said.split(";")[0].strip()

    def _empty(self):
        return not self._said("squeue", "-h", "-t", "pending,running,completing", "-o", "%i").strip()

    def _ended(self):
        """How many jobs came to a good end, ever; the manager writes a line for each that ends."""
        try:
            with open(os.path.join(self.folder, "ended"), encoding="utf-8") as f:
                return sum("JobState=COMPLETED" in line for line in f)
        except FileNotFoundError:
            return 0

    def _timed(self, n, submit):
        before, began = self._ended(), time.monotonic()
        submit()
        wait_until("the jobs of slurm", self._empty, timeout=LIMIT_S, every=0.1)
        took = time.monotonic() - began
        wait_until(f"the good end of {n} jobs of slurm", lambda: self._ended() - before >= n, timeout=15, every=0.1)
        return took

    def fan(self, step, n, keyed=False):
        return self._timed(n, lambda: self._array(step, n, keyed))

    def _array(self, step, n, keyed, *more):
        self._submit(f"exec {step}" + (" 0-$SLURM_ARRAY_TASK_ID" if keyed else ""), f"--array=0-{n - 1}", *more)

    def _one(self, step, keyed, layer, i, before):
        return self._submit(f"exec {step}" + (f" {name_of(layer, i)}" if keyed else ""),
                            *([f"--dependency=afterok:{':'.join(before)}"] if before else []))

    def chain(self, step, n, keyed=False):
        def submit():
            last = []
            for i in range(n):
                last = [self._one(step, keyed, 0, i, last)]
        return self._timed(n, submit)

    def layers(self, step, deep, wide, keyed=False):
        def submit():
            before = []
            for k in range(deep):
                before = [self._one(step, keyed, k, i, [before[j] for _, j in self.parents(k, i, wide)]) for i in range(wide)]
        return self._timed(deep * wide, submit)

    def begin(self, script, n):
        self._array(script, n, True, "--requeue")

    def restart_manager(self):
        began = time.time()
        self._serve()
        return began
