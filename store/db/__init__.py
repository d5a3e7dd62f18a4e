"""Connections and what every table needs: arrays, binary COPY, columns, locks, partitions, migrations."""
