import GRDB

/// The store's tables, one migration a release; what was released is never edited. Instants are milliseconds since 1970.
enum Migrations {
    static var all: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        for (name, sql) in steps { migrator.registerMigration(name) { try $0.execute(sql: sql) } }
        return migrator
    }

    private static let steps = [
        (
            "1",
            """
            CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

            -- The audit log: leaves in order, from 0.
            CREATE TABLE audit (
                number INTEGER PRIMARY KEY, hash BLOB NOT NULL, entry BLOB NOT NULL) STRICT;
            CREATE TABLE audit_checkpoints (size INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT;
            -- Changes that were recorded and have no outcome yet.
            CREATE TABLE audit_open (number INTEGER PRIMARY KEY REFERENCES audit) STRICT;

            CREATE TABLE tokens (
                id TEXT PRIMARY KEY, kind TEXT NOT NULL, digest BLOB NOT NULL, note TEXT NOT NULL,
                grants TEXT NOT NULL, made_by TEXT NOT NULL, made_at INTEGER NOT NULL,
                expires_at INTEGER NOT NULL, revoked_at INTEGER, revoked_by TEXT) STRICT, WITHOUT ROWID;

            CREATE TABLE overrides (
                id TEXT PRIMARY KEY, effect TEXT NOT NULL, author TEXT NOT NULL, reason TEXT NOT NULL,
                made_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, ended_at INTEGER, ended_by TEXT
            ) STRICT, WITHOUT ROWID;

            -- Every snapshot that was ever signed.
            CREATE TABLE generations (
                number INTEGER PRIMARY KEY, made_at INTEGER NOT NULL, author TEXT NOT NULL,
                reason TEXT NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL, overrides TEXT NOT NULL,
                payload BLOB NOT NULL, signature BLOB NOT NULL) STRICT;
            """
        ),
        (
            "2",
            """
            -- What became of the last trial restore of a backup. By the digest of its manifest and not by its
            -- name alone: another one under the same name was never tried.
            CREATE TABLE backup_checks (
                manifest BLOB NOT NULL, backup TEXT NOT NULL, checked_at INTEGER NOT NULL, problem TEXT,
                mend TEXT, PRIMARY KEY (backup, manifest)) STRICT, WITHOUT ROWID;
            """
        ),
        (
            "3",
            """
            -- Client keys beside those in the document. A workload is a name that the document may come to lack.
            CREATE TABLE client_keys (
                id TEXT PRIMARY KEY, hash TEXT NOT NULL, workload TEXT NOT NULL, note TEXT NOT NULL,
                made_by TEXT NOT NULL, made_at INTEGER NOT NULL, revoked_at INTEGER, revoked_by TEXT
            ) STRICT, WITHOUT ROWID;
            """
        ),
        (
            "4",
            """
            -- The newest roll-out, one row at most. Its generations stand in their own table, its history in the
            -- audit log.
            CREATE TABLE rollout (
                only INTEGER PRIMARY KEY CHECK (only = 1), good INTEGER NOT NULL, proposed INTEGER NOT NULL,
                restored INTEGER NOT NULL, phase TEXT NOT NULL, cause TEXT, canary TEXT,
                before_requests INTEGER NOT NULL, before_errors INTEGER NOT NULL,
                is_released INTEGER NOT NULL, author TEXT NOT NULL, reason TEXT NOT NULL,
                began_at INTEGER NOT NULL, changed_at INTEGER NOT NULL, outcome TEXT) STRICT;
            """
        ),
        (
            "5",
            """
            -- Drills as people see them, and what each says about fallbacks. What gateways have seen is in the view.
            CREATE TABLE drills (
                id TEXT PRIMARY KEY, plan TEXT NOT NULL, route TEXT, phase TEXT NOT NULL, verdict TEXT,
                began_at INTEGER NOT NULL, ended_at INTEGER, view TEXT NOT NULL, coverage TEXT NOT NULL
            ) STRICT, WITHOUT ROWID;
            CREATE INDEX drills_by_time ON drills (began_at, id);
            -- How far the calendars of the configuration are done with. One that it lacks meanwhile stays.
            CREATE TABLE drill_schedules (
                name TEXT PRIMARY KEY, handled_at INTEGER NOT NULL, announced_at INTEGER, last_at INTEGER,
                last_outcome TEXT, last_drill TEXT, last_problem TEXT, missed INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID;
            """
        ),
        (
            "6",
            """
            -- Whom the roll-out waits for, as a JSON list of ids: a restart must not forget that they are there.
            ALTER TABLE rollout ADD COLUMN gateways TEXT NOT NULL DEFAULT '[]';
            """
        ),
    ]
}
