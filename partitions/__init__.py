"""Which cells belong together, who owns them, and how a tick goes through them."""
