"""Which runs to ask for and when: the sensors, the schedules, the jobs, and the decisions behind them."""
