"""What says which event stated which fact is named so; the version before finds it under the old name."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE outcomes RENAME TO event_facts")
    op.execute("ALTER INDEX outcomes_pkey RENAME TO event_facts_pkey")
    # The version before this one goes on beside it: it reads, deletes, inserts and copies into `outcomes`.
    # The first three a view does by itself; COPY wants a trigger. Both go with the migration after the next.
    op.execute("CREATE VIEW outcomes AS SELECT seq, entity_id, fact_id, callback_type FROM event_facts")
    op.execute(
        """
        CREATE FUNCTION outcomes_insert() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO event_facts (seq, entity_id, fact_id, callback_type)
            VALUES (NEW.seq, NEW.entity_id, NEW.fact_id, NEW.callback_type);
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER outcomes_insert INSTEAD OF INSERT ON outcomes "
        "FOR EACH ROW EXECUTE FUNCTION outcomes_insert()"
    )


def downgrade() -> None:
    op.execute("DROP VIEW outcomes")
    op.execute("DROP FUNCTION outcomes_insert")
    op.execute("ALTER INDEX event_facts_pkey RENAME TO outcomes_pkey")
    op.execute("ALTER TABLE event_facts RENAME TO outcomes")
