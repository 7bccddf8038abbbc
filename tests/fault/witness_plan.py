"""The plan of the crash tests: witnesses that take locks, SQL that inserts one row a day, a monthly close."""


def write(path, shared, witness, days=60, milliseconds=25):
    last_month = 1 + (days - 1) // 30
    to = ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"][last_month - 1]
    text = f"""apiVersion: backfill/v1
kind: Plan
name: witness
partitions: {{grain: day, from: 2024-01-01, to: {to}}}
connections:
  results: {{odbc: "${{env:WITNESS_DSN}}"}}
pools:
  results: {{slots: 1}}
datasets:
  extract: {{}}
  results: {{connection: results}}
  close: {{}}
steps:
  extract:
    outputs: [extract]
    run: [{witness}, lock, {shared}, "{milliseconds}"]
  load:
    inputs: [extract]
    outputs: [results]
    pool: results
    sql:
      connection: results
      transaction: true
      text: |
        insert into results (day, token) values ({{{{ partition.date }}}}, {{{{ run.token }}}})
  chain:
    needs: [{{load: same}}, {{chain: previous 1}}]
    run: [{witness}, lock, {shared}, "5"]
  close:
    needs: [{{chain: contained}}]
    partitions: {{grain: month}}
    run: [{witness}, lock, {shared}, "{milliseconds}"]
"""
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
