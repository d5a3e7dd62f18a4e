"""What people, scrapes and `doctor` ask of the tables: lists, counts, figures, the loss ledger."""
