"""The splitter of SQL scripts against readers that share no code with it.

    test_split.py SPLIT_DUMP corpus|postgresql|mariadb

corpus:      scripts in split/*.txt with the statements that are expected; the PostgreSQL ones also through psql where it is here.
postgresql:  the SQL that PostgreSQL ships, against what psql sends for it.
mariadb:     the statements of MariaDB's own tests, as its test language and its client divide them.

psql and mariadb speak to a server of a few lines that takes note of each query and answers that it is done, so no database is needed.
"""
import collections
import glob
import itertools
import json
import os
import re
import shutil
import socket
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading

SKIPPED = 77
HERE = os.path.dirname(os.path.abspath(__file__))
DUMP = sys.argv[1] if len(sys.argv) > 1 else None


class Absent(Exception):
    """Something that this comparison needs is not here."""


def need(found, what):
    if not found:
        raise Absent(what)
    return found


def dump(lexis, scripts, mode=None):
    """What our splitter says of each script: {"statements": …} or {"error": …}."""
    out = subprocess.run([DUMP, lexis] + ([mode] if mode else []), input=b"".join(s + b"\0" for s in scripts), check=True,
                         capture_output=True).stdout
    answers = [json.loads(line) for line in out.splitlines()]
    assert len(answers) == len(scripts), "one answer a script"
    for answer in answers:
        for s in answer.get("statements", ()):
            s["text"] = s["text"].encode("latin-1")
    return answers


# --- a plain form of SQL, so that comments and blanks do not count -----------------------------------------------------
STRINGS = {
    "postgresql": rb"[eE]'(?:[^'\\]|\\.|'')*'(?:\s*\n\s*'(?:[^'\\]|\\.|'')*')*|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\""
                  rb"|(?<![\w$\x80-\xff])\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$",
    "mariadb": rb"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|`(?:[^`]|``)*`",
}
COMMENTS = {"postgresql": rb"--[^\r\n]*|/\*", "mariadb": rb"--(?=\s|\Z)[^\n]*|#[^\n]*|/\*.*?\*/"}
READERS = {k: re.compile(b"(?P<comment>" + COMMENTS[k] + b")|(?P<string>" + STRINGS[k] + b")|(?P<space>\\s+)", re.S) for k in STRINGS}


def end_of_nested(text, at):
    depth = 1
    for mark in re.compile(rb"/\*|\*/").finditer(text, at):
        depth += 1 if mark.group() == b"/*" else -1
        if depth == 0:
            return mark.end()
    return len(text)


def plain(lexis, text):
    """The text without comments, and one blank for any room outside quotes."""
    out, at = [], 0
    while at < len(text):
        m = READERS[lexis].search(text, at)
        if not m:
            break
        out.append(text[at:m.start()])
        at = m.end()
        if m["string"] is not None:
            token = m["string"]
            if token.startswith(b"$"):
                at = text.find(token, at)
                at = len(text) if at < 0 else at + len(token)
                token = text[m.start():at]
            out.append(token)
        else:
            if m["comment"] == b"/*":
                at = end_of_nested(text, at)
            out.append(b" ")
    out.append(text[at:])
    # Blanks beside signs mean nothing.
    return re.sub(rb"\s+", b" ", b"".join(out)).strip().rstrip(b";").strip()


# --- servers that say yes ----------------------------------------------------------------------------------------------
def read_exactly(conn, n):
    data = b""
    while len(data) < n:
        more = conn.recv(n - len(data))
        if not more:
            raise EOFError
        data += more
    return data


