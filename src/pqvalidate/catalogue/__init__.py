"""The catalogue: certificates, policy verdicts and their status, published so that anyone can check them offline."""
