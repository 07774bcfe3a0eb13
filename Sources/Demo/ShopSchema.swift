/// The demo's shop: four tables with 100,000 rows, and what happens in a shop while it is open.
enum ShopSchema {
  static let tables = ["customers", "products", "orders", "order_lines"]

  /// Creates the tables and fills them, inside the server.
  static let statements = [
    "CREATE DATABASE shop CHARACTER SET utf8mb4",
    """
    CREATE TABLE shop.customers (
      id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(60) NOT NULL, email VARCHAR(80) NOT NULL,
      joined DATE NOT NULL, note TEXT NULL, UNIQUE KEY email (email))
    """,
    """
    CREATE TABLE shop.products (
      sku CHAR(8) NOT NULL PRIMARY KEY, title VARCHAR(80) NOT NULL, price DECIMAL(10,2) NOT NULL,
      stock INT NOT NULL, tags SET('new','sale','organic') NOT NULL)
    """,
    """
    CREATE TABLE shop.orders (
      id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, customer INT UNSIGNED NOT NULL,
      status ENUM('draft','placed','paid','shipped') NOT NULL, amount DECIMAL(12,2) NOT NULL,
      placed DATETIME(6) NOT NULL, paid DATETIME(6) NULL)
    """,
    """
    CREATE TABLE shop.order_lines (
      order_id BIGINT NOT NULL, line SMALLINT NOT NULL, sku CHAR(8) NOT NULL, quantity INT NOT NULL,
      price DECIMAL(10,2) NOT NULL, PRIMARY KEY (order_id, line))
    """,
    """
    INSERT INTO shop.customers (name, email, joined, note)
      SELECT CONCAT('Customer ', seq), CONCAT('c', seq, '@example.com'), '2020-01-01' + INTERVAL seq % 2000 DAY,
        IF(seq % 3 = 0, CONCAT('likes tea №', seq), NULL)
      FROM shop.seq_1_to_10000
    """,
    """
    INSERT INTO shop.products
      SELECT CONCAT('SKU', LPAD(seq, 5, '0')), CONCAT('Product ', seq), seq % 500 + 0.99, 1000000, seq % 8
      FROM shop.seq_1_to_2000
    """,
    """
    INSERT INTO shop.orders (customer, status, amount, placed, paid)
      SELECT 1 + seq % 10000, 2 + seq % 3, (seq * 37 % 90000) / 100, '2026-01-01' + INTERVAL seq * 61 SECOND,
        IF(seq % 3 > 0, '2026-01-02' + INTERVAL seq * 61 SECOND, NULL)
      FROM shop.seq_1_to_28000
    """,
    """
    INSERT INTO shop.order_lines
      SELECT 1 + (seq - 1) % 28000, 1 + (seq - 1) DIV 28000, CONCAT('SKU', LPAD(1 + seq % 2000, 5, '0')),
        1 + seq % 4, seq % 500 + 0.99
      FROM shop.seq_1_to_60000
    """,
  ]
}
