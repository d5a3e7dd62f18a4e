"""A fill in several parcels: the keyed hash of its first one's number, and where each of several is."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a default no row is written, and the version before this one goes on beside it.
    op.execute("ALTER TABLE entities ADD COLUMN parcel uuid")
    op.execute(
        """
        CREATE TABLE parcels (
            entity_id bigint NOT NULL,
            number uuid NOT NULL,
            state text NOT NULL,
            since timestamptz,
            due timestamptz,
            deadline timestamptz,
            PRIMARY KEY (entity_id, number)
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE parcels")
    op.execute("ALTER TABLE entities DROP COLUMN parcel")
