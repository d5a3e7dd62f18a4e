"""Tests of pure code: no server, no socket, no clock."""
