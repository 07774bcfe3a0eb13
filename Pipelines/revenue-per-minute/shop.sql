-- What shop.yaml reads, with a few orders, and what its user needs beside the grants of README.md.
CREATE DATABASE IF NOT EXISTS shop;
CREATE TABLE IF NOT EXISTS shop.orders (
  id BIGINT AUTO_INCREMENT PRIMARY KEY, customer BIGINT NOT NULL, status VARCHAR(16) NOT NULL, amount DECIMAL(12,2) NOT NULL,
  comment TEXT,
  -- TIMESTAMP is an instant. A DATETIME counts as UTC, whatever the server's time zone.
  updated TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)
);
INSERT INTO shop.orders (customer, status, amount) VALUES (1, 'paid', 19.90), (2, 'paid', 5.25), (2, 'open', 120.00);

-- For heartbeat_table: freshet.heartbeat
GRANT CREATE, INSERT, UPDATE ON freshet.* TO freshet@'%';
