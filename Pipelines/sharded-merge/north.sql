-- The shard at 3301, with what the pipeline's user needs beside the grants of README.md.
CREATE DATABASE IF NOT EXISTS shop;
CREATE TABLE shop.orders (
  id BIGINT PRIMARY KEY,  -- no two shards may have one key: the application gives them out
  customer VARCHAR(64) NOT NULL,
  amount DECIMAL(12,2) NOT NULL
);
INSERT INTO shop.orders VALUES (1000001, 'Ada', 19.90), (1000002, 'Grace', 5.25);

-- For heartbeat_table: freshet.heartbeat
GRANT CREATE, INSERT, UPDATE ON freshet.* TO freshet@'%';
