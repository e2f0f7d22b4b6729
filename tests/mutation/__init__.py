"""Mutation tests of the cryptography: see docs/crypto-mutants.md."""
