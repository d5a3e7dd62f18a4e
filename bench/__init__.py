"""Measurements that anyone can rerun: rxledger beside what it is compared with, in one run on one machine."""