class Server(socketserver.ThreadingUnixStreamServer):
    """Notes each query that one client sends."""
    daemon_threads = True

    def __init__(self, path, handler):
        self.queries = []
        super().__init__(path, handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class PostgresHandler(socketserver.BaseRequestHandler):
    @staticmethod
    def message(kind, body=b""):
        return kind + struct.pack("!i", len(body) + 4) + body

    def handle(self):
        conn = self.request
        try:
            size, code = struct.unpack("!ii", read_exactly(conn, 8))
            read_exactly(conn, size - 8)
            assert code == 196608, code
            parameters = {"server_version": "15.0", "client_encoding": "UTF8", "server_encoding": "UTF8",
                          "standard_conforming_strings": "on"}
            hello = self.message(b"R", struct.pack("!i", 0))
            for k, v in parameters.items():
                hello += self.message(b"S", k.encode() + b"\0" + v.encode() + b"\0")
            conn.sendall(hello + self.message(b"Z", b"I"))
            while True:
                kind = read_exactly(conn, 1)
                body = read_exactly(conn, struct.unpack("!i", read_exactly(conn, 4))[0] - 4)
                if kind == b"X":
                    return
                assert kind == b"Q", kind
                self.server.queries.append(body[:-1])
                conn.sendall(self.message(b"C", b"DO\0") + self.message(b"Z", b"I"))
        except EOFError:
            return


class MariaHandler(socketserver.BaseRequestHandler):
    OK = b"\0\0\0\x02\0\0\0"

    def packet(self, number, body):
        self.request.sendall(struct.pack("<I", len(body))[:3] + bytes([number]) + body)

    def read(self):
        body = b""
        while True:
            head = read_exactly(self.request, 4)
            size = int.from_bytes(head[:3], "little")
            body += read_exactly(self.request, size)
            if size < 0xffffff:
                return body, head[3]

    def handle(self):
        capabilities = 0x00000001 | 0x00000200 | 0x00008000 | 0x00002000 | 0x00080000 | 0x00000008
        hello = (b"\x0a" + b"5.5.5-10.11.0-MariaDB\0" + struct.pack("<I", 1) + b"a" * 8 + b"\0" + struct.pack("<H", capabilities & 0xffff)
                 + b"\x2d" + struct.pack("<H", 2) + struct.pack("<H", capabilities >> 16) + b"\x15" + b"\0" * 10 + b"a" * 12 + b"\0"
                 + b"mysql_native_password\0")
        try:
            self.packet(0, hello)
            _, number = self.read()
            self.packet(number + 1, self.OK)
            while True:
                body, number = self.read()
                if body[:1] == b"\x01":
                    return
                if body[:1] == b"\x03":
                    self.server.queries.append(body[1:])
                self.packet(number + 1, self.OK)
        except EOFError:
            return


def ask(handler, argv, script, name):
    """The queries that a client sends for a script."""
    folder = tempfile.mkdtemp(prefix="bf-split-")
    try:
        path = os.path.join(folder, name)
        with Server(path, handler) as server, tempfile.NamedTemporaryFile(dir=folder, suffix=".sql") as f:
            f.write(script)
            f.flush()
            with open(f.name, "rb") as stdin:
                ended = subprocess.run([a.format(folder=folder, socket=path, file=f.name) for a in argv], stdin=stdin, capture_output=True,
                                       timeout=300, env=dict(os.environ, PGCONNECT_TIMEOUT="20"), check=False)
            queries = list(server.queries)
            server.shutdown()
        assert ended.returncode == 0, ended.stderr[-2000:]
        return queries
    finally:
        shutil.rmtree(folder)


def ask_psql(script):
    psql = need(shutil.which("psql"), "psql is not installed")
    return ask(PostgresHandler, [psql, "-X", "-q", "-n", "-h", "{folder}", "-p", "5432", "-U", "x", "-d", "x", "-f", "{file}"], script,
               ".s.PGSQL.5432")


def ask_mariadb(script):
    client = need(shutil.which("mariadb"), "the client mariadb is not installed")
    return ask(MariaHandler, [client, "--no-defaults", "--batch", "--force", "--skip-auto-rehash", "--comments", "--binary-mode",
                              "--default-character-set=utf8mb4", "--protocol=socket", "--socket={socket}", "-ux"], script, "socket")


class Count:
    def __init__(self, title):
        self.title, self.statements, self.differences = title, 0, []
        self.refused = collections.Counter()

    def compare(self, lexis, where, got, want):
        """Two lists of statements."""
        self.statements += len(want)
        nothing = b"(none)"
        for ours, theirs in itertools.zip_longest(got, want, fillvalue=nothing):
            if ours != theirs and (nothing in (ours, theirs) or plain(lexis, ours) != plain(lexis, theirs)):
                self.differences.append((where, ours, theirs))
                return

    def report(self):
        refused = "".join(f", {n} refused: {why}" for why, n in sorted(self.refused.items()))
        print(f"{self.title}: {self.statements} statements compared, {len(self.differences)} differences{refused}")
        for where, ours, theirs in self.differences[:20]:
            print(f"  {where}\n    ours:   {ours[:300]!r}\n    theirs: {theirs[:300]!r}")
        return not self.differences and self.statements > 0


# --- PostgreSQL --------------------------------------------------------------------------------------------------------
def shipped_sql():
    folders = sorted(glob.glob("/usr/share/postgresql/*"))
    return [p for folder in folders for p in sorted(glob.glob(folder + "/*.sql") + glob.glob(folder + "/extension/*.sql"))]


def compare_postgresql():
    files = need(shipped_sql(), "PostgreSQL's own SQL (/usr/share/postgresql) is not here")
    count = Count(f"PostgreSQL's own SQL, {len(files)} files, against psql")
    scripts = []
    for path in files:
        with open(path, "rb") as f:
            text = re.sub(rb"(?m)^\\[^\n]*$", b"", f.read())         # \echo Use "CREATE EXTENSION …" \quit
        if "the character ?" in dump("postgresql", [text])[0].get("error", ""):
            count.refused["files with the operator ?, which are compared with @ in its place"] += 1
            text = text.replace(b"?", b"@")
        scripts.append(text)
    for path, script, ours in zip(files, scripts, dump("postgresql", scripts)):
        if "error" in ours:
            count.differences.append((path, ours["error"].encode(), b"accepted"))
            continue
        count.compare("postgresql", path, [s["text"] for s in ours["statements"]], ask_psql(script))
    return count.report()


# --- MariaDB -----------------------------------------------------------------------------------------------------------
SUITES = ("/usr/share/mysql/mysql-test", "/usr/share/mariadb/mariadb-test", "/usr/share/mysql/mariadb-test")
VERBS = set("""select insert update delete replace create alter drop truncate rename set show call with values do grant revoke lock unlock
    begin start commit rollback savepoint release analyze optimize check checksum explain desc describe flush load prepare execute handler
    use if case loop while repeat for signal get kill xa purge reset""".split())
# What holds semicolons.  Under another delimiter there are also several plain statements in one, which are no statement.
BLOCKS = re.compile(rb"(create|alter)\b.*\b(procedure|function|trigger|event)\b.*\b(begin|if|case|loop|while|repeat|for\b.*\bdo)\b"
                    rb"|(begin\s+not\s+atomic|if|case|loop|while|repeat|for)\b", re.I | re.S)
# Files whose statements are read under other rules.
OTHER_RULES = re.compile(rb"sql_mode[^\n;]*(oracle|ansi|no_backslash|mssql|db2|maxdb|postgresql)|sql_mode\s*=\s*[@\w]*\s*\||"
                         rb"(names|charset|set|client\s*=)\s+'?(sjis|gbk|gb2312|big5|cp932|ucs2|utf16|utf32|eucjpms|ujis|euckr)|character_set_client",
                         re.I)


class TestFile:
    """The statements of a file in MariaDB's test language, as its reader divides them: delimiters count outside quotes only."""

    def __init__(self, text):
        self.text, self.at, self.delimiter = text, 0, b";"

    def _read(self):
        """One command, statement or comment, without its delimiter; None at the end."""
        text, n = self.text, len(self.text)
        while self.at < n and text[self.at:self.at + 1].isspace():
            self.at += 1
        if self.at >= n:
            return None
        begin, first = self.at, text[self.at:self.at + 1]
        if first in b"#-":
            self.at = (text.find(b"\n", begin) + 1) or n
            return text[begin:self.at]
        if first == b"}":
            self.at += 1
            return first
        quote, slash = b"", False
        while self.at < n:
            c = text[self.at:self.at + 1]
            if quote:
                if c == b"\\" and quote != b"`":
                    self.at += 1
                elif c == quote:
                    quote = b""
            elif text.startswith(self.delimiter, self.at):
                found = text[begin:self.at]
                self.at += len(self.delimiter)
                return found
            elif c == b"{" and re.match(rb"(while|if)\b", text[begin:begin + 6], re.I):
                self.at += 1
                return text[begin:self.at]
            elif c in b"'\"`" and not slash:
                quote = c
            slash = not quote and c == b"\\"
            self.at += 1
        return text[begin:]

    def statements(self):
        """(statement, delimiter) of those that are plain SQL and meant to be right."""
        wrong = False
        while (piece := self._read()) is not None:
            command = piece.lstrip(b"- \t") if piece.startswith(b"--") else piece
            word = re.match(rb"[a-z_]*", command, re.I).group().lower().decode()
            if word == "delimiter":
                self.delimiter = command.split(None, 1)[1].strip() or b";"
            elif word in ("perl", "write_file", "append_file"):
                mark = (re.findall(rb"[A-Z_]{3,}$", command.strip()) or [b"EOF"])[0]
                end = re.compile(rb"^" + mark + rb"[ \t]*$", re.M).search(self.text, self.at)
                self.at = end.end() if end else len(self.text)
            elif word == "error":
                wrong = bool(re.search(rb"1064|PARSE|SYNTAX|\$", command))
            elif word in VERBS and not piece.startswith((b"#", b"-")):
                if not wrong and not (word in ("if", "while") and piece.endswith(b"{")):
                    yield piece.strip(), self.delimiter
                wrong = False
            elif not piece.startswith((b"#", b"-")):
                wrong = False


# Why one of MariaDB's own statements may be refused.
REASONS = (("/*!", "comments that run"), ("-- begins", "-- without a blank"), ("the character {", "{ }"), ("the character }", "{ }"),
           ("the character \\", "backslash"), ("the character ?", "parameters"), ("byte order mark", "byte order mark"))


def read_suite():
    files = need([p for s in SUITES for p in sorted(glob.glob(s + "/**/*.test", recursive=True))],
                 "MariaDB's tests are not here; Debian has them in mariadb-test-data")
    seen, found, others = set(), [], 0
    for path in files:
        with open(path, "rb") as f:
            text = f.read().replace(b"\r\n", b"\n")
        if OTHER_RULES.search(text) or "/oracle/" in path or b"\0" in text:
            others += 1
            continue
        for statement, delimiter in TestFile(text).statements():
            statement = re.sub(rb"[;\s]+\Z", b"", statement)
            blocks = BLOCKS.match(statement)
            if any(set(b"'\"`") & set(m["comment"] or b"") for m in READERS["mariadb"].finditer(statement)):
                continue                     # the test language does not know comments inside statements
            if statement and statement not in seen and (delimiter == b";" or blocks or b";" not in statement):
                seen.add(statement)
                found.append((os.path.relpath(path, "/usr/share/mysql"), statement))
    return len(files), others, found


def accepted(count, found):
    """Those statements that are not refused; each refusal must be for a reason that we know."""
    kept = []
    for (where, statement), ours in zip(found, dump("mariadb", [s for _, s in found])):
        if "error" not in ours:
            kept.append((where, statement))
            continue
        reason = next((name for text, name in REASONS if text in ours["error"]), None)
        if reason:
            count.refused[reason] += 1
        else:
            count.differences.append((where, ours["error"].encode(), statement))
    return kept


def compare_mariadb():
    files, others, found = read_suite()
    count = Count(f"MariaDB's tests, {files - others} files ({others} more have statements of other modes or character sets), against its "
                  "test language")
    kept = accepted(count, found)
    for (where, statement), ours in zip(kept, dump("mariadb", [s + b"\n;" for _, s in kept])):
        count.compare("mariadb", where, [s["text"] for s in ours["statements"]], [statement])
    # Behind one another, a few at a time: a border that is missed swallows the next.
    size = 50
    groups = [kept[i:i + size] for i in range(0, len(kept), size)]
    together = Count("the same, 50 in a script")
    for group, ours in zip(groups, dump("mariadb", [b"\n;\n".join(s for _, s in group) for group in groups])):
        together.compare("mariadb", group[0][0], [s["text"] for s in ours["statements"]], [s for _, s in group])
    return all([count.report(), together.report(), compare_mariadb_client(kept)])


def compare_mariadb_client(kept):
    """The client knows no bodies, so those come to it between other delimiters.  Commands of its own, and the comment /*/, which it
    takes for a whole one where the server does not, are left out."""
    count = Count("the same, against what the client mariadb sends")
    size = 2000
    for i in range(0, len(kept), size):
        group = [(w, s) for w,
                 s in kept[i:i + size] if not re.search(rb"(?i)delimiter|^\s*(use|help|exit|quit|source|system|tee)\b|\\|/\*/", s, re.M)]
        script = b"".join(b"delimiter $$$\n" + s + b"\n$$$\ndelimiter ;\n" if BLOCKS.match(s) and b";" in s else s + b"\n;\n" for _,
                          s in group)
        ours = dump("mariadb", [b"\n;\n".join(s for _, s in group)])[0]
        count.compare("mariadb", group[0][0], [s["text"] for s in ours["statements"]], ask_mariadb(script))
    return count.report()


# --- our own scripts ---------------------------------------------------------------------------------------------------
def read_cases(lexis):
    """(name, script, expected statements or part of the refusal) of split/LEXIS.txt."""
    with open(os.path.join(HERE, "split", lexis + ".txt"), "rb") as f:
        text = f.read()
    for case in re.split(rb"(?m)^=== ", text)[1:]:
        name, body = case.split(b"\n", 1)
        script, *rest = re.split(rb"(?m)^(---|!!!)(?:\n| )", body)
        kinds, parts = set(rest[::2]), [part.removesuffix(b"\n") for part in rest[1::2]]
        assert len(kinds) == 1, (lexis, name)
        yield name.decode(), script.removesuffix(b"\n"), parts[0].decode() if kinds == {b"!!!"} else parts


def compare_corpus():
    good, statements = True, 0
    for lexis in ("postgresql", "mariadb", "sqlite", "ansi"):
        count = Count(f"our scripts for {lexis}")
        cases = list(read_cases(lexis))
        for (name, _, want), ours in zip(cases, dump(lexis, [script for _, script, _ in cases])):
            if isinstance(want, list):
                count.statements += len(want)
            else:
                count.refused["as they must be"] += 1
            if isinstance(want, str):
                if want not in ours.get("error", ""):
                    count.differences.append((name, str(ours).encode(), want.encode()))
            elif [s["text"] for s in ours.get("statements", ())] != want:
                got = [s["text"] for s in ours.get("statements", ())] or [ours.get("error", "").encode()]
                at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), 0)
                count.differences.append((f"{name} ({len(got)} statements, {len(want)} expected)", got[at], want[at]))
        good &= count.report()
        statements += count.statements
    assert statements >= 300, f"only {statements} statements in the table"
    return good & check_table_with_psql()


def check_table_with_psql():
    """The expectations themselves, as psql has them; cases about what psql reads otherwise are left out."""
    if not shutil.which("psql"):
        print("psql is not installed: the table is not held against it")
        return True
    # psql holds brackets of any statement together, and reads by the line, so that it does not see that E'…' goes on on the next one.
    ours_only = ("semicolons in other brackets", "a string that goes on")
    count = Count("the table for postgresql, against psql")
    for name, script, want in read_cases("postgresql"):
        if isinstance(want, list) and name not in ours_only:
            count.compare("postgresql", name, want, [q for q in ask_psql(script) if plain("postgresql", q)])
    return count.report()


def main():
    compare = {"corpus": compare_corpus, "postgresql": compare_postgresql, "mariadb": compare_mariadb}[sys.argv[2]]
    try:
        return 0 if compare() else 1
    except Absent as why:
        print(f"skipped: {why}")
        return SKIPPED


if __name__ == "__main__":
    sys.exit(main())
