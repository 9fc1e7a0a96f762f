"""What models cost: prices, daily budgets, and the ledger of every paid call."""
