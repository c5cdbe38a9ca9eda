"""`kubectl hotupgrade`: what people look at, ask for and check."""
