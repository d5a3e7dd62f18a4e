"""PostgreSQL, the queue of record: schema, migrations, sealing, and all SQL."""
