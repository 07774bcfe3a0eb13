// A bare librdkafka producer: each line of a file as one message, in transactions, as fast as a loop can send them.
//   cc -O2 -o producer-loop producer_loop.c -lrdkafka
//   producer-loop BROKERS TOPIC FILE [BYTES_PER_TRANSACTION]
// A tab in a line ends the message's key; a line without one has no key. The file is in memory before the clock starts.
// Prints `MESSAGES SECONDS`: from the first message to the last commit.
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static size_t delivered, failed;

static void report(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
  if (message->err) failed++; else delivered++;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static void check(const char *what, rd_kafka_error_t *error) {
  if (error) fail(what, rd_kafka_error_string(error));
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
  char text[512];
  if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK) fail(name, text);
}

static char *load(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file) fail(path, "cannot be opened");
  fseek(file, 0, SEEK_END);
  *size = (size_t)ftell(file);
  rewind(file);
  char *bytes = malloc(*size ? *size : 1);
  if (!bytes || fread(bytes, 1, *size, file) != *size) fail(path, "cannot be read");
  fclose(file);
  return bytes;
}

int main(int count, char **arguments) {
  if (count < 4) fail("usage", "producer-loop BROKERS TOPIC FILE [BYTES_PER_TRANSACTION]");
  size_t size, group = count > 4 ? strtoul(arguments[4], NULL, 10) : 32 << 20;
  char *bytes = load(arguments[3], &size), text[512];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", arguments[1]);
  set(conf, "transactional.id", "producer-loop");
  set(conf, "partitioner", "murmur2_random");
  set(conf, "linger.ms", "5");
  set(conf, "queue.buffering.max.kbytes", "65536");
  rd_kafka_conf_set_dr_msg_cb(conf, report);
  rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
  if (!client) fail("client", text);
  check("init_transactions", rd_kafka_init_transactions(client, 30000));
  rd_kafka_topic_t *topic = rd_kafka_topic_new(client, arguments[2], NULL);
  const struct rd_kafka_metadata *metadata;
  if (rd_kafka_metadata(client, 0, topic, &metadata, 10000)) fail("metadata", "not given");
  rd_kafka_metadata_destroy(metadata);

  double begin = now();
  size_t messages = 0, open = 0;
  for (char *line = bytes, *last = bytes + size; line < last;) {
    char *end = memchr(line, '\n', (size_t)(last - line));
    if (!end) end = last;
    char *tab = memchr(line, '\t', (size_t)(end - line)), *value = tab ? tab + 1 : line;
    if (!open) check("begin_transaction", rd_kafka_begin_transaction(client));
    while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, value, (size_t)(end - value),
                            tab ? line : NULL, tab ? (size_t)(tab - line) : 0, NULL)) {
      if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        fail("produce", rd_kafka_err2str(rd_kafka_last_error()));
      rd_kafka_poll(client, 5);
    }
    if (++messages % 1024 == 0) rd_kafka_poll(client, 0);
    open += (size_t)(end - line) + 1;
    if (open >= group) {
      check("commit_transaction", rd_kafka_commit_transaction(client, 60000));
      open = 0;
    }
    line = end + 1;
  }
  if (open) check("commit_transaction", rd_kafka_commit_transaction(client, 60000));
  double seconds = now() - begin;
  if (failed || delivered != messages) fail("delivery", "some messages failed");
  printf("%zu %.6f\n", messages, seconds);
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(client);
  return 0;
}
