"""Private database servers for tests: PostgreSQL, MariaDB and SQLite, each in a scratch folder, read by its own client and not through
ODBC.  A server that this machine does not have makes its test skip, with the reason.

    with PostgreSQL() as server:
        server.execute("create table t (a int)")
        rows = server.query("select a from t")          # lists of texts; NULL is None
        string = server.odbc()                          # for bf-sql
"""
import glob
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading

from cluster import PATIENCE, free_ports, wait_until

SKIPPED = 77
PASSWORD = "s3cr;et}pw"                      # hard on every parser of connection strings


def call(what, argv, timeout=60, **options):
    """subprocess.run(), for so long at most; when it takes longer, says what was waited for."""
    try:
        return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout * PATIENCE, **options)
    except subprocess.TimeoutExpired as late:
        said = b"".join(out if isinstance(out, bytes) else out.encode() for out in (late.stdout, late.stderr) if out)
        raise AssertionError(f"timed out after {late.timeout} s waiting for {what}: {said[-500:].decode(errors='replace')}") from None


class Absent(Exception):
    """The server is not installed here."""


def braced(value):
    """A value of a connection string, whatever characters it has."""
    return "{" + value.replace("}", "}}") + "}"


def run_as(user):
    """Servers refuse to run as root; others run as whoever runs the test."""
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if os.geteuid() == 0 else []


def find_program(name, *patterns):
    found = shutil.which(name) or next((p for pattern in patterns for p in sorted(glob.glob(pattern), reverse=True)), None)
    if not found:
        raise Absent(f"{name} is not installed")
    return found


