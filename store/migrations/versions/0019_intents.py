"""What is to go out once, recorded before it is sent."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE intents (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            what text NOT NULL,
            subject_kind text NOT NULL,
            subject_key text COLLATE "C" NOT NULL,
            part text COLLATE "C" NOT NULL,
            state text NOT NULL,
            holder text NOT NULL,
            at timestamptz NOT NULL,
            sent_at timestamptz,
            settled_at timestamptz,
            closed_at timestamptz,
            answer_id text COLLATE "C",
            code text,
            detail bytea NOT NULL,
            answer bytea
        )
        """
    )
    op.execute(
        "CREATE UNIQUE INDEX intents_standing_idx ON intents (what, subject_kind, subject_key, part) "
        "WHERE closed_at IS NULL"
    )
    op.execute("CREATE INDEX intents_open_idx ON intents (state) WHERE state IN ('sent', 'unknown')")


def downgrade() -> None:
    op.execute("DROP TABLE intents")
