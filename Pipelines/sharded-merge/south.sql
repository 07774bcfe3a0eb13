-- The shard at 3302, with what the pipeline's user needs beside the grants of README.md.
CREATE DATABASE IF NOT EXISTS shop;
CREATE TABLE shop.orders (id BIGINT PRIMARY KEY, customer VARCHAR(64) NOT NULL, amount DECIMAL(12,2) NOT NULL);
INSERT INTO shop.orders VALUES (2000001, 'Edsger', 120.00);

-- For heartbeat_table: freshet.heartbeat
GRANT CREATE, INSERT, UPDATE ON freshet.* TO freshet@'%';
