"""`rxledger up`: embedded servers, the data folder, and what keeps processes running on one machine."""
