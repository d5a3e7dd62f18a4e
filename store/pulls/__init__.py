"""What is asked of the partner and when: cursors, schedules, the rate limit, surfaces."""
