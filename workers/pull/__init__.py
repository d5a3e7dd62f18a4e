"""What was missed is fetched: one runner a stream, a page and its cursor in one COMMIT (docs/decisions/0015).

`offers` says which streams there are, and `puller` runs one of them: `stream` reads events by time,
`requests` polls single requests for theirs, `snapshots` reads the partner's records. All call through
`rate_gate`, which asks the budget and the circuit before, and store through `store_page`, which puts a page
into the inbox.
"""
