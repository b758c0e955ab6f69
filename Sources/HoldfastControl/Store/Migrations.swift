import GRDB

/// The store's tables, one migration a release; what was released is never edited. Instants are milliseconds since 1970.
enum Migrations {
    static var all: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
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
                    """)
        }
        migrator.registerMigration("2") { database in
            try database.execute(
                sql: """
                    -- What became of the last trial restore of a backup. By the digest of its manifest and not by its
                    -- name alone: another one under the same name was never tried.
                    CREATE TABLE backup_checks (
                        manifest BLOB NOT NULL, backup TEXT NOT NULL, checked_at INTEGER NOT NULL, problem TEXT,
                        mend TEXT, PRIMARY KEY (backup, manifest)) STRICT, WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("3") { database in
            try database.execute(
                sql: """
                    -- Client keys beside those in the document. A workload is a name that the document may come to lack.
                    CREATE TABLE client_keys (
                        id TEXT PRIMARY KEY, hash TEXT NOT NULL, workload TEXT NOT NULL, note TEXT NOT NULL,
                        made_by TEXT NOT NULL, made_at INTEGER NOT NULL, revoked_at INTEGER, revoked_by TEXT
                    ) STRICT, WITHOUT ROWID;
                    """)
        }
        return migrator
    }
}
