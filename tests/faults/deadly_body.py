"""The body that ends the process of `deadly_app`; apart from it, since to load that is to have it so."""

DEADLY = b"deadly"
