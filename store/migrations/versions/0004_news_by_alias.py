"""What names its entity by an alias alone, and the row on which both sides of an alias meet."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UP = """
-- Whoever learns an alias and whoever asks for it write this row, so that one of the two sees the other.
CREATE TABLE alias_names (
    kind text COLLATE "C" NOT NULL,
    alias text COLLATE "C" NOT NULL,
    asked boolean NOT NULL,
    PRIMARY KEY (kind, alias)
);

CREATE TABLE alias_news (
    seq bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    alias text COLLATE "C" NOT NULL,
    key text COLLATE "C",
    stale boolean NOT NULL DEFAULT false,
    PRIMARY KEY (kind, alias, seq)
);
CREATE INDEX alias_news_seq_idx ON alias_news (seq);
CREATE INDEX alias_news_stale_idx ON alias_news (seq) WHERE stale;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute("DROP TABLE alias_news, alias_names")
