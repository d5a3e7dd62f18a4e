"""What was missed is fetched: one runner a stream, a page and its cursor in one COMMIT (docs/decisions/0015).

`puller` runs one stream of a partner. The pharmacy's are in `event_streams`: `offers` says which there are,
`stream` reads events by time, `requests` polls single requests for theirs, `snapshots` reads its records. Of
a partner that has lists of records and no events they are in `record_streams`: `record_list` reads a list,
`record_singles` what has none. All call through `rate_gate`, which asks the budget and the circuit before,
and store through `store_page`, which puts a page into the inbox.
"""
