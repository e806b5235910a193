"""Our own reference computation of FIPS 203 and FIPS 204, to know what a right answer is and to craft hard inputs.

NEVER USE THIS AS CRYPTOGRAPHY. It exists to judge other implementations: it leaks its secrets through timing and
memory by design, draws no randomness, wipes nothing, and lets a caller replace single steps by wrong ones.

``mlkem`` and ``mldsa`` are the two front doors; a batch is a list of byte strings, a single instance is a list of one.
The other modules are the steps of the standards, open to checks that need inner values.
"""
