"""The drill's world: a small service on two managed hosts, its load, measurements, alarms, faults, and an SSM endpoint.

Nothing here knows ResiliBot: real processes, real traffic, real measurements; what ResiliBot sees of it, it sees
through AWS's own APIs.
"""
