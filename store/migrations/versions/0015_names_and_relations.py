"""Which earlier request one replaces, and when a request was accepted that its callbacks rename."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE relations (
            entity_id bigint NOT NULL,
            relation text NOT NULL,
            key text COLLATE "C" NOT NULL,
            PRIMARY KEY (entity_id, relation, key)
        )
        """
    )
    op.execute("CREATE INDEX relations_key_idx ON relations (key)")
    op.execute(
        """
        CREATE TABLE acceptances (
            entity_id bigint PRIMARY KEY,
            accepted_at timestamptz NOT NULL
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE acceptances")
    op.execute("DROP TABLE relations")
