"""What goes out to partners over money: a fill's payment, and checkouts (docs/decisions/0028).

`once` records what is to be sent, sends it and records what came of it; `payment_block` and `checkout` are
the two ways out.
"""
