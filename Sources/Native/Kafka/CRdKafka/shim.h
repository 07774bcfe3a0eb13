#pragma once
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <malloc.h>
#include <string.h>

/* Produces a copy of a message to one partition. A null value or key is none; an empty one has an address. */
static inline rd_kafka_resp_err_t freshet_kafka_produce(
    rd_kafka_topic_t *topic, int32_t partition, const void *value, size_t value_size, const void *key,
    size_t key_size) {
  if (rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY, (void *)value, value_size, key, key_size, NULL) == 0)
    return RD_KAFKA_RESP_ERR_NO_ERROR;
  return rd_kafka_last_error();
}

/* The same with headers and a time in milliseconds, 0: now; of the headers the message takes hold only when it is accepted. The variadic call and the unions of
   its array form are not imported. */
static inline rd_kafka_resp_err_t freshet_kafka_produce_with_headers(
    rd_kafka_t *client, rd_kafka_topic_t *topic, int32_t partition, const void *value, size_t value_size,
    const void *key, size_t key_size, rd_kafka_headers_t *headers, int64_t timestamp) {
  rd_kafka_vu_t arguments[7];
  memset(arguments, 0, sizeof(arguments));
  arguments[0].vtype = RD_KAFKA_VTYPE_RKT;
  arguments[0].u.rkt = topic;
  arguments[1].vtype = RD_KAFKA_VTYPE_PARTITION;
  arguments[1].u.i32 = partition;
  arguments[2].vtype = RD_KAFKA_VTYPE_VALUE;
  arguments[2].u.mem.ptr = (void *)value;
  arguments[2].u.mem.size = value_size;
  arguments[3].vtype = RD_KAFKA_VTYPE_KEY;
  arguments[3].u.mem.ptr = (void *)key;
  arguments[3].u.mem.size = key_size;
  arguments[4].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  arguments[4].u.i = RD_KAFKA_MSG_F_COPY;
  arguments[5].vtype = RD_KAFKA_VTYPE_HEADERS;
  arguments[5].u.headers = headers;
  arguments[6].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
  arguments[6].u.i64 = timestamp;
  rd_kafka_error_t *error = rd_kafka_produceva(client, arguments, 7);
  if (!error) return RD_KAFKA_RESP_ERR_NO_ERROR;
  rd_kafka_resp_err_t code = rd_kafka_error_code(error);
  rd_kafka_error_destroy(error);
  return code;
}

/* Sets how much freed memory an arena keeps (mallopt(3)); the second setting stands because the first ends its adjustment. */
static inline int freshet_keep_freed_memory(void) {
  return mallopt(M_TRIM_THRESHOLD, 32 << 20) && mallopt(M_MMAP_THRESHOLD, 4 << 20);
}
