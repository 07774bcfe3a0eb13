#pragma once
#include <sqlite3.h>

/* SQLITE_STATIC is a cast that Swift does not import: the caller keeps the bytes alive until step and reset.
   A value of no bytes may have no address, and a null address would be NULL rather than ''. */
static inline int freshet_sqlite3_bind_text_static(sqlite3_stmt *s, int i, const void *bytes, sqlite3_uint64 count) {
  return sqlite3_bind_text64(s, i, bytes ? (const char *)bytes : "", count, SQLITE_STATIC, SQLITE_UTF8);
}
static inline int freshet_sqlite3_bind_blob_static(sqlite3_stmt *s, int i, const void *bytes, sqlite3_uint64 count) {
  return sqlite3_bind_blob64(s, i, bytes ? bytes : "", count, SQLITE_STATIC);
}
static inline int freshet_sqlite3_bind_text_copy(sqlite3_stmt *s, int i, const void *bytes, sqlite3_uint64 count) {
  return sqlite3_bind_text64(s, i, bytes ? (const char *)bytes : "", count, SQLITE_TRANSIENT, SQLITE_UTF8);
}
/* Variadic functions are not imported. */
static inline int freshet_sqlite3_config_int(sqlite3 *db, int option, int value) {
  return sqlite3_db_config(db, option, value, (int *)0);
}
