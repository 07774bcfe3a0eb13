/* What one connection can do at most: inserts the rows of workload A by array binding (COM_STMT_BULK_EXECUTE), without
   reading any log and without a checkpoint. Usage: bulk_loop SOCKET ROWS ROWS_PER_STATEMENT ROWS_PER_TRANSACTION. */
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static MYSQL *connection;

static void check(int failed) {
  if (!failed) return;
  fprintf(stderr, "mariadb: %s\n", mysql_error(connection));
  exit(1);
}

static void run(const char *statement) { check(mysql_query(connection, statement)); }

int main(int argc, char **argv) {
  if (argc != 5) return 64;
  long rows = atol(argv[2]), size = atol(argv[3]), group = atol(argv[4]);
  connection = mysql_init(NULL);
  if (!mysql_real_connect(connection, "localhost", "root", "", NULL, 0, argv[1], 0)) check(1);
  run("CREATE DATABASE IF NOT EXISTS bench");
  run("CREATE TABLE bench.a (id BIGINT NOT NULL PRIMARY KEY, n INT NOT NULL, a CHAR(120) NOT NULL, b CHAR(60) NOT NULL,"
      " amount DECIMAL(12,2) NOT NULL, at DATETIME(6) NOT NULL, status VARCHAR(16) NOT NULL)");
  MYSQL_STMT *insert = mysql_stmt_init(connection);
  static const char text[] = "INSERT INTO bench.a VALUES (?,?,?,?,?,?,?)";
  check(mysql_stmt_prepare(insert, text, sizeof text - 1));

  long long *id = calloc(size, sizeof *id), *n = calloc(size, sizeof *n);
  char (*wide)[120] = calloc(size, sizeof *wide), (*narrow)[58] = calloc(size, sizeof *narrow), (*number)[32] = calloc(size, sizeof *number);
  char **values[4];
  unsigned long *lengths[4];
  MYSQL_TIME *at = calloc(size, sizeof *at), **times = calloc(size, sizeof *times);
  for (int column = 0; column < 4; column++) {
    values[column] = calloc(size, sizeof(char *));
    lengths[column] = calloc(size, sizeof(long));
  }
  MYSQL_BIND bind[7] = {{0}};
  bind[0].buffer_type = bind[1].buffer_type = MYSQL_TYPE_LONGLONG;
  bind[0].buffer = id;
  bind[1].buffer = n;
  /* Text as bytes, as the sink sends it: the server then looks at each character once, not twice. */
  int texts[4] = {2, 3, 4, 6};
  for (int column = 0; column < 4; column++) {
    MYSQL_BIND *one = &bind[texts[column]];
    one->buffer_type = texts[column] == 4 ? MYSQL_TYPE_NEWDECIMAL : MYSQL_TYPE_BLOB;
    one->buffer = values[column];
    one->length = lengths[column];
  }
  bind[5].buffer_type = MYSQL_TYPE_DATETIME;
  bind[5].buffer = times;
  static const char *status[] = {"draft", "open", "paid", "shipped"};

  long begun = 0;
  for (long first = 1; first <= rows; first += size) {
    unsigned int count = rows - first + 1 < size ? rows - first + 1 : size;
    for (unsigned int row = 0; row < count; row++) {
      long key = first + row;
      id[row] = key;
      n[row] = key % 1000003;
      memset(wide[row], 'a' + key % 26, sizeof *wide);
      memset(narrow[row], 'A' + key % 26, sizeof *narrow);
      values[0][row] = wide[row], lengths[0][row] = sizeof *wide;
      values[1][row] = narrow[row], lengths[1][row] = sizeof *narrow;
      values[2][row] = number[row], lengths[2][row] = snprintf(number[row], sizeof *number, "%ld.25", key % 9999999);
      values[3][row] = (char *)status[key % 4], lengths[3][row] = strlen(status[key % 4]);
      at[row] = (MYSQL_TIME){2026, 1, 1 + key / 86400 % 28, key / 3600 % 24, key / 60 % 60, key % 60, key % 1000000, 0, MYSQL_TIMESTAMP_DATETIME};
      times[row] = &at[row];
    }
    check(mysql_stmt_attr_set(insert, STMT_ATTR_ARRAY_SIZE, &count));
    if (mysql_stmt_bind_param(insert, bind)) check(1);
    if (begun == 0) run("START TRANSACTION");
    if (mysql_stmt_execute(insert)) {
      fprintf(stderr, "mariadb: %s\n", mysql_stmt_error(insert));
      return 1;
    }
    begun += count;
    if (begun >= group) {
      run("COMMIT");
      begun = 0;
    }
  }
  if (begun > 0) run("COMMIT");
  mysql_stmt_close(insert);
  mysql_close(connection);
  return 0;
}
