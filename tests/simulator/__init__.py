"""Outages that are known, played through the real correlation: what is named, how soon, and what is not.

    fleets.py   seeded fleets: clouds, regions, carriers, versions, hardware, partners
    outages.py  labelled outages on them, and the noise of systems that fail by themselves
    replay.py   looks at their times -> detect -> ledger and witness -> names and classes, on a moved clock
    judged.py   precision, recall, time to name, classes; what ``python -m tests.soak simulator`` prints

Nothing is mocked: looks become findings by ``detect``, names come from the ledger, facts from the witness, classes from
the shipped telephony policy. What is left out is what takes time and decides nothing: the record and the contacts.
"""
