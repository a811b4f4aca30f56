"""Partners that nobody sells, each one package's worth of code: what the contract must carry."""
