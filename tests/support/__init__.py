"""What tests share: servers, senders and bodies made to measure."""
