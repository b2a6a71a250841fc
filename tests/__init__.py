"""The tests: rooms as in rxflow/, and contract, stress, benchmarks, typing."""
