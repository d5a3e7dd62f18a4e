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
    # Grants stay with the table under its new name; who had any, has them on the view too.
    op.execute(
        """
        DO $$
        DECLARE one record;
        BEGIN
            FOR one IN
                SELECT a.privilege_type, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END
                    AS grantee
                FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
                WHERE c.oid = 'event_facts'::regclass
                AND a.privilege_type IN ('SELECT', 'INSERT', 'DELETE')
            LOOP
                EXECUTE format('GRANT %s ON outcomes TO %s', one.privilege_type, one.grantee);
            END LOOP;
        END $$
        """
    )
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
