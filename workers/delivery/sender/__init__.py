"""The sender: carries out planned actions in a CRM and writes scores back, for brokerages without a back end.

It is a process of its own, off by default, and the only one that reads tokens of a CRM.
"""
