"""What came: admitted, queued, claimed by workers, quarantined; and what the partner says of its pushes."""
