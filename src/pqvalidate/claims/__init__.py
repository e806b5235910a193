"""Claims on supply chain and digital autonomy: what is declared, what is evidenced, and what a tool has validated."""
