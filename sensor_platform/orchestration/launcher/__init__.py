"""How runs are run: started warm, known to live or to be dead, recorded when failed, cleared away when old."""
