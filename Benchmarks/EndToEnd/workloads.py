"""The workloads: made inside the server, so that making them is quick and the same everywhere."""

COLUMNS = """(id BIGINT NOT NULL PRIMARY KEY, n INT NOT NULL, a CHAR(120) NOT NULL, b CHAR(60) NOT NULL,
              amount DECIMAL(12,2) NOT NULL, at DATETIME(6) NOT NULL, status VARCHAR(16) NOT NULL)"""

VALUES = """{id}, {id} % 1000003, REPEAT(CHAR(97 + {id} % 26), 120), REPEAT(CHAR(65 + {id} % 26), 58),
            {id} % 9999999 + 0.25, '2026-01-01' + INTERVAL {id} SECOND + INTERVAL {id} % 1000000 MICROSECOND,
            ELT(1 + {id} % 4, 'draft', 'open', 'paid', 'shipped')"""


def make_a(server, rows):
    """`rows` inserts in transactions of 100."""
    server.run(
        "CREATE DATABASE IF NOT EXISTS bench", f"CREATE TABLE bench.a {COLUMNS}",
        f"""CREATE PROCEDURE bench.fill_a() BEGIN
              DECLARE base BIGINT DEFAULT 0;
              WHILE base < {rows} DO
                INSERT INTO bench.a SELECT {VALUES.format(id='(base + seq)')} FROM seq_1_to_100;
                SET base = base + 100;
              END WHILE;
            END""", "CALL bench.fill_a()")


def make_b(server, transactions):
    """Transactions of 4 single-row statements: 40 % insert, 50 % update, 10 % delete."""
    server.run(
        "CREATE DATABASE IF NOT EXISTS bench", f"CREATE TABLE bench.b {COLUMNS}",
        f"""CREATE PROCEDURE bench.fill_b() BEGIN
              DECLARE i, j, next_id, k BIGINT DEFAULT 0;
              DECLARE lowest BIGINT DEFAULT 1;
              WHILE next_id < 1000 DO
                SET next_id = next_id + 1;
                INSERT INTO bench.b VALUES ({VALUES.format(id='next_id')});
              END WHILE;
              WHILE i < {transactions} DO
                START TRANSACTION;
                SET j = 0;
                WHILE j < 4 DO
                  SET k = (i * 4 + j) % 10;
                  IF k < 4 THEN
                    SET next_id = next_id + 1;
                    INSERT INTO bench.b VALUES ({VALUES.format(id='next_id')});
                  ELSEIF k < 9 THEN
                    UPDATE bench.b SET n = n + 1, amount = amount + 1.5, status = 'paid'
                      WHERE id = lowest + (i * 7919 + j * 104729) % (next_id - lowest + 1);
                  ELSE
                    DELETE FROM bench.b WHERE id = lowest;
                    SET lowest = lowest + 1;
                  END IF;
                  SET j = j + 1;
                END WHILE;
                COMMIT;
                SET i = i + 1;
              END WHILE;
            END""", "CALL bench.fill_b()")


def make_huge(server, bytes_total):
    """One transaction of about `bytes_total` bytes of log."""
    rows = bytes_total // 1_000_000
    server.run(
        "CREATE DATABASE IF NOT EXISTS bench",
        "CREATE TABLE bench.huge (id BIGINT NOT NULL PRIMARY KEY, body LONGTEXT NOT NULL)",
        f"""INSERT INTO bench.huge SELECT seq, REPEAT(CHAR(97 + seq % 26), 1000000) FROM bench.seq_1_to_{rows}""")
