"""How statements are planned in a transaction, said in it: no role, pooler or server may decide it for us."""

__all__ = ["UNCOMPILED"]

#: A condition that has the statements behind it in this transaction run without being compiled (`jit`). Those
#: that look into indexes for each of many are estimated to cost more than they do; to compile them takes a
#: fifth of a second each time, to run them some milliseconds.
UNCOMPILED = "(SELECT set_config('jit', 'off', true)) <> ''"
