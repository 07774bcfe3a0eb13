-- The shard at 3303, whose schema has another name, with what the pipeline's user needs beside the grants of README.md.
CREATE DATABASE IF NOT EXISTS shop_old;
CREATE TABLE shop_old.orders (id BIGINT PRIMARY KEY, customer VARCHAR(64) NOT NULL, amount DECIMAL(12,2) NOT NULL);
INSERT INTO shop_old.orders VALUES (1, 'Alan', 3.50), (2, 'John', 7.00);

-- For heartbeat_table: freshet.heartbeat
GRANT CREATE, INSERT, UPDATE ON freshet.* TO freshet@'%';
