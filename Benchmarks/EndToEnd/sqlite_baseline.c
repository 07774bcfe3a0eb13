/* The yardstick of the SQLite sink: inserts the rows of workload A with one prepared statement.
   Usage: sqlite_baseline FILE ROWS ROWS_PER_TRANSACTION. Durability as the sink's: WAL, synchronous=FULL. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(int code, sqlite3 *db) {
  if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW) {
    fprintf(stderr, "sqlite: %s\n", sqlite3_errmsg(db));
    exit(1);
  }
}

int main(int argc, char **argv) {
  if (argc != 4) return 64;
  sqlite3 *db;
  sqlite3_stmt *insert;
  long rows = atol(argv[2]), group = atol(argv[3]);
  check(sqlite3_open(argv[1], &db), db);
  check(sqlite3_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
    "CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, a TEXT NOT NULL, b TEXT NOT NULL,"
    " amount TEXT NOT NULL, at TEXT NOT NULL, status TEXT NOT NULL) STRICT", 0, 0, 0), db);
  check(sqlite3_prepare_v3(db, "INSERT INTO a VALUES (?,?,?,?,?,?,?)", -1, SQLITE_PREPARE_PERSISTENT, &insert, 0), db);
  static const char *status[] = {"draft", "open", "paid", "shipped"};
  char a[120], b[58], amount[32], at[32];
  for (long id = 1; id <= rows; id++) {
    if (id % group == 1 || group == 1) check(sqlite3_exec(db, "BEGIN IMMEDIATE", 0, 0, 0), db);
    memset(a, 'a' + id % 26, sizeof a);
    memset(b, 'A' + id % 26, sizeof b);
    int amount_length = snprintf(amount, sizeof amount, "%ld.25", id % 9999999);
    int at_length = snprintf(at, sizeof at, "2026-01-%02ldT%02ld:%02ld:%02ld.%06ld", 1 + id / 86400 % 28,
      id / 3600 % 24, id / 60 % 60, id % 60, id % 1000000);
    sqlite3_bind_int64(insert, 1, id);
    sqlite3_bind_int64(insert, 2, id % 1000003);
    sqlite3_bind_text(insert, 3, a, sizeof a, SQLITE_STATIC);
    sqlite3_bind_text(insert, 4, b, sizeof b, SQLITE_STATIC);
    sqlite3_bind_text(insert, 5, amount, amount_length, SQLITE_STATIC);
    sqlite3_bind_text(insert, 6, at, at_length, SQLITE_STATIC);
    sqlite3_bind_text(insert, 7, status[id % 4], -1, SQLITE_STATIC);
    check(sqlite3_step(insert), db);
    sqlite3_reset(insert);
    if (id % group == 0 || id == rows) check(sqlite3_exec(db, "COMMIT", 0, 0, 0), db);
  }
  sqlite3_finalize(insert);
  sqlite3_close(db);
  return 0;
}
