#pragma once
#include <mysql.h>
#include <errmsg.h>
#include <mysqld_error.h>
#include <dlfcn.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifndef HAVE_TLS
#define HAVE_TLS
#endif
typedef unsigned char uchar;
#include <ma_pvio.h>

/* Sends a command past the client's own state checks on replies: with wait != 0 its OK or ERR packet is read, too. */
static inline int freshet_mysql_command(MYSQL *mysql, int command, const void *bytes, size_t count, int wait) {
  return mysql->methods->db_command(
      mysql, (enum enum_server_command)command, (const char *)bytes, count, wait ? 0 : 1, NULL);
}

/* The number that the answer to what was just sent begins with, and its return before that answer is read: commands may be
   sent ahead of the answers to earlier ones, and each begins to count anew. */
static inline unsigned int freshet_mysql_packet_number(const MYSQL *mysql) { return mysql->net.pkt_nr; }
static inline void freshet_mysql_expect_packet(MYSQL *mysql, unsigned int number) {
  mysql->net.pkt_nr = mysql->net.compress_pkt_nr = number;
}

/* TLS libraries hold decrypted bytes of their own. libmariadb has loaded one of them; which, is a choice of its build. */
static inline int freshet_mysql_tls_pending(void *session) {
  static int (*openssl)(const void *) = NULL;
  static size_t (*gnutls)(void *) = NULL;
  static int resolved = 0;
  if (!__atomic_load_n(&resolved, __ATOMIC_ACQUIRE)) {
    const char *library = NULL;
    mariadb_get_infov(NULL, MARIADB_TLS_LIBRARY, &library);
    if (library && strstr(library, "OpenSSL"))
      *(void **)&openssl = dlsym((void *)0, "SSL_pending");
    else if (library && strstr(library, "GnuTLS"))
      *(void **)&gnutls = dlsym((void *)0, "gnutls_record_check_pending");
    __atomic_store_n(&resolved, 1, __ATOMIC_RELEASE);
  }
  if (openssl) return openssl(session);
  if (gnutls) return (int)gnutls(session);
  return 0;
}

/* Whether a packet can be read now: from the client's cache, from the TLS library or, within the time, from the socket.
   1 yes, 0 no, -1 no connection. */
static inline int freshet_mysql_wait_input(MYSQL *mysql, int timeout_ms) {
  MARIADB_PVIO *pvio = mysql->net.pvio;
  if (!pvio) return -1;
  if (pvio->cache) {
    ptrdiff_t held = pvio->cache + pvio->cache_size - pvio->cache_pos;
    const unsigned char *p = pvio->cache_pos;
    if (held >= 4 && held - 4 >= (ptrdiff_t)(p[0] | p[1] << 8 | p[2] << 16)) return 1;
  }
  if (pvio->ctls && freshet_mysql_tls_pending(pvio->ctls->ssl) > 0) return 1;
  struct pollfd one = {.fd = mysql_get_socket(mysql), .events = POLLIN, .revents = 0};
  return poll(&one, 1, timeout_ms) > 0 ? 1 : 0;
}

/* A packet up to this size is read in place; a larger one is the library's. */
#define FRESHET_READ_AHEAD ((size_t)256 << 10)

/* Reads the next packet in the client's own read-ahead cache, which is first made larger than the library's 16 KiB: one
   system call then brings many packets, and none is copied. *capacity is 0 before the first call and belongs to this
   function. 1: *start and *count are the packet, until the next call. 0: the library must read it, because it is large,
   an error, encrypted, compressed or out of order; nothing was taken. -1: the connection is lost, and mysql_errno says so. */
static inline int freshet_mysql_next_packet(
    MYSQL *mysql, size_t *capacity, const unsigned char **start, size_t *count) {
  NET *net = &mysql->net;
  MARIADB_PVIO *pvio = net->pvio;
  if (!pvio || !pvio->cache || !pvio->cache_pos || pvio->ctls || !pvio->set_error || net->compress) return 0;
  for (;;) {
    ptrdiff_t rest = pvio->cache + pvio->cache_size - pvio->cache_pos;
    size_t held = rest > 0 ? (size_t)rest : 0;
    const unsigned char *p = pvio->cache_pos;
    if (held >= 5) {
      size_t length = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16;
      if (length == 0 || length + 4 > FRESHET_READ_AHEAD || p[3] != (unsigned char)net->pkt_nr || p[4] == 0xff) return 0;
      if (held >= length + 4) {
        net->compress_pkt_nr = ++net->pkt_nr;
        *start = p + 4;
        *count = length;
        pvio->cache_pos += length + 4;
        return 1;
      }
    }
    if (!*capacity) {
      size_t offset = (size_t)(pvio->cache_pos - pvio->cache);
      unsigned char *larger = (unsigned char *)realloc(pvio->cache, FRESHET_READ_AHEAD);
      if (!larger) return 0;
      pvio->cache = larger;
      pvio->cache_pos = larger + offset;
      *capacity = FRESHET_READ_AHEAD;
    }
    memmove(pvio->cache, pvio->cache_pos, held);
    pvio->cache_pos = pvio->cache;
    pvio->cache_size = held;
    ssize_t got = pvio->methods->read(pvio, pvio->cache + held, *capacity - held);
    if (got <= 0) {
      pvio->set_error(mysql, CR_SERVER_LOST, "HY000", NULL);
      return -1;
    }
    pvio->cache_size = held + (size_t)got;
  }
}

static inline unsigned char *freshet_mysql_packet(MYSQL *mysql) { return mysql->net.read_pos; }

static inline int freshet_mysql_option_string(MYSQL *mysql, int option, const char *value) {
  return mysql_optionsv(mysql, (enum mysql_option)option, value);
}
static inline int freshet_mysql_option_uint(MYSQL *mysql, int option, unsigned int value) {
  return mysql_optionsv(mysql, (enum mysql_option)option, &value);
}
static inline int freshet_mysql_option_size(MYSQL *mysql, int option, size_t value) {
  return mysql_optionsv(mysql, (enum mysql_option)option, &value);
}
static inline int freshet_mysql_option_bool(MYSQL *mysql, int option, int value) {
  my_bool flag = (my_bool)value;
  return mysql_optionsv(mysql, (enum mysql_option)option, &flag);
}

/* CLIENT_DEPRECATE_EOF, bit 24, negotiated only when both sides have it. */
static inline int freshet_mysql_has_eof_packets(MYSQL *mysql) {
  return !(mysql->client_flag & mysql->server_capabilities & (1UL << 24));
}

/* MARIADB_CLIENT_STMT_BULK_OPERATIONS, which MySQL does not have: bit 34 of the capabilities, bit 2 of MariaDB's own. */
static inline int freshet_mysql_has_bulk(MYSQL *mysql) {
  unsigned long capabilities = 0;
  if (!mariadb_connection(mysql)) return 0;
  if (mariadb_get_infov(mysql, MARIADB_CONNECTION_EXTENDED_SERVER_CAPABILITIES, &capabilities)) return 0;
  return (capabilities & (1UL << 2)) != 0;
}

static inline unsigned long freshet_mysql_statement_id(const MYSQL_STMT *statement) { return statement->stmt_id; }
static inline unsigned int freshet_mysql_warnings(const MYSQL *mysql) { return mysql->warning_count; }
