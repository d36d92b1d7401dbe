"""The front door and the ledger: takes orders, decides what comes next, tells clients."""
