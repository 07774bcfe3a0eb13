-- What shop.yaml reads, with a few rows.
CREATE DATABASE IF NOT EXISTS shop;
CREATE TABLE shop.customers (
  id BIGINT PRIMARY KEY, email VARCHAR(128) NOT NULL, name VARCHAR(64) NOT NULL, card VARCHAR(19), notes TEXT, born DATE
);
CREATE TABLE IF NOT EXISTS shop.orders (
  id BIGINT AUTO_INCREMENT PRIMARY KEY, customer BIGINT NOT NULL, status VARCHAR(16) NOT NULL, amount DECIMAL(12,2) NOT NULL,
  comment TEXT,
  updated TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)
);
CREATE TABLE shop.events (id BIGINT PRIMARY KEY, customer BIGINT NOT NULL, what VARCHAR(32) NOT NULL);
INSERT INTO shop.customers VALUES
  (1, 'ada@example.org', 'Ada', '4111111111111111', 'rings twice', '1815-12-10'),
  (2, 'grace@example.org', 'Grace', NULL, NULL, '1906-12-09');
INSERT INTO shop.orders (customer, status, amount, comment) VALUES
  (1, 'paid', 19.90, 'for the engine'), (2, 'draft', 5.25, NULL), (2, 'sent', 120.00, NULL);
INSERT INTO shop.events VALUES (1, 1, 'login'), (2, 1, 'logout');