def is_alive(pid):
    """Whether a process still holds anything: a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Server:
    """A server process in a scratch folder, up when the constructor returns."""

    user = None                              # the account that it runs under when the test is root
    odbc_driver = None                       # section of odbcinst.ini

    def __init__(self, start=True):
        with open("/etc/odbcinst.ini", encoding="utf-8") as f:
            if f"[{self.odbc_driver}]" not in f.read():
                raise Absent(f"the ODBC driver {self.odbc_driver} is not installed")
        self.find()
        self.folder = tempfile.mkdtemp(prefix=f"bf-{type(self).__name__.lower()}-")
        self.data = os.path.join(self.folder, "data")
        self.log = os.path.join(self.folder, "server.log")
        self.port = free_ports(1)
        self.process = None
        if os.geteuid() == 0:
            shutil.chown(self.folder, self.user, self.user)
        self.install()
        if start:
            self.start()
            self.prepare()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()

    def _command(self, *argv):
        return call(f"{os.path.basename(argv[0])} to end", [*run_as(self.user), *argv], 120, check=True, cwd=self.folder)

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*run_as(self.user), *self.argv()], cwd=self.folder, stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)
        wait_until(f"{type(self).__name__} to answer", self._up)

    def _up(self):
        if self.process.poll() is not None:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                raise AssertionError("the server ended: " + f.read()[-2000:])
        try:
            return self.query("select 1", database=self.first_database) == [["1"]]
        except subprocess.CalledProcessError:
            return False

    def kill(self):
        """As a crash would end it: nothing of it is left when this returns, also of what was being forked."""
        os.kill(self.process.pid, signal.SIGSTOP)            # it forks no more
        pids = self.pids()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        wait_until("the server's first process to be gone", lambda: self.process.poll() is not None)
        wait_until("the server's processes to be gone", lambda: not any(map(is_alive, pids)))

    def pids(self):
        """The server's processes, the first one first."""
        children = call("pgrep to end", ["pgrep", "-P", str(self.process.pid)], check=False).stdout.split()
        return [self.process.pid, *map(int, children)]

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(60 * PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def execute(self, sql, **options):
        self.query(sql, **options)


class Client:
    """A session of the database's own client that stays open, for locks that somebody else holds."""

    def __init__(self, argv, env):
        self.process = subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def send(self, sql):
        self.process.stdin.write(sql + "\n")
        self.process.stdin.flush()

    def say(self, sql, until, timeout=60):
        """Statements, of which the last prints a word."""
        self.send(sql + ";")
        late = threading.Timer(timeout * PATIENCE, self.process.kill)        # a line is read without a limit
        late.start()
        try:
            for line in self.process.stdout:
                if line.strip() == until:
                    return
        finally:
            late.cancel()
        raise AssertionError(f"the client ended, or did not print {until!r} within {timeout * PATIENCE} s, after: {sql}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class PostgreSQL(Server):
    user = "postgres"
    odbc_driver = "PostgreSQL Unicode"
    stop_signal = signal.SIGINT              # fast: open sessions are ended
    first_database = "postgres"
    dbms = "PostgreSQL"

    def find(self):
        pattern = "/usr/lib/postgresql/*/bin/"
        self.initdb, self.server = find_program("initdb", pattern + "initdb"), find_program("postgres", pattern + "postgres")
        self.client_program = find_program("psql")

    def install(self):
        secret = os.path.join(self.folder, "pw")
        with open(secret, "w", encoding="ascii") as f:
            f.write(PASSWORD)
        if os.geteuid() == 0:
            shutil.chown(secret, self.user, self.user)
        self._command(self.initdb, "-D", self.data, "-U", "owner", "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8", "--no-sync",
                      "--locale=C.UTF-8")

    def argv(self):
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.folder, "fsync": "off",
                    "max_connections": 60, "shared_buffers": "32MB", "log_min_messages": "warning", "timezone": "UTC",
                    "deadlock_timeout": "200ms"}
        return [self.server, "-D", self.data, *(f"--{k}={v}" for k, v in settings.items())]

    def prepare(self):
        self.execute("create database warehouse", database="postgres")
        self.execute(f"create role loader login password '{PASSWORD}'; grant all on schema public to loader")

    def odbc(self, user="loader", password=PASSWORD, database="warehouse", extra=""):
        return (f"Driver={self.odbc_driver};Server=127.0.0.1;Port={self.port};Database={database};UID={user};"
                f"PWD={braced(password)};{extra}")

    def _env(self, user="owner", database="warehouse"):
        return dict(os.environ, PGPASSWORD=PASSWORD, PGHOST="127.0.0.1", PGPORT=str(self.port), PGUSER=user, PGDATABASE=database,
                    PGCONNECT_TIMEOUT="10")     # should another process listen there

    def client(self):
        return Client([self.client_program, "-XAtq"], self._env())

    def end_sessions(self):
        self.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'loader'")

    def query(self, sql, user="owner", database="warehouse"):
        env = self._env(user, database)
        out = call(f"psql to end, with: {sql[:200]}", [self.client_program, "-XAtq", "-v", "ON_ERROR_STOP=1", "-F", "\x1f", "-R", "\x1e",
                                                       "-P", "null=\x1d", "-c", sql], env=env, check=True).stdout
        return rows_of(out.removesuffix("\n"), "\x1e", "\x1f", "\x1d")

    def execute_as_loader(self, sql):
        self.query(sql, user="loader")

    def empty(self):
        """As it was at first, but for roles and settings."""
        self.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'warehouse' and pid <> pg_backend_pid()")
        self.execute("drop schema if exists public cascade; create schema public; grant all on schema public to loader")

    def statements(self):
        """What the sessions of loaders run."""
        return [row[0] for row in self.query("select query from pg_stat_activity where state = 'active' and usename = 'loader'")]

    def add_role(self, name):
        """Another role that may read and write all tables, now and later."""
        self.execute(f"do $$ begin if not exists (select from pg_roles where rolname = '{name}') then "
                     f"create role {name} login password '{PASSWORD}'; end if; end $$; grant all on schema public to {name}; "
                     f"grant all on all tables in schema public to {name}; "
                     f"alter default privileges for role loader in schema public grant all on tables to {name}")

    def add_reader(self, name):
        """A role that may connect, and no more."""
        self.execute(f"do $$ begin if not exists (select from pg_roles where rolname = '{name}') then "
                     f"create role {name} login password '{PASSWORD}'; end if; end $$; grant usage on schema public to {name}")

    def sessions(self):
        """Application names of the sessions of loaders."""
        return [row[0] for row in self.query("select application_name from pg_stat_activity where usename = 'loader' order by pid")]


class MariaDB(Server):
    user = "mysql"
    odbc_driver = "MariaDB Unicode"
    stop_signal = signal.SIGTERM
    first_database = "mysql"
    dbms = "MariaDB"

    def find(self):
        self.installer = find_program("mariadb-install-db")
        self.server = find_program("mariadbd", "/usr/sbin/mariadbd")
        self.client_program = find_program("mariadb")

    def install(self):
        self._command(self.installer, "--no-defaults", f"--datadir={self.data}", "--auth-root-authentication-method=normal",
                      "--skip-test-db")

    def argv(self):
        return [self.server, "--no-defaults", f"--datadir={self.data}", f"--port={self.port}", "--bind-address=127.0.0.1",
                f"--socket={self.folder}/socket", f"--pid-file={self.folder}/pid", f"--tmpdir={self.folder}",
                "--character-set-server=utf8mb4",
                "--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=32M", "--skip-name-resolve", "--skip-log-bin"]

    def prepare(self):
        self.execute(f"create database warehouse; create user loader@'127.0.0.1' identified by '{PASSWORD}'; "
                     "grant all on warehouse.* to loader@'127.0.0.1'", database="mysql")

    def odbc(self, user="loader", password=PASSWORD, database="warehouse", extra=""):
        return (f"Driver={self.odbc_driver};Server=127.0.0.1;Port={self.port};Database={database};UID={user};"
                f"PWD={braced(password)};{extra}")

    def _client(self):
        return [self.client_program, "--no-defaults", f"--socket={self.folder}/socket", "-uroot", "-N", "-B", "--connect-timeout=10",
                "--default-character-set=utf8mb4"]

    def client(self):
        return Client([*self._client(), "--unbuffered", "-D", "warehouse"], None)

    def end_sessions(self):
        for session in self.sessions():
            self.execute(f"kill {session}")

    def query(self, sql, database="warehouse"):
        out = call(f"mariadb to end, with: {sql[:200]}", [*self._client(), "-D", database, "-e", sql], check=True).stdout
        return rows_of(out.removesuffix("\n"), "\n", "\t", "NULL")

    def execute_as_loader(self, sql):
        self.query(sql)                      # tables have no owners here

    def empty(self):
        """As it was at first, but for roles and settings."""
        for session in self.sessions():
            self.execute(f"kill {session}")
        wait_until("sessions to end", lambda: not self.sessions())
        self.execute("drop database if exists warehouse; create database warehouse", database="mysql")

    def statements(self):
        """What the sessions of loaders run."""
        return [row[0] for row in self.query("select info from information_schema.processlist where user = 'loader' and info is not null")]

    def add_role(self, name):
        """Another role that may read and write all tables, now and later."""
        self.execute(f"create user if not exists {name}@'127.0.0.1' identified by '{PASSWORD}'; "
                     f"grant all on warehouse.* to {name}@'127.0.0.1'")

    def add_reader(self, name):
        """A role that may connect, and no more."""
        self.execute(f"create user if not exists {name}@'127.0.0.1' identified by '{PASSWORD}'; "
                     f"grant select on warehouse.* to {name}@'127.0.0.1'")

    def sessions(self):
        """Ids of the sessions of loaders."""
        return [row[0] for row in self.query("select id from information_schema.processlist where user = 'loader' order by id")]


class SQLite:
    """No server: one file.  The same calls, so that a test runs on all three."""

    dbms = "SQLite"

    def __init__(self):
        with open("/etc/odbcinst.ini", encoding="utf-8") as f:
            if "[SQLite3]" not in f.read():
                raise Absent("the ODBC driver SQLite3 is not installed")
        self.folder = tempfile.mkdtemp(prefix="bf-sqlite-")
        self.path = os.path.join(self.folder, "warehouse.db")
        self.execute("pragma journal_mode = wal")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def odbc(self, extra=""):
        return f"Driver=SQLite3;Database={self.path};Timeout=300;{extra}"

    def query(self, sql):
        connection = sqlite3.connect(self.path, timeout=30)
        try:
            with connection:
                rows = connection.execute(sql).fetchall()
        finally:
            connection.close()
        return [[None if cell is None else str(cell) for cell in row] for row in rows]

    def execute_as_loader(self, sql):
        self.execute(sql)

    def empty(self):
        """As it was at first."""
        for name in glob.glob(self.path + "*"):
            os.unlink(name)
        self.execute("pragma journal_mode = wal")

    def execute(self, sql):
        connection = sqlite3.connect(self.path, timeout=30)
        try:
            connection.executescript(sql)
        finally:
            connection.close()


def rows_of(text, row_end, cell_end, null):
    if not text:
        return []
    return [[None if cell == null else cell for cell in row.split(cell_end)] for row in text.split(row_end)]


ALL = {"postgresql": PostgreSQL, "mariadb": MariaDB, "sqlite": SQLite}
