"""Model registry: cards, champions, promotion and rollback."""
