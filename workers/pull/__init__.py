"""What was missed is fetched: one runner a stream, each page and its cursor in one COMMIT (decision 15).

`puller` says which streams there are and runs one of them: `stream` reads events by time, `requests` those of
single requests, `snapshots` the partner's records. All call through `gate`, which asks the budget and the
circuit before, and store through `keeping`, which puts a page into the inbox.
"""
