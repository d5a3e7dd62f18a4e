"""The partners, emulated: a process of its own. Production code never imports it, and it none of theirs."""
