"""PostgreSQL, the queue of record: all SQL. A folder a family of tables; the caller opens the transaction."""
