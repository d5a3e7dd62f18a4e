"""Pulls: streams with their leases and cursors, the budget of calls, and what pulled copies bring along."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

UP = """
-- Null in every row so far, so nothing is rewritten, and the version before this one goes on beside it.
ALTER TABLE bodies ADD COLUMN url_id text;

CREATE TABLE streams (
    partner text NOT NULL,
    name text NOT NULL,
    holder text,
    epoch bigint NOT NULL DEFAULT 0,
    leased_until timestamptz,
    watermark timestamptz,
    pass_from timestamptz,
    pass_began timestamptz,
    pass_newest timestamptz,
    pass_sorted boolean NOT NULL DEFAULT true,
    next_page bytea,
    pages bigint NOT NULL DEFAULT 0,
    seen bigint NOT NULL DEFAULT 0,
    stored bigint NOT NULL DEFAULT 0,
    nameless bigint NOT NULL DEFAULT 0,
    read_at timestamptz,
    completed_at timestamptz,
    trouble text,
    trouble_at timestamptz,
    PRIMARY KEY (partner, name)
);

CREATE TABLE calls (
    partner text NOT NULL,
    next_at timestamptz NOT NULL DEFAULT '-infinity',
    paused_until timestamptz,
    failures integer NOT NULL DEFAULT 0,
    open_until timestamptz,
    trouble text,
    trouble_at timestamptz,
    answered_at timestamptz,
    PRIMARY KEY (partner)
);

CREATE TABLE surfaces (
    partner text NOT NULL,
    surface text NOT NULL,
    offered boolean NOT NULL,
    checked_at timestamptz NOT NULL,
    PRIMARY KEY (partner, surface)
);

CREATE TABLE deliveries (
    seq bigint NOT NULL,
    status text,
    status_code smallint,
    noted_at timestamptz NOT NULL,
    PRIMARY KEY (seq)
);

CREATE TABLE lookups (
    entity_id bigint NOT NULL,
    looked_at timestamptz NOT NULL,
    next_at timestamptz NOT NULL,
    state text NOT NULL,
    last_at timestamptz,
    fruitless smallint NOT NULL,
    trouble text,
    PRIMARY KEY (entity_id)
);
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute("DROP TABLE lookups, deliveries, surfaces, calls, streams")
    op.execute("ALTER TABLE bodies DROP COLUMN url_id")
