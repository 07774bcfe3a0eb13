-- The table of scores.yaml and its nine scores, each committed at its own time: `SET timestamp` is the clock of this session,
-- and the log takes its commit times from there. Load it while the pipeline runs, on a server where nobody else writes
-- meanwhile: commit times never go back, and a commit of today would be later than all of these.
SET time_zone = '+00:00';
SET timestamp = UNIX_TIMESTAMP('2026-01-01 12:00:00');
CREATE DATABASE game;
CREATE TABLE game.scores (id BIGINT PRIMARY KEY, score INT NOT NULL, happened DATETIME(6) NOT NULL);

SET timestamp = UNIX_TIMESTAMP('2026-01-01 12:05:19');
INSERT INTO game.scores VALUES (1, 5, '2026-01-01 12:00:26');
SET timestamp = UNIX_TIMESTAMP('2026-01-01 12:05:39');
INSERT INTO game.scores VALUES (2, 7, '2026-01-01 12:02:26');
SET timestamp = UNIX_TIMESTAMP('2026-01-01 12:06:13');
INSERT INTO game.scores VALUES (3, 3, '2026-01-01 12:03:39');
SET timestamp = UNIX_TIMESTAMP('2026-01-01 12:06:39');
INSERT INTO game.scores VALUES (4, 4, '2026-01-01 12:04:19');
SET timestamp = UNIX_TIMESTAMP('2026-01-01 12:07:06');
INSERT INTO game.scores VALUES (5, 8, '2026-01-01 12:03:06');
SET timestamp = UNIX_TIMESTAMP('2026-01-01 12:07:19');
INSERT INTO game.scores VALUES (6, 3, '2026-01-01 12:06:39');
SET timestamp = UNIX_TIMESTAMP('2026-01-01 12:08:19');
INSERT INTO game.scores VALUES (7, 9, '2026-01-01 12:01:26');
SET timestamp = UNIX_TIMESTAMP('2026-01-01 12:08:39');
INSERT INTO game.scores VALUES (8, 8, '2026-01-01 12:07:26');
SET timestamp = UNIX_TIMESTAMP('2026-01-01 12:09:00');
INSERT INTO game.scores VALUES (9, 1, '2026-01-01 12:07:46');

-- The log's clock goes on with commits only. This one lets the last window end, as a heartbeat table does on a live server.
SET timestamp = UNIX_TIMESTAMP('2026-01-01 12:11:00');
CREATE TABLE game.over (id INT PRIMARY KEY);
